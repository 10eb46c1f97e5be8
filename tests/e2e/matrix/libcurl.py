#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""libcurl with the TLS library that its first argument names: libcurl-nss.so.4, libcurl-gnutls.so.4.

It is loaded by ctypes, because the packages to compile against either exclude one another; with
them go libcurl's constants, which are a part of its ABI."""
import argparse
import ctypes
import os
import re
import time
from urllib.parse import quote

import clientlog

MIB = 1 << 20
SMALL, PART, LARGE = 1021, 5 * MIB, 11 * MIB + 7

LONG, OBJECT, FUNCTION, OFFSET = 0, 10000, 20000, 30000
OPTIONS = {"NOBODY": LONG + 44, "UPLOAD": LONG + 46, "POST": LONG + 47,
           "WRITEDATA": OBJECT + 1, "URL": OBJECT + 2, "ERRORBUFFER": OBJECT + 10,
           "POSTFIELDS": OBJECT + 15, "USERAGENT": OBJECT + 18, "HTTPHEADER": OBJECT + 23,
           "CUSTOMREQUEST": OBJECT + 36, "CAINFO": OBJECT + 65,
           "WRITEFUNCTION": FUNCTION + 11, "READFUNCTION": FUNCTION + 12,
           "HEADERFUNCTION": FUNCTION + 79,
           "INFILESIZE_LARGE": OFFSET + 115, "POSTFIELDSIZE_LARGE": OFFSET + 120}
RESPONSE_CODE = 0x200000 + 2
TIMES = {"time_total": 0x600000 + 50, "time_connect": 0x600000 + 52, "time_appconnect": 0x600000 + 56}  # us
GLOBAL_ALL = 3
ERROR_SIZE = 256

Mover = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t,
                         ctypes.c_void_p)


def load(name):
    lib = ctypes.CDLL(name)
    lib.curl_version.restype = ctypes.c_char_p
    lib.curl_easy_init.restype = lib.curl_slist_append.restype = ctypes.c_void_p
    lib.curl_slist_append.argtypes = ctypes.c_void_p, ctypes.c_char_p
    lib.curl_global_init(ctypes.c_long(GLOBAL_ALL))
    return lib


class Curl:
    """An easy handle: it keeps its connection from call to call."""

    def __init__(self, lib, args):
        self.lib, self.args = lib, args
        self.easy = ctypes.c_void_p(lib.curl_easy_init())
        self.headers = ctypes.c_void_p(lib.curl_slist_append(
            None, b"x-amz-content-sha256: UNSIGNED-PAYLOAD"))

    def set(self, name, value):
        option = OPTIONS[name]
        if option < OBJECT:
            value = ctypes.c_long(value)
        elif option >= OFFSET:
            value = ctypes.c_longlong(value)
        self.lib.curl_easy_setopt(self.easy, ctypes.c_int(option), value)

    def info(self, which, kind):
        value = kind()
        self.lib.curl_easy_getinfo(self.easy, ctypes.c_int(which), ctypes.byref(value))
        return value.value

    def call(self, operation, method, key=None, query="", body=b"", want=200):
        got, head, left = bytearray(), bytearray(), memoryview(body)
        error = ctypes.create_string_buffer(ERROR_SIZE)
        uploads = operation in ("PutObject", "UploadPart")

        def take(into):
            def taker(data, size, n, _):
                into.extend(ctypes.string_at(data, size * n))
                return size * n
            return Mover(taker)

        def give(to, size, n, _):
            nonlocal left
            piece, left = left[:size * n], left[size * n:]
            ctypes.memmove(to, bytes(piece), len(piece))
            return len(piece)

        keep = take(got), take(head), Mover(give)  # as long as libcurl has them
        path = "/" + self.args.bucket + ("/" + quote(key) if key else "") + query
        self.lib.curl_easy_reset(self.easy)
        for name, value in (
                ("URL", (self.args.endpoint + path).encode()), ("ERRORBUFFER", error),
                ("CAINFO", os.environ["SSL_CERT_FILE"].encode()), ("HTTPHEADER", self.headers),
                ("USERAGENT", self.lib.curl_version()),
                ("WRITEFUNCTION", keep[0]), ("HEADERFUNCTION", keep[1]), ("READFUNCTION", keep[2])):
            self.set(name, value)
        if method == "PUT":
            self.set("UPLOAD", 1)
            self.set("INFILESIZE_LARGE", len(body))
        elif method == "POST":
            self.set("POST", 1)
            self.set("POSTFIELDS", body)
            self.set("POSTFIELDSIZE_LARGE", len(body))
        elif method == "HEAD":
            self.set("NOBODY", 1)
        elif method == "DELETE":
            self.set("CUSTOMREQUEST", b"DELETE")

        start_ns = time.time_ns()
        failed = self.lib.curl_easy_perform(self.easy)
        end_ns = time.time_ns()
        if failed:
            raise SystemExit("%s %s: error %d, %s" % (method, path, failed, error.value.decode()))
        status = self.info(RESPONSE_CODE, ctypes.c_long)
        fact = {name: self.info(which, ctypes.c_longlong) / 1e6 for name, which in TIMES.items()}
        text = head.decode("latin-1")
        clientlog.record(operation, self.args.bucket, key, status, start_ns, end_ns,
                         size=len(body) if uploads else
                         len(got) if operation == "GetObject" and status < 300 else None,
                         request_size=len(body), response_size=len(got),
                         request_id=re.search(r"(?im)^x-amz-request-id: *(\S+)", text).group(1),
                         **clientlog.curl_clock(fact))
        if status != want:
            raise SystemExit("%s %s: status %d, not %d: %s" % (method, path, status, want, got))
        return text, bytes(got)

    def multipart(self, key, big):
        _, text = self.call("CreateMultipartUpload", "POST", key, "?uploads")
        upload = re.search(rb"<UploadId>([^<]+)", text).group(1).decode()
        xml = ""
        for number, at in enumerate(range(0, len(big), PART), 1):
            head, _ = self.call("UploadPart", "PUT", key, body=big[at:at + PART], query=
                                "?partNumber=%d&uploadId=%s" % (number, upload))
            etag = re.search(r"(?im)^etag: *(\S+)", head).group(1)
            xml += "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>" % (number, etag)
        self.call("CompleteMultipartUpload", "POST", key, "?uploadId=" + upload, (
            "<CompleteMultipartUpload>%s</CompleteMultipartUpload>" % xml).encode())


def iteration(s3, i, big):
    prefix = "matrix/%02d/" % i
    small, large, none = (prefix + n for n in ("small file", "large", "none"))
    data = os.urandom(SMALL + i)
    s3.call("PutObject", "PUT", small, body=data)
    s3.multipart(large, big)
    _, got = s3.call("GetObject", "GET", small)
    if got != data:
        raise SystemExit("read something else than was written")
    s3.call("GetObject", "GET", large)
    s3.call("HeadObject", "HEAD", small)
    s3.call("ListObjectsV2", "GET", query="?list-type=2&prefix=" + quote(prefix))
    s3.call("GetObject", "GET", none, want=404)
    s3.call("HeadObject", "HEAD", none, want=404)
    s3.call("DeleteObject", "DELETE", large, want=204)
    s3.call("DeleteObject", "DELETE", small, want=204)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--iterations", type=int, default=3)
    args = parser.parse_args()
    lib = load(args.library)
    big = os.urandom(LARGE)
    for i in range(args.iterations):
        iteration(Curl(lib, args), i, big)


if __name__ == "__main__":
    main()
