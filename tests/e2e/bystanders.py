# SPDX-License-Identifier: Apache-2.0
"""What an S3 client's machine also talks to over HTTP: the security token service, the instance
metadata service, something that is scraped. One loopback server for all, HTTP and HTTPS."""
import http.server
import json
import ssl
import threading

import harness

CALLER = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x</Arn><UserId>AIDA</UserId>
<Account>123456789012</Account></GetCallerIdentityResult>
<ResponseMetadata><RequestId>01234567-89ab</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>"""
SECRET = "very-secret-session-token"
CREDENTIALS = json.dumps({
    "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "secret",
    "Token": SECRET, "Expiration": "2099-01-01T00:00:00Z", "LastUpdated": "2024-01-01T00:00:00Z",
}).encode()
ROLES = "/latest/meta-data/iam/security-credentials/"
ANSWERS = {
    ("PUT", "/latest/api/token"): SECRET.encode(),
    ("GET", "/latest/meta-data/"): b"ami-id\nhostname\niam/\n",
    ("GET", ROLES): b"role",
    ("GET", ROLES + "role"): CREDENTIALS,
    ("POST", "/"): CALLER,
    ("GET", "/metrics"): b"# TYPE up gauge\nup 1\n",
    ("GET", "/api/health"): b'{"database":"ok"}',
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = ANSWERS.get((self.command, self.path))
        self.server.served.append((self.command, self.path))
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_):
        pass


class Bystanders:
    SECRET = SECRET

    def __enter__(self):
        self.served = []  # (method, path) of every request, in order
        self._servers = {scheme: http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
                         for scheme in ("http", "https")}
        certificates = harness.certificates()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.cert, certificates.key)
        secure = self._servers["https"]
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        for server in self._servers.values():
            server.served = self.served
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def url(self, scheme):
        return "%s://localhost:%d" % (scheme, self._servers[scheme].server_address[1])
