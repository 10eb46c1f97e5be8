#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's s3cmd with its arguments, recording each request as clientlog.py says.

s3cmd's own S3Request says what is meant, the http.client under it when and how much."""
import http.client
import re
import threading
import time

import S3.S3
from S3.ConnMan import ConnMan

import clientlog

S3CMD = "/usr/bin/s3cmd"

# method, has a key, parameter that decides (None: none of the others) -> operation
OPERATIONS = {
    ("GET", False, None): "ListObjects",
    ("GET", False, "location"): "GetBucketLocation",
    ("POST", False, "delete"): "DeleteObjects",
    ("GET", True, None): "GetObject",
    ("HEAD", True, None): "HeadObject",
    ("PUT", True, None): "PutObject",
    ("PUT", True, "x-amz-copy-source"): "CopyObject",
    ("PUT", True, "partNumber"): "UploadPart",
    ("POST", True, "uploads"): "CreateMultipartUpload",
    ("POST", True, "uploadId"): "CompleteMultipartUpload",
    ("DELETE", True, None): "DeleteObject",
    ("GET", True, "acl"): "GetObjectAcl",
}
DECIDING = ("location", "delete", "partNumber", "uploads", "uploadId", "acl", "x-amz-copy-source")


class Current(threading.local):
    request = line = response = None
    received, text = 0, b""


current = Current()


def around(owner, name):
    """Replaces owner.name by the decorated function, which gets the original first."""
    original = getattr(owner, name)

    def put(function):
        def wrapper(*args, **kwargs):
            return function(original, *args, **kwargs)
        setattr(owner, name, wrapper)
        return function
    return put


@around(S3.S3.S3Request, "get_triplet")
def get_triplet(original, request):
    current.request = request
    return original(request)


@around(http.client.HTTPConnection, "putrequest")
def putrequest(original, connection, *args, **kwargs):
    request = current.request
    key = request.resource["uri"][1:] or None
    said = {**request.params, **request.headers}
    deciding = next((p for p in DECIDING if p in said), None)
    length = int(said.get("content-length") or len(request.body or b""))
    operation = OPERATIONS[request.method_string, key is not None, deciding]
    current.line = dict(operation=operation, bucket=request.resource["bucket"], key=key,
                        start_ns=time.time_ns(), request_size=length)
    if operation in ("PutObject", "UploadPart"):
        current.line["size"] = length
    current.received, current.text = 0, b""
    return original(connection, *args, **kwargs)


@around(http.client.HTTPConnection, "getresponse")
def getresponse(original, connection):
    current.response = response = original(connection)
    inner = response.read

    def read(*args):
        data = inner(*args)
        current.received += len(data)
        current.text = (current.text + data)[:4096]
        return data

    response.read = read
    return response


def finish():
    line, response = current.line, current.response
    current.line = current.response = None
    if line is None or response is None:
        return
    found = re.search(rb"<Error><Code>(\w+)<", current.text)
    if line["operation"] == "GetObject" and response.status < 300:
        line["size"] = current.received
    clientlog.record(status=response.status, end_ns=time.time_ns(),
                     response_size=current.received,
                     request_id=response.getheader("x-amz-request-id"),
                     error_code=found and found.group(1).decode(), **line)


@around(ConnMan, "put")
def put(original, connection):
    finish()
    return original(connection)


@around(ConnMan, "close")
def close(original, connection):
    finish()
    return original(connection)


def program():
    """s3cmd, read and compiled: a function that runs it with the sys.argv of then."""
    with open(S3CMD) as f:
        code = compile(f.read(), S3CMD, "exec")
    return lambda: exec(code, {"__name__": "__main__", "__file__": S3CMD})


if __name__ == "__main__":
    program()()
