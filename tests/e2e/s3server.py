#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real S3 server on loopback: s3rver for HTTP, nginx in front of it for HTTPS.

    with S3Server() as server:
        server.http_port, server.https_port, server.ca, server.environ()

nginx ends TLS 1.2 and 1.3, gives every answer a request id as S3 does (s3rver has
none), and is the oracle: server.access_log() is what it served, one dict a
request. nginx is itself a plain-HTTP client of s3rver, so a tracer that looks at
the whole machine rightly shows its rows too.

s3rver cannot list uploads, which MinIO's client does first: nginx says that there are none.

nginx listens more than once: server.witnessed(scheme) are two URLs of each scheme,
plain HTTP included, so that a client can talk to two servers at once; and some clients
know no other ports than 443 and 80, which are open on server.own_address.

Signatures of version 4 are accepted as they are; a request signed with an
access key other than ACCESS_KEY is answered 403 InvalidAccessKeyId by s3rver.

From the command line: `s3server.py install` puts s3rver into build/npm,
`s3server.py run` serves until it is interrupted.
"""
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NPM_DIR = os.path.join(ROOT, "build", "npm")
S3RVER = os.path.join(NPM_DIR, "node_modules", "s3rver", "bin", "s3rver.js")
ACCESS_KEY = SECRET_KEY = "S3RVER"
LOOPBACK = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 30
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

NGINX_CONF = """\
daemon off;
user root;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log warn;
events {{ worker_connections 512; }}
http {{
    log_format oracle escape=json '{{"method":"$request_method","uri":"$request_uri",'
        '"host":"$http_host","status":$status,"request_time":"$request_time",'
        '"header_time":"$upstream_header_time","sent":$body_bytes_sent,'
        '"received":$request_length,"protocol":"$ssl_protocol","request_id":"$request_id",'
        '"content_length":"$content_length","response_length":"$sent_http_content_length",'
        '"copy_source":"$http_x_amz_copy_source","server_address":"$server_addr",'
        '"server_port":$server_port,"client_address":"$remote_addr","client_port":$remote_port}}';
    access_log {dir}/access.log oracle;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000;
    keepalive_timeout 75s;
    tcp_nodelay on;
    map "$request_method $args" $lists_uploads {{ "~^GET (.*&)?uploads(=?&|=?$)" 1; }}
    # Node closes idle connections after 5 s: nginx has to be first, or it answers 502 at times.
    upstream s3rver {{ server 127.0.0.1:{upstream}; keepalive 16; keepalive_timeout 2s; }}
    server {{
{listen}
        ssl_certificate {cert};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        add_header x-amz-request-id $request_id always;
        add_header x-amz-id-2 host-$request_id always;
        location / {{
            proxy_pass http://s3rver;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            if ($lists_uploads) {{ return 200 "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"; }}
        }}
    }}
}}
"""


def die_with_parent():
    """Run in a child between fork and exec: a test that crashes leaves no server."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def free_ports(n):
    """n different ports: all are held until all are known."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(n)]
        for s in held:
            s.bind((LOOPBACK, 0))
        return [s.getsockname()[1] for s in held]


def wait_port(port, process, what):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("%s ended at start, status %s" % (what, process.returncode))
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("%s does not answer on port %d" % (what, port))


def stop_process(process):
    """Ends a child of ours by its id; None is nothing to do."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def client_environ(home, ca):
    """The whole environment of a client: nothing of the caller's, so no foreign CA or profile."""
    return {
        "PATH": PATH, "HOME": home, "LANG": "C.UTF-8", "TMPDIR": home,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.path.join(home, "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": os.path.join(home, "aws-credentials"),
        "AWS_CA_BUNDLE": ca, "REQUESTS_CA_BUNDLE": ca, "SSL_CERT_FILE": ca,
        "CURL_CA_BUNDLE": ca, "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def install():
    """`npm ci` of the pinned s3rver into build/npm, unless the same lock file is installed already."""
    lock = os.path.join(HERE, "package-lock.json")
    installed = os.path.join(NPM_DIR, "installed-lock.json")
    with open(lock, "rb") as f:
        wanted = f.read()
    if os.path.exists(S3RVER) and os.path.exists(installed):
        with open(installed, "rb") as f:
            if f.read() == wanted:
                return
    os.makedirs(NPM_DIR, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, name), NPM_DIR)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
                   cwd=NPM_DIR, check=True, stdout=sys.stderr)
    with open(installed, "wb") as f:
        f.write(wanted)


