#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""boto3 doing every S3 operation ITERATIONS times, on a bucket that exists."""
import argparse
import os
import tempfile

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import ClientError

import clientlog

MIB = 1 << 20
TRANSFER = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB,
                          max_concurrency=3)
SMALL, LARGE = 1021, 11 * MIB + 7
NAMES = ("plain", "two words", "a+b=c&d", "\u00e9t\u00e9/\u65e5\u672c", "per%cent")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--iterations", type=int, default=23)
    parser.add_argument("--style", choices=("path", "virtual"), default="path")
    return parser.parse_args()


def client(endpoint, style, **more):
    config = Config(s3={"addressing_style": style}, max_pool_connections=4)
    made = boto3.session.Session().client("s3", endpoint_url=endpoint, config=config, **more)
    clientlog.watch(made.meta.events)
    return made


def refused(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ClientError:
        return
    raise SystemExit("a request that must be refused was not")


def iteration(s3, stranger, bucket, i, big):
    prefix = "boto3/%02d/" % i
    small, large, copy = prefix + NAMES[i % len(NAMES)], prefix + "large", prefix + "copy"
    plain = prefix + "source"

    s3.put_object(Bucket=bucket, Key=small, Body=os.urandom(SMALL + i))
    s3.put_object(Bucket=bucket, Key=plain, Body=b"")
    s3.upload_file(big, bucket, large, Config=TRANSFER)
    data = s3.get_object(Bucket=bucket, Key=small)["Body"].read()
    if len(data) != SMALL + i:
        raise SystemExit("read %d bytes of %d" % (len(data), SMALL + i))
    s3.download_file(bucket, large, big + ".back", Config=TRANSFER)
    s3.head_object(Bucket=bucket, Key=small)
    s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
    s3.list_objects(Bucket=bucket, Prefix=prefix, MaxKeys=2)
    s3.copy_object(Bucket=bucket, Key=copy, CopySource={"Bucket": bucket, "Key": plain})
    refused(s3.get_object, Bucket=bucket, Key=prefix + "none")
    refused(s3.head_object, Bucket=bucket, Key=prefix + "none")
    refused(stranger.get_object, Bucket=bucket, Key=small)
    refused(stranger.put_object, Bucket=bucket, Key=small, Body=b"x" * 4096)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": large}, {"Key": copy}]})
    s3.delete_object(Bucket=bucket, Key=small)
    s3.head_bucket(Bucket=bucket)


def main():
    args = arguments()
    s3 = client(args.endpoint, args.style)
    stranger = client(args.endpoint, args.style, aws_access_key_id="NOBODY",
                      aws_secret_access_key="NOTHING")
    with tempfile.TemporaryDirectory() as where:
        big = os.path.join(where, "big")
        with open(big, "wb") as f:
            f.write(os.urandom(LARGE))
        for i in range(args.iterations):
            iteration(s3, stranger, args.bucket, i, big)


if __name__ == "__main__":
    main()
