# SPDX-License-Identifier: Apache-2.0
"""A very small S3 in memory, over HTTPS on loopback, for the demonstration: it needs nothing but
Python. Keys that begin with "slow" take their time, those with "busy" are refused once."""
import http.server
import re
import secrets
import socket
import ssl
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

ACCESS_KEY = "DEMO"
SLOW_S = 0.4
BODY_PAUSE_S = 0.25
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one write

    def handle_one(self):
        url = urllib.parse.urlsplit(self.path)
        self.query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
        self.bucket, _, self.key = urllib.parse.unquote(url.path[1:]).partition("/")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.served += 1
        try:
            self.authorise()
            name = self.command.lower() + ("_object" if self.key else "_bucket")
            getattr(self, name, self.not_implemented)()
        except Refused as refused:
            self.answer(refused.status, "<Error><Code>%s</Code></Error>" % refused.code)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one

    def handle_expect_100(self):
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def answer(self, status, body=b"", **headers):
        body = (XML + body).encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("x-amz-request-id", secrets.token_hex(8).upper())
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        half = len(body) // 2 if self.key.startswith("slow") else 0
        if half:
            self.wfile.write(body[:half])
            self.wfile.flush()
            time.sleep(BODY_PAUSE_S)
        self.wfile.write(body[half:])
        self.wfile.flush()

    def authorise(self):
        if "Credential=%s/" % ACCESS_KEY not in self.headers.get("Authorization", ""):
            raise Refused(403, "AccessDenied")
        if self.key.startswith("busy") and (self.command, self.key) not in self.server.refused:
            self.server.refused.add((self.command, self.key))
            raise Refused(503, "SlowDown")
        if self.key.startswith("slow"):
            time.sleep(SLOW_S)

    def not_implemented(self):
        raise Refused(501, "NotImplemented")

    def find(self, key):
        try:
            return self.server.objects[key]
        except KeyError:
            raise Refused(404, "NoSuchKey") from None

    def put_bucket(self):
        self.answer(200)

    def get_bucket(self):
        names = sorted(self.server.objects)
        self.answer(200, "<ListBucketResult><KeyCount>%d</KeyCount>%s</ListBucketResult>" % (
            len(names), "".join("<Contents><Key>%s</Key><Size>%d</Size></Contents>"
                                % (escape(k), len(self.server.objects[k])) for k in names)))

    def post_bucket(self):
        for key in re.findall(r"<Key>([^<]+)</Key>", self.body.decode()):
            self.server.objects.pop(key, None)
        self.answer(200, "<DeleteResult></DeleteResult>")

    def get_object(self):
        self.answer(200, self.find(self.key), ETag='"0"')

    head_object = get_object

    def put_object(self):
        source = self.headers.get("x-amz-copy-source")
        if source:
            self.server.objects[self.key] = self.find(source.lstrip("/").partition("/")[2])
            return self.answer(200, "<CopyObjectResult><ETag>0</ETag></CopyObjectResult>")
        part = self.query.get("partNumber", [""])[0]
        place = self.server.parts.setdefault(self.key, {}) if part else self.server.objects
        place[int(part) if part else self.key] = self.body
        return self.answer(200, ETag='"0"')

    def post_object(self):
        if "uploads" in self.query:
            return self.answer(200, "<InitiateMultipartUploadResult><UploadId>1</UploadId>"
                                    "</InitiateMultipartUploadResult>")
        parts = self.server.parts.pop(self.key)
        self.server.objects[self.key] = b"".join(parts[n] for n in sorted(parts))
        return self.answer(200, "<CompleteMultipartUploadResult><ETag>0</ETag>"
                                "</CompleteMultipartUploadResult>")

    def delete_object(self):
        self.server.objects.pop(self.key, None)
        self.answer(204)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """with Server(cert, key) as server: server.url, server.served"""
    daemon_threads = True

    def __init__(self, cert, key):
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects, self.parts, self.refused, self.served = {}, {}, set(), 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.url = "https://localhost:%d" % self.server_address[1]

    def finish_request(self, request, client_address):
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return super().__enter__()

    def __exit__(self, *args):
        self.shutdown()
        super().__exit__(*args)
