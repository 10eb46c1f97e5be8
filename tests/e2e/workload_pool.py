#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""boto3 with more threads than its pool has connections: what finds none opens one anew, and
throws it away afterwards. Rounds in which every thread holds a connection at the same time, so
that their number is known: all of the first round, and all but one of each other.

argv: ENDPOINT CA BUCKET THREADS ROUNDS - prints one JSON object:
    connects   ms that each call took which opens a connection, of its own clock
    gets       ms that each get_object took, with its body
    discarded  how often urllib3 said that it threw one away"""
import json
import logging
import sys
import threading
import time

import boto3
import urllib3.connectionpool
from botocore.awsrequest import AWSHTTPSConnection
from botocore.client import Config

endpoint, ca, bucket, threads, rounds = sys.argv[1:]
threads, rounds = int(threads), int(rounds)
connects, gets, discarded = [], [], []
holding = threading.Barrier(threads)
returned = threading.Barrier(threads)


class Discards(logging.Handler):
    """urllib3 says what a small pool costs, if anybody listens."""
    def emit(self, record):
        if "Connection pool is full" in record.msg:
            discarded.append(record.msg)


def holding_together(get):
    def wrapper(self, timeout=None):
        connection = get(self, timeout)
        holding.wait(60)
        return connection
    return wrapper


def measured(connect):
    def wrapper(self):
        begin = time.monotonic()
        connect(self)
        connects.append(1000 * (time.monotonic() - begin))
    return wrapper


def work(which):
    for turn in range(rounds):
        begin = time.monotonic()
        s3.get_object(Bucket=bucket, Key=f"pool/{which}/{turn}")["Body"].read()
        gets.append(1000 * (time.monotonic() - begin))
        returned.wait(60)


logging.getLogger("urllib3.connectionpool").addHandler(Discards())
AWSHTTPSConnection.connect = measured(AWSHTTPSConnection.connect)
pool = urllib3.connectionpool.HTTPConnectionPool
pool._get_conn = holding_together(pool._get_conn)
s3 = boto3.session.Session().client(
    "s3", endpoint_url=endpoint, verify=ca, region_name="us-east-1",
    aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="none",
    config=Config(s3={"addressing_style": "path"}, max_pool_connections=1,
                  retries={"total_max_attempts": 1}))
workers = [threading.Thread(target=work, args=(which,)) for which in range(threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(json.dumps({"connects": connects, "gets": gets, "discarded": len(discarded)}))
