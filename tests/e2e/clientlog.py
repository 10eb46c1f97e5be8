# SPDX-License-Identifier: Apache-2.0
"""What a client did, by its own clock: one JSON object a line, one line an HTTP
request, appended to the file that the environment's CLIENT_LOG names.

operation, bucket, key   SDK names and clear text; key is null for bucket operations
status                   HTTP status, null if no answer came
size                     object bytes sent or received, null where none are
request_size, response_size   body bytes on the wire, null where not known
start_ns, end_ns         wall clock around the request: never shorter than it
latency_max_ms           the longest that the request can have taken, only where the client times it
                         more closely than around everything (curl)
request_id, error_code   as the client was told, null if it was not

watch() hooks this into botocore: in boto3, and as a plug-in in the AWS CLI, whose
[plugins] section loads this file and calls awscli_initialize().
"""
import json
import os
import threading
import time

NO_DATA = ("HeadObject", "HeadBucket")


def record(operation, bucket=None, key=None, status=None, start_ns=None, end_ns=None, **more):
    line = dict(operation=operation, bucket=bucket, key=key, status=status,
                size=more.pop("size", None), start_ns=start_ns, end_ns=end_ns, **more)
    fd = os.open(os.environ["CLIENT_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        os.write(fd, json.dumps(line).encode() + b"\n")  # one write: lines stay whole
    finally:
        os.close(fd)


def read(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def curl_clock(fact):
    """From curl's --write-out %{json}. curl takes no time at the moment that it begins to send: it
    is after connecting."""
    connected = fact["time_appconnect"] or fact["time_connect"]
    return {"latency_max_ms": 1000 * (fact["time_total"] - connected)}


_call = threading.local()  # a botocore call stays on one thread until its response is parsed


def _before_build(params, **_):
    _call.names = params.get("Bucket"), params.get("Key")


def _before_send(request, **_):
    headers = {k.lower(): v.decode() if isinstance(v, bytes) else v
               for k, v in request.headers.items()}
    length = headers.get("content-length")
    chunked = "transfer-encoding" in headers or "aws-chunked" in headers.get("content-encoding", "")
    _call.request_size = None if chunked else int(length or 0)
    _call.object_size = int(headers.get("x-amz-decoded-content-length") or length or 0)
    _call.start_ns = time.time_ns()


def _response_received(parsed_response, response_dict, event_name, **_):
    end_ns = time.time_ns()
    operation = event_name.rsplit(".", 1)[1]
    bucket, key = _call.names
    line = dict(operation=operation, bucket=bucket, key=key, start_ns=_call.start_ns,
                request_size=_call.request_size)
    if operation in ("PutObject", "UploadPart"):
        line["size"] = _call.object_size
    if parsed_response is None:
        return record(end_ns=end_ns, **line)
    line["status"] = parsed_response["ResponseMetadata"]["HTTPStatusCode"]
    headers = {k.lower(): v for k, v in response_dict["headers"].items()}
    line["request_id"] = headers.get("x-amz-request-id")
    if operation in NO_DATA:
        return record(end_ns=end_ns, response_size=0, **line)
    line["error_code"] = parsed_response.get("Error", {}).get("Code")
    body = parsed_response.get("Body")
    if hasattr(body, "read"):
        return _follow(body, int(headers["content-length"]), line)
    record(end_ns=end_ns, response_size=len(response_dict["body"]), **line)


def _follow(body, length, line):
    """The request ends when the program has read the whole object: then it is recorded."""
    inner, done = body.read, [0]

    def read_(*args, **kwargs):
        data = inner(*args, **kwargs)
        if done[0] >= 0:
            done[0] += len(data)
            if done[0] == length:
                record(end_ns=time.time_ns(), size=length, response_size=length, **line)
                done[0] = -1
        return data

    body.read = read_


def watch(events):
    """Records every S3 request made through a botocore event emitter."""
    events.register("before-parameter-build.s3", _before_build)
    events.register("before-send.s3", _before_send)
    events.register("response-received.s3", _response_received)


awscli_initialize = watch
