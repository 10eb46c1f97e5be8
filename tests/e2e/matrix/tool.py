# SPDX-License-Identifier: Apache-2.0
"""What the workloads share that drive a command-line program. Such programs keep no log."""
import argparse
import os
import subprocess
import sys
import tempfile
from urllib.parse import quote

MIB = 1 << 20
SMALL, PART, LARGE = 1021, 5 * MIB, 11 * MIB + 7


def run(*argv, status=0, env=None):
    """Its standard output as bytes; any other exit status ends the workload."""
    done = subprocess.run(list(map(str, argv)), capture_output=True,
                          env={**os.environ, **(env or {})})
    if done.returncode != status:
        sys.exit("%s: status %d, not %d: %s" % (" ".join(map(str, argv)), done.returncode, status,
                                                done.stderr.decode(errors="replace")))
    return done.stdout


def insist(condition, reason):
    if not condition:
        sys.exit(reason)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--program")
    return parser.parse_args()


def url(args, key="", query=""):
    return "%s/%s%s%s" % (args.endpoint, args.bucket, "/" + quote(key) if key else "", query)


def file_of(where, name, size):
    path = os.path.join(where, name)
    with open(path, "wb") as f:
        f.write(os.urandom(size))
    return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


def repeat(iteration):
    """iteration(args, where, i) as often as was asked; where is a directory."""
    args = arguments()
    with tempfile.TemporaryDirectory() as where:
        for i in range(args.iterations):
            iteration(args, where, i)
