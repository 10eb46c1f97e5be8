#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the demonstration traces: a little of everything that boto3 does on S3."""
import io
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

MIB = 1 << 20
BUCKET = "demo"


def main(endpoint):
    s3 = boto3.client("s3", endpoint_url=endpoint, config=Config(read_timeout=100))
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="hello.txt", Body=b"hello, world\n")
    s3.upload_fileobj(io.BytesIO(bytes(11 * MIB)), BUCKET, "backup.tar",
                      Config=TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB))
    s3.list_objects_v2(Bucket=BUCKET)
    s3.head_object(Bucket=BUCKET, Key="backup.tar")
    s3.get_object(Bucket=BUCKET, Key="backup.tar")["Body"].read()
    s3.copy_object(Bucket=BUCKET, Key="slow-copy.txt", CopySource=BUCKET + "/hello.txt")
    s3.get_object(Bucket=BUCKET, Key="slow-copy.txt")["Body"].read()
    s3.put_object(Bucket=BUCKET, Key="busy.bin", Body=bytes(64 << 10))
    try:
        s3.get_object(Bucket=BUCKET, Key="reports/2024 q1.pdf")
    except ClientError:
        pass
    s3.delete_object(Bucket=BUCKET, Key="hello.txt")
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "backup.tar"}, {"Key": "busy.bin"}]})


if __name__ == "__main__":
    main(sys.argv[1])
