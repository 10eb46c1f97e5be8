#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""boto3 fetching keys from a server that throttles, and botocore's own log of it.

argv: MODE ENDPOINT CA BUCKET KEY... - prints one JSON object a key, times in CLOCK_MONOTONIC ms:
    delays    how long the log says it sleeps
    answered  when the log said that a response was there, whole
    sending   when the log said that a request would be sent now"""
import json
import logging
import sys
import time

import boto3
from botocore.client import Config

mode, endpoint, ca, bucket, *keys = sys.argv[1:]
answered, sending, delays = [], [], []


class Log(logging.Handler):
    def emit(self, record):
        now = time.monotonic() * 1000
        if record.msg.startswith("Response headers"):
            answered.append(now)
        elif record.msg.startswith("Sending http request"):
            sending.append(now)
        elif record.msg.startswith("Response received to retry, sleeping"):
            delays.append(record.args[0] * 1000)


for name in ("botocore.endpoint", "botocore.parsers"):
    logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger(name).addHandler(Log())
s3 = boto3.session.Session().client(
    "s3", endpoint_url=endpoint, verify=ca if endpoint.startswith("https") else None,
    region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="none",
    config=Config(s3={"addressing_style": "path"},
                  retries={"mode": mode, "total_max_attempts": 3}))
for key in keys:
    for times in (answered, sending, delays):
        times.clear()
    s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    print(json.dumps({"key": key, "delays": delays, "answered": answered, "sending": sending}),
          flush=True)
