#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""curl with URLs that boto3 signed, by versions 4 and 2, and with an unsigned one, ITERATIONS times.

The signatures go to the file presigned.secrets next to the client log."""
import argparse
import json
import os
import subprocess
import time
from urllib.parse import parse_qs, quote, urlsplit

import boto3
from botocore.client import Config

import clientlog

SIZE = 4  # of the object "curl/keep"


def get(bucket, key, url):
    start_ns = time.time_ns()
    done = subprocess.run(["curl", "-sSf", "-o", "/dev/null", "-w", "%{json}", url],
                          capture_output=True)
    end_ns = time.time_ns()
    if done.returncode:
        raise SystemExit("curl: %s" % done.stderr.decode())
    fact = json.loads(done.stdout)
    clientlog.record("GetObject", bucket, key, fact["http_code"], start_ns, end_ns, size=SIZE,
                     **clientlog.curl_clock(fact))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--iterations", type=int, default=23)
    args = parser.parse_args()
    key = "curl/keep"
    clients = [boto3.client("s3", endpoint_url=args.endpoint, config=Config(
        signature_version=version, s3={"addressing_style": "path"})) for version in ("s3v4", "s3")]
    secrets = []
    for i in range(args.iterations):
        for s3 in clients:
            url = s3.generate_presigned_url("get_object", Params={"Bucket": args.bucket, "Key": key},
                                            ExpiresIn=600 + i)
            query = parse_qs(urlsplit(url).query)
            for secret in query.get("X-Amz-Signature", []) + query.get("Signature", []):
                secrets += {secret, quote(secret, safe="")}
            get(args.bucket, key, url)
        get(args.bucket, key, "%s/%s/%s" % (args.endpoint, args.bucket, key))
    where = os.path.join(os.path.dirname(os.environ["CLIENT_LOG"]), "presigned.secrets")
    with open(where, "w") as f:
        f.write("\n".join(secrets))


if __name__ == "__main__":
    main()
