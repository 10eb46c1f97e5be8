# SPDX-License-Identifier: Apache-2.0
"""The server's access log against the trace: for any client, whether it can report itself or not.

nginx gives each answer a request id of its own and logs it; the tracer reads it from the answer.
So each line has exactly one row, and every row a line: what was asked, how it was answered, how
many bytes, and between which addresses. And no answer is there before nginx had its head from s3rver."""
import collections
import re
import statistics
import time
import urllib.request
from urllib.parse import unquote, urlsplit

LOG_SECONDS = 60

# method, has a key, parameter that decides (None: none of the others) -> operation
OPERATIONS = {
    ("PUT", False, None): "CreateBucket",
    ("HEAD", False, None): "HeadBucket",
    ("GET", False, None): "ListObjects",
    ("GET", False, "list-type"): "ListObjectsV2",
    ("GET", False, "location"): "GetBucketLocation",
    ("GET", False, "acl"): "GetBucketAcl",
    ("GET", False, "uploads"): "ListMultipartUploads",
    ("POST", False, "delete"): "DeleteObjects",
    ("GET", True, None): "GetObject",
    ("GET", True, "acl"): "GetObjectAcl",
    ("HEAD", True, None): "HeadObject",
    ("PUT", True, None): "PutObject",
    ("PUT", True, "copy source"): "CopyObject",
    ("PUT", True, "partNumber"): "UploadPart",
    ("POST", True, "uploads"): "CreateMultipartUpload",
    ("POST", True, "uploadId"): "CompleteMultipartUpload",
    ("DELETE", True, None): "DeleteObject",
    ("DELETE", True, "uploadId"): "AbortMultipartUpload",
}
DECIDING = {parameter for _, _, parameter in OPERATIONS}


def meaning(line):
    """Operation, bucket and key of a path-style request, as the server was asked."""
    url = urlsplit(line["uri"])
    bucket, _, key = url.path.lstrip("/").partition("/")
    if not bucket:
        return "ListBuckets", None, None
    # DELETE ?uploadId is decided by it; UploadPart has it, too, and is decided by its number.
    names = re.findall(r"(?:^|&)([^=&]+)", url.query)
    names += ["copy source"] if line["copy_source"] else []
    deciding = [n for n in names if n in DECIDING]
    parameter = "partNumber" if "partNumber" in deciding else (deciding or [None])[0]
    operation = OPERATIONS.get((line["method"], bool(key), parameter))
    return operation, unquote(bucket), unquote(key) or None


def served(server, before):
    """What was logged after that many lines. A client may have ended before nginx, which has one
    process for all, logs its last answer; but that is before it logs the answer to our question."""
    mark = "/?after=%d" % before
    urllib.request.urlopen(server.witnessed("http")[0] + mark, timeout=LOG_SECONDS).close()
    deadline = time.monotonic() + LOG_SECONDS
    while time.monotonic() < deadline:
        lines = server.access_log()[before:]
        for i, line in enumerate(lines):
            if line["uri"] == mark:
                return lines[:i]
        time.sleep(0.02)
    raise TimeoutError("nginx logs nothing")


def faults(line, row):
    """What is wrong with this row for this line: a list of sentences."""
    found = []

    def same(what, wanted, got):
        if wanted != got:
            found.append("%s is %r, not %r" % (what, got, wanted))

    for name, wanted in zip(("operation", "bucket", "key"), meaning(line)):
        same(name, wanted, row[name])
    same("method", line["method"], row["method"])
    same("path", line["uri"], row["path"])
    same("endpoint", line["host"], row["endpoint"])
    same("status_code", line["status"], row["status_code"])
    same("host_id", "host-" + line["request_id"], row["host_id"])
    if line["status"] < 300:  # a body that is refused may be sent or not
        if line["content_length"] or line["method"] in ("GET", "HEAD"):
            same("request_size", int(line["content_length"] or 0), row["request_size"])
        if line["method"] == "HEAD":
            same("response_size", 0, row["response_size"])
        elif line["response_length"]:
            same("response_size", int(line["response_length"]), row["response_size"])

    # Both ends of the connection, or unknown; never another's.
    for ours, theirs in (("peer_address", "server_address"), ("peer_port", "server_port"),
                         ("local_address", "client_address"), ("local_port", "client_port")):
        if row.get(ours) is not None:
            same(ours, line[theirs], row[ours])
    return found


def problems(lines, rows):
    """Every request once: a list of sentences, empty if so."""
    by_id = collections.defaultdict(list)
    for row in rows:
        by_id[row["request_id"]].append(row)
    found = []
    for line in lines:
        name = "%s %s %s" % (line["method"], line["uri"], line["status"])
        mine = by_id.pop(line["request_id"], [])
        if not mine:
            found.append("missing: " + name)
        elif len(mine) > 1:
            found.append("%d times: %s" % (len(mine), name))
        else:
            found += ["wrong: %s: %s" % (name, "; ".join(wrong))
                      for wrong in [faults(line, mine[0])] if wrong]
    found += ["extra: %s %s %s via %s, request id %s"
              % (row["method"], row["path"], row["status_code"], row["via"], row["request_id"])
              for some in by_id.values() for row in some]
    return found


def too_short(lines, rows):
    """By how many ms the rows are shorter than nginx's own wait for s3rver, in the median; 0: none.
    nginx reads its clock once a turn of its loop, in whole ms: what comes within a turn may be
    timed from before, one request at a time."""
    latency = {row["request_id"]: row["latency_ms"] for row in rows}
    short = [float(line["header_time"]) * 1000 - 1 - latency[line["request_id"]] for line in lines
             if line["header_time"].replace(".", "", 1).isdigit() and line["request_id"] in latency]
    return max(0, statistics.median(short or [0]))
