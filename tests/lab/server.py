#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The laboratory's server: HTTP/1.1, plain and over TLS, that does to each
request exactly what its script says. Raw sockets; a thread a connection.

    server.py [--host ADDRESS] [--cert FILE --key FILE]

prints {"http": PORT, "https": PORT} and then reads lines from stdin, each
answered with a line on stdout:
    {"bucket": NAME, "script": SCRIPT}               -> {"ok": true}
    {"count": NAME}                                  -> {"count": requests read so far}
    {"stamps": NAME}                                 -> {"stamps": [STAMPS, ...]}, a request each
It ends with its stdin. With --seen FILE, what requests say in confidence is appended there,
each once: {"target": TARGET, "headers": {NAME: VALUE}} a line.

SCRIPT is [[STEP, ...], ...], and the requests for /NAME/key take its members in
turn, round and round; or it is {PATTERN: [STEP, ...], ...}, and the key chooses
("*" and "?" match), or the target as it came ("*partNumber=17"). Any other request gets the default answer. The head has
been read when the first step runs. Steps, in order:

{"read": "body"}            the request's body, whole (as its head frames it)
{"read": N}                 N bytes of it
{"read": "head"}            the next, pipelined request
{"collect": true}           keep the answers back until {"flush": true}, one write
{"sleep_ms": N}
{"await": PATH}             until there is such a file
{"send": TEXT, ...}         TEXT with {rid} replaced by the request's id
    "split": N              ... N bytes a TLS record or TCP segment
    "cuts": [N, ...]        ... or cut at these offsets
    "gap_ms": N             ... with pauses between
{"send_body": N, ...}       N bytes, "fill": TEXT repeated (default "x")
    "chunk": N              N bytes a write
    "pause_at": N, "pause_ms": N
{"answer": STATUS, ...}     a whole S3-looking answer
    "body": TEXT|N, "headers": {...}, and what "send" and "send_body" take
{"echo": true}              403, and repeats what the request said in confidence
{"close": true}             close_notify and FIN
{"drop": true}              FIN without close_notify
{"reset": true}             RST
{"hang": true}              nothing more; waits for the client to go
{"connect": true}           200 to CONNECT, then TLS on this connection

After a script the connection goes on with the next request. Every answer's
x-amz-request-id is made from the key, so a mispaired answer shows.

STAMPS are the key of a request and what the server did, on CLOCK_MONOTONIC in ns: when its
head had been "read", and, each just before the call, when the "interim" answer, the "first"
byte and the "last" piece of the final answer were sent, and when the connection's "end" was
made; null where it did not happen. Whoever is answered can have the answer only later.
"""
import argparse
import fnmatch
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time
import xml.sax.saxutils

CONFIDENTIAL = re.compile("authorization|x-amz-security-token|.*-customer-key(-md5)?")
IN_TARGET = re.compile("(?i)[?&](x-amz-)?(signature|security-token)=")
REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 304: "Not Modified",
           400: "Bad Request", 403: "Forbidden", 404: "Not Found", 503: "Slow Down"}
CODES = {400: "RequestTimeout", 403: "AccessDenied", 404: "NoSuchKey", 503: "SlowDown"}
HOST_ID = "c2VydmVyLWluLXRoZS1sYWJvcmF0b3J5"
HANG_S = 60
AWAIT_S = 100
FINAL = re.compile(rb"HTTP/1\.1 [2-5]")
DEFAULT = [{"read": "body"}, {"answer": 200}]


def request_id(key):
    """The request id of the answer to a key: upper case letters and digits."""
    return "RID" + re.sub(r"[^A-Z0-9]", "", key.upper())[-40:]


class Gone(Exception):
    """The connection has ended, by our will or the client's."""


class Scripts:
    def __init__(self, seen):
        self.lock = threading.Lock()
        self.scripts, self.counts, self.stamps = {}, {}, {}
        self.seen = open(seen, "a", buffering=1) if seen else None
        self.noted = set()

    def note(self, request):
        said = request.confidential()
        line = json.dumps({"target": request.target, "headers": said})
        if not self.seen or not (said or IN_TARGET.search(request.target)):
            return
        known = line if IN_TARGET.search(request.target) else json.dumps(said)
        with self.lock:
            if known not in self.noted:
                self.noted.add(known)
                self.seen.write(line + "\n")

    def set(self, bucket, script):
        with self.lock:
            self.scripts[bucket] = script

    def stamped(self, bucket):
        with self.lock:
            return [dict(stamps) for stamps in self.stamps.get(bucket, ())]

    def next(self, request):
        with self.lock:
            n = self.counts.get(request.bucket, 0)
            self.counts[request.bucket] = n + 1
            self.stamps.setdefault(request.bucket, []).append(request.stamps)
            script = self.scripts.get(request.bucket)
        if isinstance(script, dict):
            for pattern, steps in script.items():
                if any(fnmatch.fnmatchcase(of, pattern) for of in (request.key, request.target)):
                    return steps
            return DEFAULT
        return script[n % len(script)] if script else DEFAULT


