#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""boto3 fetching keys, and what its own log and clock say about each attempt.

argv: ENDPOINT CA BUCKET ATTEMPTS READ_TIMEOUT KEY... - prints one JSON object a key:
    delays     seconds that botocore's log says it sleeps
    gaps       ms from the response's last byte to the next request's first, of its own clock
    connects   ms that new connections took within the gaps
    total      ms from the first attempt's first byte to the last response's last
    error      the class of what the call raised, null: nothing"""
import http.client
import json
import logging
import sys
import time

import boto3
from botocore.client import Config

endpoint, ca, bucket, attempts, timeout, *keys = sys.argv[1:]


class Log(logging.Handler):
    """Botocore's debug log: when a response was whole, and how long it sleeps then."""
    def emit(self, record):
        now = time.monotonic()
        if record.msg.startswith("Response headers"):
            answered.append(now)
        elif record.msg.startswith("Response received to retry, sleeping"):
            delays.append(record.args[0])


class Clock:
    """When the first byte of each request is handed over."""
    def __init__(self):
        self.plain_send, self.plain_output = http.client.HTTPConnection.send, None

    def send(self, connection, data):
        if connection.sock is None:
            begin = time.monotonic()
            connection.connect()
            self.took(begin)
        if isinstance(data, bytes) and b" HTTP/1.1\r\n" in data:
            sent.append(time.monotonic())
        self.plain_send(connection, data)

    @staticmethod
    def took(begin):
        if answered:
            connects.append(1000 * (time.monotonic() - begin))


def measured(connect):
    def wrapper(self):
        begin = time.monotonic()
        connect(self)
        clock.took(begin)
    return wrapper


clock = Clock()
http.client.HTTPConnection.send = lambda self, data: clock.send(self, data)
for name in ("botocore.endpoint", "botocore.parsers"):
    logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger(name).addHandler(Log())
verify = ca if endpoint.startswith("https") else None
s3 = boto3.session.Session().client(
    "s3", endpoint_url=endpoint, verify=verify, region_name="us-east-1",
    aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="none",
    config=Config(s3={"addressing_style": "path"}, read_timeout=float(timeout),
                  retries={"mode": "standard", "total_max_attempts": int(attempts)}))
if verify:
    import botocore.awsrequest
    https = botocore.awsrequest.AWSHTTPSConnection
    https.connect = measured(https.connect)
for key in keys:
    answered, delays, sent, connects, error = [], [], [], [], None
    try:
        s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except Exception as failure:
        error = type(failure).__name__
    print(json.dumps({
        "key": key, "delays": delays, "error": error, "connects": connects,
        "gaps": [1000 * (b - a) for a, b in zip(answered, sent[1:])],
        "total": 1000 * ((answered or [time.monotonic()])[-1] - sent[0])}), flush=True)
