#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is not S3, ITERATIONS times: STS with credentials from the instance metadata service, that
service by hand, a Prometheus scrape and a health check."""
import argparse
import os
import ssl
import urllib.request

import boto3
from botocore.utils import InstanceMetadataFetcher

PROMETHEUS = {"User-Agent": "Prometheus/2.45.0", "X-Prometheus-Scrape-Timeout-Seconds": "10",
              "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4"}


def ask(method, url, headers):
    request = urllib.request.Request(url, method=method, headers=headers)
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    with urllib.request.urlopen(request, timeout=60, context=context) as answer:
        return answer.read().decode()


def iteration(clients, plain):
    for sts in clients:
        url = sts.meta.endpoint_url
        sts.get_caller_identity()
        ask("GET", url + "/metrics", PROMETHEUS)
        ask("GET", url + "/api/health", {"User-Agent": "Grafana/10.0"})
    InstanceMetadataFetcher(config={"ec2_metadata_service_endpoint": plain + "/"},
                            num_attempts=1).retrieve_iam_role_credentials()
    token = ask("PUT", plain + "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "21600"})
    ask("GET", plain + "/latest/meta-data/", {"X-aws-ec2-metadata-token": token})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--http", required=True)
    parser.add_argument("--https", required=True)
    parser.add_argument("--iterations", type=int, default=23)
    args = parser.parse_args()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.pop(name)
    os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = args.http
    session = boto3.session.Session()
    clients = [session.client("sts", endpoint_url=url) for url in (args.http, args.https)]
    for _ in range(args.iterations):
        iteration(clients, args.http)


if __name__ == "__main__":
    main()