class S3Server:
    def __init__(self):
        self.s3rver = self.nginx = self.dir = None
        pid = os.getpid()  # at most 22 bits: runs side by side have an address each
        self.own_address = "127.%d.%d.%d" % (64 + (pid >> 16), pid >> 8 & 255, pid & 255)

    def __enter__(self):
        install()
        self.dir = tempfile.mkdtemp(prefix="s3slower-s3-")
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        stop_process(self.nginx)
        stop_process(self.s3rver)
        if self.dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    def _start(self):
        self.ca, self.cert, self.key = harness.certificates()
        self._start_s3rver()
        for attempt in range(3):  # another process may take the port first
            try:
                return self._start_nginx()
            except RuntimeError:
                if attempt == 2:
                    raise

    def _start_s3rver(self):
        data = os.path.join(self.dir, "data")
        env = {"PATH": PATH, "HOME": self.dir, "SEEN": str(harness.seen())}
        self.s3rver = subprocess.Popen(
            ["node", "-r", os.path.join(HERE, "seen.js"), S3RVER, "-d", data, "-a", "127.0.0.1", "-p", "0", "-s",
             "--service-endpoint", "localhost", "--allow-mismatched-signatures"],
            cwd=self.dir, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=open(os.path.join(self.dir, "s3rver.log"), "wb"), preexec_fn=die_with_parent)
        for line in self.s3rver.stdout:
            if b"listening on" in line:
                self.http_port = int(line.rsplit(b":", 1)[1])
                break
        else:
            raise RuntimeError("s3rver did not start: " + self.log("s3rver.log"))
        wait_port(self.http_port, self.s3rver, "s3rver")

    def _start_nginx(self):
        ports = free_ports(4)
        self._tls, self._plain, self.https_port = ports[:2], ports[2:], ports[0]
        listen = ([(LOOPBACK, port, " ssl") for port in self._tls] +
                  [(LOOPBACK, port, "") for port in self._plain] +
                  [(self.own_address, 443, " ssl"), (self.own_address, 80, "")])
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w") as f:
            f.write(NGINX_CONF.format(dir=self.dir, cert=self.cert, key=self.key,
                                      upstream=self.http_port, listen="\n".join(
                                          "        listen %s:%d%s;" % each for each in listen)))
        self.nginx = subprocess.Popen(
            ["nginx", "-p", self.dir, "-c", conf, "-e", os.path.join(self.dir, "nginx-error.log")],
            env={"PATH": PATH}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        try:
            wait_port(self.https_port, self.nginx, "nginx")
        except RuntimeError as e:
            stop_process(self.nginx)
            raise RuntimeError("%s: %s" % (e, self.log("nginx-error.log"))) from None

    def log(self, name):
        try:
            with open(os.path.join(self.dir, name), errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def access_log(self):
        """What nginx served over HTTPS, in order: a list of dict."""
        return [json.loads(line) for line in self.log("access.log").splitlines()]

    def url(self, scheme, host="localhost"):
        return "%s://%s:%d" % (scheme, host, self.port(scheme))

    def port(self, scheme):
        return {"http": self.http_port, "https": self.https_port}[scheme]

    def witnessed(self, scheme):
        """Two URLs of nginx, which logs what is asked there."""
        return ["%s://localhost:%d" % (scheme, port)
                for port in {"http": self._plain, "https": self._tls}[scheme]]

    def environ(self):
        home = os.path.join(self.dir, "home")
        os.makedirs(home, exist_ok=True)
        return client_environ(home, self.ca)


def main():
    if sys.argv[1:] == ["install"]:
        install()
    elif sys.argv[1:] == ["run"]:
        with S3Server() as server:
            print("http %s  https %s  ca %s" % (server.url("http"), server.url("https"), server.ca),
                  flush=True)
            try:
                signal.pause()
            except KeyboardInterrupt:
                pass
        harness.remove_scratch()
    else:
        sys.exit("usage: s3server.py install|run")


if __name__ == "__main__":
    main()
