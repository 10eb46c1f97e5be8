#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""boto3 moving one object, and what its own clock says.

argv: ENDPOINT CA BUCKET KEY BYTES PART_BYTES CONCURRENCY up|down|abort|leave

up is upload_file() of so many bytes, down download_file(); abort uploads two parts by hand, one
after the other, and aborts; leave does not even that. Prints one JSON object:
    took       ms of the whole call
    parts      ms of each part by its number, from before it is signed to after its answer is parsed
"""
import json
import sys
import tempfile
import threading
import time
import types

import boto3
import s3transfer.upload
from boto3.s3.transfer import TransferConfig
from botocore.client import Config

endpoint, ca, bucket, key, size, part, concurrency, what = sys.argv[1:]
size, part, concurrency = int(size), int(part), int(concurrency)
parts, begun = {}, threading.local()


def before(params, **_):
    begun.at = time.monotonic()
    begun.part = int(params["query_string"]["partNumber"])


def after(**_):
    took = 1000 * (time.monotonic() - begun.at)
    parts[begun.part] = max(took, parts.get(begun.part, 0))


s3 = boto3.session.Session().client(
    "s3", endpoint_url=endpoint, verify=ca if endpoint.startswith("https") else None,
    region_name="us-east-1", aws_access_key_id="S3RVER", aws_secret_access_key="S3RVER",
    config=Config(s3={"addressing_style": "path"}, max_pool_connections=concurrency,
                  retries={"mode": "standard", "total_max_attempts": 3}))
s3.meta.events.register("before-call.s3.UploadPart", before)
s3.meta.events.register("after-call.s3.UploadPart", after)
transfer = TransferConfig(multipart_threshold=part, multipart_chunksize=part,
                          max_concurrency=concurrency)
# 5 MiB is the least that Amazon takes, and the least that boto3 sends: too much for a busy machine.
s3transfer.upload.ChunksizeAdjuster = lambda: types.SimpleNamespace(
    adjust_chunksize=lambda size, file_size=None: size)
with tempfile.NamedTemporaryFile() as file:
    if what == "up":
        file.truncate(size)
    start = time.monotonic()
    if what == "up":
        s3.upload_file(file.name, bucket, key, Config=transfer)
    elif what == "down":
        s3.download_file(bucket, key, file.name, Config=transfer)
    else:
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        for number in (1, 2):
            s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number,
                           Body=b"x" * size)
        if what == "abort":
            s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    print(json.dumps({"took": 1000 * (time.monotonic() - start), "parts": parts}))
