#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""curl --aws-sigv4 doing every S3 operation ITERATIONS times, on a bucket that exists."""
import argparse
import json
import os
import re
import subprocess
import tempfile
import time
from urllib.parse import quote

import clientlog

MIB = 1 << 20
SMALL, LARGE, PART = 1021, 11 * MIB + 7, 5 * MIB
SIGNED = ("--aws-sigv4", "aws:amz:us-east-1:s3", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD")
USER = ("--user", "S3RVER:S3RVER")
STRANGER = ("--user", "NOBODY:S3RVER")
WRITE_OUT = "%{stderr}\n%{json}\n"


class Step:
    """One request: its meaning, curl's arguments, and the bytes that are the object's."""

    def __init__(self, operation, key, *args, query="", sent=None, body=0, user=USER, got=False):
        self.operation, self.key, self.args, self.query = operation, key, args, query
        self.sent, self.body, self.user, self.got = sent, body, user, got


class Bucket:
    """A bucket by URL; name is what the client log calls it. Host names are not looked up."""

    def __init__(self, base, name, where, address):
        self.base, self.name, self.where = base, name, where
        self.connect = ("--connect-to", "::" + address) if address else ()

    def run(self, *steps):
        """All steps in one curl, on one connection: the standard output of each."""
        argv, outs = ["curl"], []
        for n, step in enumerate(steps):
            out = os.path.join(self.where, "out.%d" % n)
            url = self.base + ("/" + quote(step.key) if step.key else "") + step.query
            argv += [*(["--next"] if n else []), "-sS", "-o", out, "-w", WRITE_OUT, *self.connect,
                     *SIGNED, *step.user, *step.args, url]
            outs.append(out)
        start_ns = time.time_ns()
        done = subprocess.run(argv, capture_output=True)
        end_ns = time.time_ns()
        said = [json.loads(line) for line in done.stderr.splitlines() if line.startswith(b"{")]
        if done.returncode or len(said) != len(steps):
            raise SystemExit("curl: status %d, %s" % (done.returncode, done.stderr.decode()))
        texts = []
        for step, fact, out in zip(steps, said, outs):
            with open(out, "rb") as f:
                text = f.read()
            os.unlink(out)
            texts.append(text)
            self.log(step, fact, text, start_ns, end_ns)
        return texts

    def log(self, step, fact, text, start_ns, end_ns):
        status = fact["http_code"]
        found = re.search(rb"<Error><Code>(\w+)<", text) if status >= 300 else None
        head = step.operation.startswith("Head")
        size = step.sent
        if step.got and status < 300:
            size = len(text)
        clientlog.record(
            step.operation, self.name, step.key, status, start_ns, end_ns, size=size,
            request_size=step.sent if step.sent is not None else step.body,
            response_size=0 if head else fact["size_download"],
            error_code=found and found.group(1).decode(), **clientlog.curl_clock(fact))


def file_of(where, name, data):
    path = os.path.join(where, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def multipart(bucket, key, big):
    text, = bucket.run(Step("CreateMultipartUpload", key, "-X", "POST", query="?uploads"))
    upload = re.search(rb"<UploadId>([^<]+)", text).group(1).decode()
    etags = []
    for number, offset in enumerate(range(0, len(big), PART), 1):
        part = big[offset:offset + PART]
        path = file_of(bucket.where, "part", part)
        head = os.path.join(bucket.where, "head")
        bucket.run(Step("UploadPart", key, "-T", path, "-D", head, sent=len(part),
                        query="?partNumber=%d&uploadId=%s" % (number, upload)))
        with open(head) as f:
            etags.append(re.search(r"(?im)^etag: *(\S+)", f.read()).group(1))
    xml = "<CompleteMultipartUpload>%s</CompleteMultipartUpload>" % "".join(
        "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>" % part
        for part in enumerate(etags, 1))
    bucket.run(Step("CompleteMultipartUpload", key, "--data-binary", xml,
                    "-H", "Content-Type: application/xml", query="?uploadId=" + upload,
                    body=len(xml)))


def iteration(bucket, i, big):
    prefix = "curl/%02d/" % i
    small, large, copy, none = (prefix + n for n in ("small file", "large", "copy", "none"))
    data = os.urandom(SMALL + i)
    path = file_of(bucket.where, "small", data)

    bucket.run(Step("PutObject", small, "-T", path, sent=len(data)))
    multipart(bucket, large, big)
    got, _, _ = bucket.run(Step("GetObject", small, got=True), Step("HeadObject", small, "-I"),
                           Step("GetObject", large, got=True))
    if got != data:
        raise SystemExit("curl read something else than it wrote")
    bucket.run(Step("ListObjectsV2", None, query="?list-type=2&prefix=" + quote(prefix)))
    bucket.run(Step("CopyObject", copy, "-X", "PUT", "-H",
                    "x-amz-copy-source: /%s/%s" % (bucket.name, large)))
    bucket.run(Step("GetObject", none, got=True), Step("GetObject", small, user=STRANGER, got=True))
    xml = "<Delete>%s</Delete>" % "".join(
        "<Object><Key>%s</Key></Object>" % key for key in (large, copy))
    bucket.run(Step("DeleteObjects", None, "--data-binary", xml, "-H",
                    "Content-Type: application/xml", query="?delete", body=len(xml)))
    bucket.run(Step("DeleteObject", small, "-X", "DELETE"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--iterations", type=int, default=23)
    parser.add_argument("--style", choices=("path", "virtual"), default="path")
    parser.add_argument("--address", help="HOST:PORT to connect to, whatever the URL says")
    args = parser.parse_args()
    base = args.endpoint + "/" + args.bucket
    if args.style == "virtual":
        base = args.endpoint.replace("://", "://%s." % args.bucket)
    with tempfile.TemporaryDirectory() as where:
        bucket = Bucket(base, args.bucket, where, args.address)
        big = os.urandom(LARGE)
        for i in range(args.iterations):
            iteration(bucket, i, big)


if __name__ == "__main__":
    main()
