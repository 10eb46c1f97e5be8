#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""S3 over asyncio: memory BIOs, many connections to all servers interleaved on one thread."""
import argparse
import asyncio
import os
import re
import ssl
import time
from urllib.parse import quote, urlsplit

import clientlog

MIB = 1 << 20
SMALL, PART, LARGE = 1021, 5 * MIB, 11 * MIB + 7


class Connection:
    """One keep-alive connection, one request at a time."""

    def __init__(self, endpoint, bucket):
        self.url, self.bucket = urlsplit(endpoint), bucket
        self.tls = None
        if self.url.scheme == "https":
            self.tls = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection(
            self.url.hostname, self.url.port, ssl=self.tls)
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        await self.writer.wait_closed()

    async def call(self, operation, method, key=None, query="", body=b"", want=200):
        path = "/" + self.bucket + ("/" + quote(key) if key else "") + query
        uploads = operation in ("PutObject", "UploadPart")
        start_ns = time.time_ns()
        self.writer.write(("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n"
                           "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n"
                           % (method, path, self.url.netloc, len(body))).encode())
        self.writer.write(body)
        await self.writer.drain()
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = int(head.split()[1])
        headers = {name.lower(): value for name, value in re.findall(r"(?m)^([\w-]+): *(.*?)\r$", head)}
        data = b"" if method == "HEAD" or status == 204 else await self.body(headers)
        clientlog.record(operation, self.bucket, key, status, start_ns, time.time_ns(),
                         size=len(body) if uploads else
                         len(data) if operation == "GetObject" and status < 300 else None,
                         request_size=len(body), response_size=len(data),
                         request_id=headers["x-amz-request-id"])
        if status != want:
            raise SystemExit("%s %s: status %d, not %d: %s" % (method, path, status, want, data))
        return headers, data

    async def body(self, headers):
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        data = b""
        while True:
            n = int(await self.reader.readline(), 16)
            data += await self.reader.readexactly(n)
            await self.reader.readexactly(2)
            if n == 0:
                return data


async def multipart(endpoint, bucket, key, big):
    async def part(number, upload, data):
        async with Connection(endpoint, bucket) as s3:
            headers, _ = await s3.call("UploadPart", "PUT", key, body=data, query=
                                       "?partNumber=%d&uploadId=%s" % (number, upload))
            return number, headers["etag"]

    async with Connection(endpoint, bucket) as s3:
        _, text = await s3.call("CreateMultipartUpload", "POST", key, "?uploads")
        upload = re.search(rb"<UploadId>([^<]+)", text).group(1).decode()
        done = await asyncio.gather(*(part(number, upload, big[at:at + PART]) for number, at in
                                      enumerate(range(0, len(big), PART), 1)))
        xml = "".join("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>" % p for p in done)
        await s3.call("CompleteMultipartUpload", "POST", key, "?uploadId=" + upload, (
            "<CompleteMultipartUpload>%s</CompleteMultipartUpload>" % xml).encode())


async def iteration(endpoint, bucket, prefix, i, big, together):
    small, large, none = (prefix + n for n in ("small file", "large", "none"))
    data = os.urandom(SMALL + i)
    async with Connection(endpoint, bucket) as s3:
        await s3.call("PutObject", "PUT", small, body=data)
        await multipart(endpoint, bucket, large, big)
        _, got = await s3.call("GetObject", "GET", small)
        if got != data:
            raise SystemExit("read something else than was written")
        await s3.call("GetObject", "GET", large)
        await s3.call("HeadObject", "HEAD", small)
        # The server fails to list a bucket of which something goes away meanwhile.
        await together.wait()
        await s3.call("ListObjectsV2", "GET", query="?list-type=2&prefix=" + quote(prefix))
        await together.wait()
        await s3.call("GetObject", "GET", none, want=404)
        await s3.call("HeadObject", "HEAD", none, want=404)
        await s3.call("DeleteObject", "DELETE", large, want=204)
        await s3.call("DeleteObject", "DELETE", small, want=204)


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True, action="append")
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--iterations", type=int, default=3)
    args = parser.parse_args()
    big = os.urandom(LARGE)
    together = asyncio.Barrier(len(args.endpoint) * args.iterations)
    await asyncio.gather(*(
        iteration(endpoint, args.bucket, "matrix/%d-%d/" % (server, i), i, big, together)
        for server, endpoint in enumerate(args.endpoint) for i in range(args.iterations)))


asyncio.run(main())
