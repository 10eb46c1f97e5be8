#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""S3 clients in Python that keep their own clock.

    pyclient.py PORT CA|- < plan

The plan is one JSON object:
    {"style": "http" | "botocore" | "asyncio", "repeat": 1, "threads": 1, "gap_ms": 0,
     "keep_alive": true, "linger": PATH, "requests": [REQUEST, ...]}
    REQUEST: {"method", "target", "body": N, "fill": TEXT, "headers": {}, "expect": false,
              "pause_after_head_ms": 0, "read": "all" | N, "timeout_ms": none}
{i} in a target is the turn. Each thread has its own connection and takes the next turn until
all are done; with linger it keeps the connection open until there is that file.

http      http.client: head and body in separate writes, answers through a buffered file
botocore  the same with botocore's Expect: 100-continue: the interim answer is read one byte a
          call, and after 1.0 s without one the body is sent anyway
asyncio   streams: TLS in memory BIOs, all connections interleaved on one thread

Each request prints {"target","pid","start","asked","told","sent","first","last","over","end",
"status","request_bytes","response_bytes"} as tests/lab/client.c does; and "resumed", the first
send after the wait for an interim answer."""
import asyncio
import http.client
import io
import json
import os
import select
import socket
import ssl
import sys
import threading
import time

HOST = "127.0.0.1"
HEADERS = {
    "User-Agent": "s3slower-lab/1 Python",
    "X-Amz-Date": "20260101T000000Z",
    "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD",
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/s3/aws4_request,"
                     " SignedHeaders=host, Signature=" + "feed" * 16,
}
PRINT = threading.Lock()
now = time.monotonic_ns


class Log:
    """The calls of one request on one connection."""

    def __init__(self, target):
        self.target, self.status = target, None
        self.start = self.sent = self.first = self.last = self.over = None
        self.asked = self.told = self.resumed = None
        self.request_bytes = self.response_bytes = 0

    def send(self, before, after):
        self.start = self.start or [before, after]
        if self.asked:
            self.resumed = self.resumed or [before, after]
        self.sent = [before, after]

    def receive(self, before, after):
        self.first = self.first or [before, after]
        self.last = [before, after]

    def report(self):
        if self.status is None:
            self.first = self.last = None
        with PRINT:
            print(json.dumps({"target": self.target, "pid": os.getpid(), "start": self.start,
                              "asked": self.asked, "told": self.told, "resumed": self.resumed,
                              "sent": self.sent, "first": self.first, "last": self.last,
                              "over": self.over,
                              "end": now(), "status": self.status,
                              "request_bytes": self.request_bytes,
                              "response_bytes": self.response_bytes}), flush=True)


class Logged:
    """Mixed into both kinds of socket: times each call."""
    log = None

    def timed_send(self, call, data):
        before = now()
        result = call(data)
        if self.log:
            self.log.send(before, now())
        return result

    def timed_receive(self, call, *args):
        before = now()
        n = call(*args)  # raises when there is nothing yet
        if self.log and n:
            self.log.receive(before, now())
        return n


class PlainSocket(Logged, socket.socket):
    def send(self, data, flags=0):
        return self.timed_send(super().send, data)

    def sendall(self, data, flags=0):
        return self.timed_send(super().sendall, data)

    def recv_into(self, *args):
        return self.timed_receive(super().recv_into, *args)


class TlsSocket(Logged, ssl.SSLSocket):
    def send(self, data, flags=0):
        return self.timed_send(super().send, data)

    def read(self, *args):
        return self.timed_receive(super().read, *args)


def tls_context(ca):
    context = ssl.create_default_context(cafile=ca)
    context.sslsocket_class = TlsSocket
    return context


class Response(http.client.HTTPResponse):
    """Begins its log afresh at the head after an interim one."""
    log, heads = None, 0

    def _read_status(self):
        self.heads += 1
        if self.heads > 1:
            before = self.log.last
            self.log.first = None
        line = super()._read_status()
        if self.heads > 1:
            self.log.first = self.log.first or before
        return line


class Connection(http.client.HTTPConnection):
    def __init__(self, port, context):
        super().__init__(HOST, port)
        self.context = context

    def connect(self):
        plain = PlainSocket(socket.AF_INET, socket.SOCK_STREAM)
        plain.connect((HOST, self.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.context.wrap_socket(plain, server_hostname=HOST) if self.context else plain


def headers_of(request):
    headers = dict(HEADERS, **request.get("headers", {}))
    if request.get("expect"):
        headers["Expect"] = "100-continue"
    if "body" in request:
        headers["Content-Length"] = str(request["body"])
    return headers


def body_of(request):
    fill = request.get("fill", "y").encode()
    n = request.get("body", 0)
    return (fill * (n // len(fill) + 1))[:n]


def first_byte(sock, seconds):
    """The first byte of an answer, or none after that time. A descriptor can be readable for
    the sake of a TLS session ticket alone, so it takes a read to know."""
    deadline = time.monotonic() + seconds
    timeout = sock.gettimeout()
    sock.settimeout(0)
    try:
        while (left := deadline - time.monotonic()) > 0:
            if select.select([sock], [], [], left)[0]:
                byte = bytearray(1)
                try:
                    sock.recv_into(byte, 1)
                    return bytes(byte)
                except (ssl.SSLWantReadError, BlockingIOError):
                    pass
    finally:
        sock.settimeout(timeout)
    return b""


def wait_for_100(connection, log):
    """What botocore does. True: go on with the body; else the final status line."""
    log.asked = log.sent
    line = first_byte(connection.sock, 1.0)
    if not line:
        return True
    reader = connection.sock.makefile("rb", 0)
    line += reader.readline()
    if line.split(None, 2)[1:2] == [b"100"]:
        while reader.readline() not in (b"\r\n", b"\n", b""):
            pass
        log.told = log.last
        log.first = log.last = None
        return True
    return line


class Prepended(io.RawIOBase):
    """A stream with bytes put back in front."""

    def __init__(self, front, raw):
        self.front, self.raw = front, raw

    def readable(self):
        return True

    def readinto(self, buffer):
        if self.front:
            n = min(len(buffer), len(self.front))
            buffer[:n], self.front = self.front[:n], self.front[n:]
            return n
        return self.raw.readinto(buffer)


def put_back(response, line):
    response.fp = io.BufferedReader(Prepended(line, response.fp.detach()))


def one(connection, request, target):
    if connection.sock is None:
        connection.connect()
    log = connection.sock.log = Log(target)
    body, response = body_of(request), None
    if "timeout_ms" in request:
        connection.sock.settimeout(request["timeout_ms"] / 1000)
    try:
        connection.putrequest(request["method"], target, skip_accept_encoding=True)
        for name, value in headers_of(request).items():
            connection.putheader(name, value)
        connection.endheaders()
        go = wait_for_100(connection, log) if request.get("expect") else True
        if go is True:
            for i in range(0, len(body), 8192):
                connection.send(body[i:i + 8192])
                log.request_bytes += len(body[i:i + 8192])
        response = Response(connection.sock, method=request["method"])
        response.log = log
        if go is not True:
            put_back(response, go)
        response.begin()
        log.status = response.status
        time.sleep(request.get("pause_after_head_ms", 0) / 1000)
        while data := response.read(65536):
            log.response_bytes += len(data)
        connection._HTTPConnection__state = "Idle"
        if response.will_close:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        # if it is not for our patience, an earlier call has found the stream's end
        before = now() if isinstance(error, TimeoutError) else log.sent[0]
        connection.close()
        if response:
            response.close()  # or it keeps the socket open
        log.over = [before, now()]
    log.report()


def run_threads(plan, port, ca):
    turns = iter(range(plan.get("repeat", 1)))
    lock = threading.Lock()
    context = tls_context(ca) if ca else None

    def work():
        connection = Connection(port, context)
        while True:
            with lock:
                i = next(turns, None)
            if i is None:
                break
            for request in plan["requests"]:
                one(connection, request, request["target"].replace("{i}", str(i)))
                if not plan.get("keep_alive", True):
                    connection.close()
                time.sleep(plan.get("gap_ms", 0) / 1000)
        while "linger" in plan and not os.path.exists(plan["linger"]):
            time.sleep(0.01)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(plan.get("threads", 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def one_async(reader, writer, port, request, target):
    log = Log(target)
    lines = [f"{request['method']} {target} HTTP/1.1", f"Host: {HOST}:{port}"]
    lines += [f"{name}: {value}" for name, value in headers_of(request).items()]
    before = now()
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    log.send(before, now())
    if "body" in request:
        before = now()
        writer.write(body_of(request))
        log.send(before, now())
        log.request_bytes = request["body"]
        await writer.drain()
    # the loop reads when it likes: a read is known only to lie after our send
    head = await reader.readuntil(b"\r\n\r\n")
    log.receive(log.start[0], now())
    log.status = int(head.split()[1])
    length = [int(line.split(b":")[1]) for line in head.split(b"\r\n")
              if line.lower().startswith(b"content-length")][0]
    if length and request["method"] != "HEAD":
        await asyncio.sleep(request.get("pause_after_head_ms", 0) / 1000)
        log.response_bytes = len(await reader.readexactly(length))
        log.receive(log.start[0], now())
    log.report()


async def run_asyncio(plan, port, ca):
    turns = iter(range(plan.get("repeat", 1)))
    context = ssl.create_default_context(cafile=ca) if ca else None

    async def work():
        reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
        for i in turns:
            for request in plan["requests"]:
                await one_async(reader, writer, port, request,
                                request["target"].replace("{i}", str(i)))
                await asyncio.sleep(plan.get("gap_ms", 0) / 1000)
        writer.close()
    await asyncio.gather(*(work() for _ in range(plan.get("threads", 1))))


def main():
    port, ca = int(sys.argv[1]), None if sys.argv[2] == "-" else sys.argv[2]
    plan = json.load(sys.stdin)
    if plan["style"] == "asyncio":
        asyncio.run(run_asyncio(plan, port, ca))
    else:
        run_threads(plan, port, ca)


if __name__ == "__main__":
    main()
