#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The AWS Common Runtime's own S3 client, which splits objects into parts by itself.

It takes the port from the scheme, and looks the host up: it has to know it."""
import os
from urllib.parse import quote, urlsplit

from awscrt.auth import AwsCredentialsProvider
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import (ClientBootstrap, ClientTlsContext, DefaultHostResolver, EventLoopGroup,
                       TlsContextOptions)
from awscrt.s3 import S3Client, S3RequestTlsMode, S3RequestType

from tool import LARGE, PART, SMALL, arguments, file_of, insist, read, repeat

REGION = "us-east-1"
SECONDS = 60

_client = None


def client(args):
    global _client
    if _client is None:
        group = EventLoopGroup()
        tls = TlsContextOptions()
        tls.override_default_trust_store_from_path(None, os.environ["SSL_CERT_FILE"])
        https = urlsplit(args.endpoint).scheme == "https"
        _client = S3Client(
            bootstrap=ClientBootstrap(group, DefaultHostResolver(group)), region=REGION,
            tls_mode=S3RequestTlsMode.ENABLED if https else S3RequestTlsMode.DISABLED,
            tls_connection_options=ClientTlsContext(tls).new_connection_options() if https else None,
            credential_provider=AwsCredentialsProvider.new_static(
                os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]),
            part_size=PART)
    return _client


def call(args, method, key=None, query="", refused=False, kind=S3RequestType.DEFAULT, **files):
    path = "/" + args.bucket + ("/" + quote(key) if key else "") + query
    headers = HttpHeaders([("host", urlsplit(args.endpoint).netloc)])
    if "send_filepath" in files:
        headers.add("content-length", str(os.path.getsize(files["send_filepath"])))
    request = client(args).make_request(
        type=kind, request=HttpRequest(method, path, headers), **files)
    error = request.finished_future.exception(SECONDS)
    insist((error is not None) == refused, "%s %s: %r" % (method, path, error))


def iteration(args, where, i):
    prefix = "matrix/%02d/" % i
    small, large, none = (prefix + n for n in ("small file", "large", "none"))
    put, get = S3RequestType.PUT_OBJECT, S3RequestType.GET_OBJECT
    for key, size in ((small, SMALL + i), (large, LARGE)):
        path, back = file_of(where, "there", size), os.path.join(where, "back")
        call(args, "PUT", key, kind=put, send_filepath=path)
        call(args, "GET", key, kind=get, recv_filepath=back)
        insist(read(back) == read(path), "read something else than was written")
    call(args, "HEAD", small)
    call(args, "GET", query="?list-type=2&prefix=" + quote(prefix, safe=""))
    call(args, "GET", none, kind=get, refused=True)
    call(args, "DELETE", large)
    call(args, "DELETE", small)


repeat(iteration)