class Request:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target = (lines[0].split(" ") + ["", ""])[:2]
        path = self.target.split("?", 1)[0].lstrip("/")
        self.bucket, _, self.key = path.partition("/")
        self.headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                self.headers[name.strip().lower()] = value.strip()
        self.rid = request_id(self.key)
        self.stamps = {"key": self.key, "read": time.monotonic_ns(), "interim": None,
                       "first": None, "last": None, "end": None}

    def stamp(self, name):
        self.stamps[name] = time.monotonic_ns()

    def confidential(self):
        return {k: v for k, v in self.headers.items() if CONFIDENTIAL.fullmatch(k)}


class Connection:
    def __init__(self, sock, scripts, tls):
        self.raw = self.sock = sock
        self.scripts, self.tls = scripts, tls
        self.buffer = b""
        self.request = None
        self.collected = None  # answers of pipelined requests, until "flush"
        self.body_left = None

    # reading

    def fill(self):
        data = self.sock.recv(262144)
        if not data:
            raise Gone()
        self.buffer += data

    def take(self, n):
        while n > len(self.buffer):
            n -= len(self.buffer)
            self.buffer = b""
            self.fill()
        self.buffer = self.buffer[n:]

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.request = Request(head)
        self.scripts.note(self.request)
        self.body_left = int(self.request.headers.get("content-length", 0))

    def read_body(self):
        if self.request.headers.get("transfer-encoding", "").lower() == "chunked":
            while True:
                size = int(self.line().split(b";")[0], 16)
                if size == 0:
                    break
                self.take(size + 2)
            while self.line():
                pass
        else:
            self.take(self.body_left)
        self.body_left = 0

    # writing

    def put(self, data, step):
        if self.collected is not None:
            self.collected += data
            return
        cuts = step.get("cuts")
        if cuts is None and step.get("split"):
            cuts = range(step["split"], len(data), step["split"])
        start = 0
        stamps = self.request.stamps
        final = None if stamps["first"] else FINAL.search(data)
        final = final.start() if final else -1  # where the final answer begins
        for cut in [*(c if c >= 0 else len(data) + c for c in cuts or ()), len(data)]:
            if start < cut <= len(data):
                if start and step.get("gap_ms"):
                    time.sleep(step["gap_ms"] / 1000)
                if start <= final < cut:
                    self.request.stamp("first")
                if stamps["first"]:
                    self.request.stamp("last")
                elif not stamps["interim"]:
                    self.request.stamp("interim")
                self.sock.sendall(data[start:cut])
                start = cut

    def put_body(self, size, step):
        chunk = step.get("chunk", 65536)
        fill = step.get("fill", "x").encode("latin-1")
        block = (fill * (chunk // len(fill) + 1))[:chunk]
        pause_at = step.get("pause_at")
        sent = 0
        while sent < size:
            if pause_at is not None and sent >= pause_at:
                time.sleep(step["pause_ms"] / 1000)
                pause_at = None
            n = min(chunk, size - sent)
            self.request.stamp("last")
            self.sock.sendall(block if n == chunk else block[:n])
            sent += n

    def answer(self, step):
        status = step["answer"]
        body = step.get("body", "")
        if status >= 400 and "body" not in step:
            body = ('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>%s</Code>'
                    '<Message>as the script says</Message><RequestId>%s</RequestId></Error>'
                    % (CODES.get(status, "InternalError"), self.request.rid))
        size = body if isinstance(body, int) else len(body.encode())
        headers = {"x-amz-request-id": self.request.rid, "x-amz-id-2": HOST_ID,
                   "Server": "s3slower-lab"}
        if status not in (204, 304):
            headers["Content-Length"] = str(size)
        headers.update(step.get("headers", {}))
        head = "HTTP/1.1 %d %s\r\n%s\r\n" % (
            status, step.get("reason", REASONS.get(status, "Status")),
            "".join(f"{k}: {v}\r\n" for k, v in headers.items() if v is not None))
        bare = self.request.method == "HEAD" or status in (204, 304)
        if isinstance(body, int) or bare:
            self.put(head.encode("latin-1"), step)
            if not bare:
                self.put_body(size, step)
        else:
            self.put(head.encode("latin-1") + body.encode(), step)

    def echo(self):
        """As servers do to whom a signature is wrong: all that it was made of."""
        said = [self.request.target, *("%s: %s" % each for each in
                                       self.request.confidential().items())]
        texts = [xml.sax.saxutils.escape(text) for text in said]
        self.answer({"answer": 403, "body":
                     "<Error><Code>SignatureDoesNotMatch</Code><Message>%s</Message>"
                     "<StringToSign>%s</StringToSign></Error>" % ("; ".join(texts),
                                                                 "\n".join(texts))})

    # ends

    def close(self):
        if isinstance(self.sock, ssl.SSLSocket):
            try:
                self.sock.settimeout(2)
                self.sock.unwrap()
            except (OSError, ValueError):
                pass
        raise Gone()

    def hang(self):
        """Until the client goes; a client that sends more is not read."""
        deadline = time.monotonic() + HANG_S
        while time.monotonic() < deadline:
            time.sleep(0.05)
            info = self.raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
            if info[0] != 1:  # not ESTABLISHED
                break
        raise Gone()

    def await_file(self, path):
        deadline = time.monotonic() + AWAIT_S
        while not os.path.exists(path) and time.monotonic() < deadline:
            time.sleep(0.01)

    def step(self, step):
        if not step.keys().isdisjoint(("close", "drop", "reset")):
            self.request.stamp("end")
        if "read" in step:
            what = step["read"]
            if what == "body":
                self.read_body()
            elif what == "head":
                self.read_head()
                self.scripts.next(self.request)
            else:
                self.take(min(what, self.body_left))
                self.body_left -= min(what, self.body_left)
        elif "sleep_ms" in step:
            time.sleep(step["sleep_ms"] / 1000)
        elif "await" in step:
            self.await_file(step["await"])
        elif "send" in step:
            self.put(step["send"].replace("{rid}", self.request.rid).encode("latin-1"), step)
        elif "send_body" in step:
            self.put_body(step["send_body"], step)
        elif "answer" in step:
            self.answer(step)
        elif "collect" in step:
            self.collected = b""
        elif "flush" in step:
            data, self.collected = self.collected, None
            self.put(data, step)
        elif "echo" in step:
            self.echo()
        elif "close" in step:
            self.close()
        elif "drop" in step:
            raise Gone()
        elif "reset" in step:
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Gone()
        elif "hang" in step:
            self.hang()
        elif "connect" in step:
            self.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.start_tls()
        else:
            raise ValueError(f"unknown step {step}")

    def start_tls(self):
        # wrap_socket() takes the descriptor over
        self.sock = self.raw = self.tls.wrap_socket(self.raw, server_side=True)

    def serve(self):
        while True:
            self.read_head()
            if self.request.method == "CONNECT":
                script = [{"connect": True}]
            else:
                script = self.scripts.next(self.request)
            for step in script:
                self.step(step)


def connection(sock, scripts, tls, immediate):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    c = Connection(sock, scripts, tls)
    try:
        if immediate:
            c.start_tls()
        c.serve()
    except (Gone, OSError):
        pass
    except Exception as error:  # a mistake in a script must be seen
        print(f"server.py: {error!r} in {c.request and c.request.target}", file=sys.stderr)
    finally:
        c.raw.close()


def listen(host, scripts, tls, immediate):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family, backlog=1024)

    def accept():
        while True:
            try:
                sock = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=connection, args=(sock, scripts, tls, immediate),
                             daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--seen")
    options = parser.parse_args()
    threading.stack_size(256 * 1024)
    scripts = Scripts(options.seen)
    tls = None
    ports = {}
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert, options.key)
        ports["https"] = listen(options.host, scripts, tls, True)
    ports["http"] = listen(options.host, scripts, tls, False)
    print(json.dumps(ports), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "count" in order:
            print(json.dumps({"count": scripts.counts.get(order["count"], 0)}), flush=True)
        elif "stamps" in order:
            print(json.dumps({"stamps": scripts.stamped(order["stamps"])}), flush=True)
        else:
            scripts.set(order["bucket"], order["script"])
            print('{"ok": true}', flush=True)


if __name__ == "__main__":
    main()
