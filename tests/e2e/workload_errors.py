#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""boto3's calls that can fail with a 200, once each; prints what each raised.

argv: ENDPOINT CA BUCKET - prints one JSON object a call: key, failed, code and message, which
some versions of botocore do not say when it is the last attempt that fails with a 200"""
import json
import sys

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

endpoint, ca, bucket = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                  verify=ca if endpoint.startswith("https") else None,
                  aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="none",
                  config=Config(s3={"addressing_style": "path"},
                                retries={"total_max_attempts": 1}))
parts = {"Parts": [{"ETag": '"x"', "PartNumber": 1}]}
source = {"Bucket": bucket, "Key": "source"}
for call, key, more in (
        (s3.complete_multipart_upload, "complete", {"UploadId": "u", "MultipartUpload": parts}),
        (s3.complete_multipart_upload, "complete-long", {"UploadId": "u",
                                                         "MultipartUpload": parts}),
        (s3.complete_multipart_upload, "complete-good", {"UploadId": "u",
                                                         "MultipartUpload": parts}),
        (s3.copy_object, "copy", {"CopySource": source}),
        (s3.copy_object, "copy-good", {"CopySource": source}),
        (s3.upload_part_copy, "part", {"CopySource": source, "UploadId": "u", "PartNumber": 1}),
        (s3.get_object, "download", {}),
        (s3.get_object, "missing", {})):
    failed, error = False, {}
    try:
        call(Bucket=bucket, Key=key, **more)
    except ClientError as failure:
        failed, error = True, failure.response.get("Error", {})
    print(json.dumps({"key": key, "failed": failed, "code": error.get("Code"), "message": error.get("Message")}),
          flush=True)
