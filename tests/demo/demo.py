#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`make demo`: traces boto3 on an HTTPS S3 server on loopback. No network is needed.

Ends with status 0 only if every request that the server served is a row of the table."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(HERE)]
import harness  # noqa: E402
from server import ACCESS_KEY, Server  # noqa: E402


def environment(ca):
    """The client's whole environment: nobody's profile, proxy or CA is in the way."""
    home = str(harness.scratch())
    return {"PATH": os.defpath, "HOME": home, "AWS_CA_BUNDLE": ca, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "1"}


def trace(server, ca):
    """Runs the tracer; its table goes to our output. Its exit status, and the rows seen."""
    variables = ["%s=%s" % pair for pair in environment(ca).items()]
    workload = [harness.PYTHON, str(HERE / "workload.py"), server.url]
    print("$ s3slower -- python3 workload.py %s\n" % server.url, flush=True)
    tracer = subprocess.Popen([harness.S3SLOWER, "--", "/usr/bin/env", "-i", *variables, *workload],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              errors="replace")
    rows = 0
    for line in tracer.stdout:
        print(line, end="", flush=True)
        rows += "localhost:" in line
    return tracer.wait(), rows


def main():
    if os.geteuid() != 0:
        sys.exit("demo: tracing needs root: sudo make demo")
    if not os.access(harness.S3SLOWER, os.X_OK):
        sys.exit("demo: %s is not there: make" % harness.S3SLOWER)
    certificates = harness.certificates()
    try:
        with Server(certificates.cert, certificates.key) as server:
            status, rows = trace(server, certificates.ca)
            served = server.served
    finally:
        harness.remove_scratch()
    print("\nThe server answered %d requests, the table has %d of them." % (served, rows))
    return 0 if status == 0 and rows == served > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
