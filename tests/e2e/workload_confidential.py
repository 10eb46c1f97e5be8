#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Says in confidence all that an S3 client can: signatures of both versions in headers and in
URLs, a session token in both, SSE-C keys of objects and of copies' sources. What was asked for
under echo* comes back in the server's error.

argv: ENDPOINT CA BUCKET --secret-key KEY --session-token TOKEN - on the command line, because
that is a place, too, where a tracer meets them. Prints how many requests were made."""
import argparse
import subprocess

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

SSE = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": bytes(range(3, 35))}
SOURCE_SSE = {"CopySourceSSECustomerAlgorithm": "AES256",
              "CopySourceSSECustomerKey": bytes(range(99, 131))}


def refused(call, **more):
    try:
        call(**more)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "SignatureDoesNotMatch", error
        return
    raise SystemExit("not refused: %s" % more)


def curl(ca, url, *more):
    subprocess.run(["curl", "-sS", "--cacert", ca, "-o", "/dev/null", *more, url], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("endpoint", "ca", "bucket"):
        parser.add_argument(name)
    parser.add_argument("--secret-key", required=True)
    parser.add_argument("--session-token", required=True)
    args = parser.parse_args()
    requests = []
    for version in ("s3v4", "s3"):
        s3 = boto3.client(
            "s3", endpoint_url=args.endpoint, region_name="us-east-1",
            verify=args.ca if args.endpoint.startswith("https") else None,
            aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key=args.secret_key,
            aws_session_token=args.session_token, config=Config(
                signature_version=version, s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1}))
        s3.meta.events.register("before-send.s3", lambda request, **_: requests.append(request))
        s3.put_object(Bucket=args.bucket, Key="put", Body=b"body", **SSE)
        s3.get_object(Bucket=args.bucket, Key="get", **SSE)["Body"].read()
        s3.copy_object(Bucket=args.bucket, Key="copy", CopySource={"Bucket": args.bucket,
                                                                   "Key": "put"},
                       **SSE, **SOURCE_SSE)
        refused(s3.get_object, Bucket=args.bucket, Key="echo-key", **SSE)
        refused(s3.list_objects_v2, Bucket=args.bucket, Prefix="x")
        for key in ("presigned", "echo-presigned", "slow"):
            url = s3.generate_presigned_url("get_object", Params={"Bucket": args.bucket,
                                                                  "Key": key})
            curl(args.ca, url)
            requests.append(url)
    # curl signs by itself: its command line has the secret key
    curl(args.ca, "%s/%s/echo-curl" % (args.endpoint, args.bucket), "--aws-sigv4",
         "aws:amz:us-east-1:s3", "--user", "AKIDEXAMPLE:" + args.secret_key, "-H",
         "x-amz-security-token: " + args.session_token, "-H",
         "x-amz-content-sha256: UNSIGNED-PAYLOAD")
    print(len(requests) + 1)


if __name__ == "__main__":
    main()
