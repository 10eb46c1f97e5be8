# SPDX-License-Identifier: Apache-2.0
"""HTTP/2: each stream is a row, as the client and nginx know it; what cannot be known is counted."""
import collections
import contextlib
import datetime
import http.server
import json
import signal
import subprocess
import threading
import time

import golang
import harness
import s3server
from harness import Tracer, brief, expect, json_rows, run_tracer, test

SIGNATURE = "5ec4e75ec4e7"
SIGNED = ("-H", "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/"
          f"aws4_request, SignedHeaders=host, Signature={SIGNATURE}")
WAIT_MS = 300
BIG = 5_000_000
MISSING = '<?xml version="1.0" encoding="UTF-8"?>\\n<Error><Code>NoSuchKey</Code></Error>'

CONF = """\
daemon off;
user root;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log warn;
events {{ worker_connections 128; }}
http {{
    log_format oracle escape=json '{{"method":"$request_method","uri":"$request_uri","h2":"$http2",'
        '"status":$status,"sent":$body_bytes_sent,"request_id":"$request_id"}}';
    access_log {dir}/access.log oracle;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    client_max_body_size 100m;
    keepalive_requests 1000;
    add_header x-amz-request-id $request_id always;
    add_header x-amz-id-2 host-$request_id always;
    root {dir}/www;
    server {{
        listen 127.0.0.1:{tls} ssl http2;
        listen 127.0.0.1:{plain} http2;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location / {{ dav_methods PUT DELETE; }}
        location /b/missing {{ default_type application/xml; return 404 '{missing}'; }}
        location /b/slow {{ proxy_pass http://127.0.0.1:{slow}; }}
        location /b/never {{ proxy_pass http://127.0.0.1:{slow}; proxy_read_timeout 600s; }}
    }}
    server {{
        listen 127.0.0.1:{few} ssl http2;
        keepalive_requests 4;
        ssl_certificate {cert};
        ssl_certificate_key {key};
    }}
}}
"""


class Slow(http.server.BaseHTTPRequestHandler):
    """Answers in a while, or never."""

    def do_GET(self):
        if "never" in self.path:
            self.server.stopped.wait()
            return
        time.sleep(WAIT_MS / 1000)
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"slow")

    def log_message(self, *_):
        pass


class Server:
    """nginx that speaks HTTP/2 over TLS and, to who knows beforehand, without."""

    def __init__(self):
        self.dir = harness.scratch() / "http2"
        (self.dir / "www" / "b").mkdir(parents=True)
        for i in range(1, 9):
            (self.dir / "www" / "b" / f"k{i}").write_bytes(b"x" * 1000 * i)
        (self.dir / "www" / "b" / "big").write_bytes(b"GET / HTTP/1.1\r\n" * (BIG // 16))
        self.backend = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
        self.backend.daemon_threads = True
        self.backend.stopped = threading.Event()
        threading.Thread(target=self.backend.serve_forever, daemon=True).start()
        self.tls, self.plain, self.few = s3server.free_ports(3)
        self.ports = {"https": self.tls, "http": self.plain}
        _, cert, key = harness.certificates()
        conf = self.dir / "nginx.conf"
        conf.write_text(CONF.format(dir=self.dir, cert=cert, key=key, tls=self.tls,
                                    plain=self.plain, few=self.few, missing=MISSING,
                                    slow=self.backend.server_address[1]))
        self.nginx = subprocess.Popen(
            ["nginx", "-p", str(self.dir), "-c", str(conf), "-e", str(self.dir / "error.log")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=s3server.die_with_parent)
        s3server.wait_port(self.tls, self.nginx, "nginx")

    def url(self, scheme, key):
        return f"{scheme}://127.0.0.1:{self.ports[scheme]}/b/{key}"

    def log(self):
        """What it served, by the id that its answers carried."""
        lines = (self.dir / "access.log").read_text().splitlines()
        return {line["request_id"]: line for line in map(json.loads, lines)}

    def stop(self):
        self.backend.stopped.set()
        s3server.stop_process(self.nginx)
        self.backend.shutdown()


_server = None


def server():
    global _server
    if _server is None:
        _server = Server()
    return _server


@harness.AFTER.append
def stop_server():
    if _server is not None:
        _server.stop()


TELL = ('{"url":"%{url_effective}","version":"%{http_version}","status":%{http_code},'
        '"received":%{size_download},"sent":%{size_upload},"s":%{time_total}}\n')


def curl(scheme, *args):
    how = {"https": "--http2", "http": "--http2-prior-knowledge"}[scheme]
    return ["curl", "-sS", how, "--cacert", harness.certificates().ca, *SIGNED, "-w", TELL, *args]


def nghttp(scheme, *keys, flags=()):
    """All at once over one connection. curl 7.88 cannot use one twice that it knew beforehand to
    speak HTTP/2."""
    return ["nghttp", "-n", "".join(SIGNED), *flags,
            *(server().url(scheme, key) for key in keys)]


def asked(scheme, *keys):
    return [word for key in keys for word in (server().url(scheme, key), "-o", "/dev/null")]


def traced(command, *flags, n=None, **checks):
    """The rows of a command, what it printed, and the counts at the end. All happened between two
    readings of this machine's clock."""
    path = harness.scratch() / "http2.json"
    before = time.time()
    status, out, err = run_tracer(["--json", "-o", path, *flags, "--", *command])
    after = time.time()
    expect(status == 0, f"{command[0]}: {status}: {err}")
    text = path.read_text()
    expect(SIGNATURE not in text + err, "the signature got out")
    rows = harness.check_rows(json_rows(text), n=n, **checks)
    for row in rows:
        expect(row["http_version"] == "2" and row["stream_id"] % 2 == 1, f"not HTTP/2: {row}")
        begin = time_of(row)
        expect(before <= begin + 1e-5 and begin + row["latency_ms"] / 1000 <= after,
               f"{row['path']}: not while the client ran")
    return rows, out, err


def time_of(row):
    return datetime.datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00")).timestamp()


def said(out):
    """What curl says of each request, by the last part of its URL."""
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    expect(all(line["version"] == "2" for line in lines), f"curl did not use HTTP/2: {lines}")
    return {line["url"].rsplit("/", 1)[1]: line for line in lines}


def agree(rows, out):
    """Rows, the client and nginx say the same; and our time lies within the client's."""
    told, served = said(out), server().log()
    expect(len(told) == len(rows), f"curl sent {len(told)} requests, there are {brief(rows)}")
    for row in rows:
        one, logged = told[row["key"]], served[row["request_id"]]
        name = f"{row['method']} {row['key']}"
        expect(logged["uri"] == row["path"] and logged["method"] == row["method"],
               f"{name}: nginx served {logged}")
        expect(row["status_code"] == one["status"] == logged["status"], f"{name}: {one}")
        expect(row["response_size"] == one["received"] == logged["sent"],
               f"{name}: {row['response_size']} bytes, {one}, {logged}")
        expect(row["request_size"] == one["sent"], f"{name}: {row['request_size']} sent, {one}")
        expect(row["latency_ms"] <= one["s"] * 1000 + 0.01, f"{name}: {row['latency_ms']}, {one}")
        expect(row["host_id"] == "host-" + row["request_id"], f"{name}: {row['host_id']}")


def each(rows, key):
    return [row["connection"][key] for row in rows]


def one_connection(rows):
    """Numbered from 1; the first has paid for it, the others have not."""
    expect(len(set(each(rows, "id"))) == 1, "more than one connection")
    numbers = each(rows, "request_number")
    expect(sorted(numbers) == list(range(1, len(rows) + 1)), f"numbers: {numbers}")
    expect(len({row["stream_id"] for row in rows}) == len(rows), "streams")
    rows = sorted(rows, key=lambda row: row["connection"]["request_number"])
    expect(each(rows, "connect_ms")[0] is not None, f"{rows[0]}")
    expect(each(rows, "reused") == [False] + [True] * (len(rows) - 1), f"{each(rows, 'reused')}")
    for key in ("dns_ms", "connect_ms", "tls_ms", "tls_resumed"):
        expect(set(each(rows[1:], key)) <= {None}, f"{key} is paid more than once")


def are_the_eight(rows, scheme):
    expect(sorted(row["key"] for row in rows) == [f"k{i}" for i in range(1, 9)], brief(rows))
    served = server().log()
    for row in rows:
        expect(row["operation"] == "GetObject" and row["bucket"] == "b", f"{row}")
        expect(row["response_size"] == 1000 * int(row["key"][1:]), f"{row}")
        expect(row["request_size"] == 0, f"{row}")
        expect(row["peer_port"] == server().ports[scheme], f"{row}")
        expect(served[row["request_id"]]["uri"] == row["path"], "another's answer")
    one_connection(rows)


@test
def eight_in_parallel():
    rows, out, err = traced(curl("https", "--parallel",
                                 *asked("https", *(f"k{i}" for i in range(1, 9)))),
                            n=8, via="openssl", state="complete", status=200)
    are_the_eight(rows, "https")
    agree(rows, out)
    expect(" 0 opaque" in err and " 0 lost" in err, err)


@test
def eight_of_another_client():
    """nghttp gathers all eight heads into one call, over TLS and without."""
    for scheme, via in (("https", "openssl"), ("http", "http")):
        rows, _, err = traced(nghttp(scheme, *(f"k{i}" for i in range(1, 9))), n=8, via=via,
                              state="complete", status=200)
        are_the_eight(rows, scheme)
        expect(" 0 opaque" in err and " 0 lost" in err, err)


@test
def known_beforehand():
    rows, out, err = traced(curl("http", *asked("http", "k7")), n=1, via="http", state="complete")
    agree(rows, out)
    one_connection(rows)


@test
def big_ones_among_small_ones():
    """5 MB up and 5 MB down over the connection that small requests use meanwhile."""
    big = server().dir / "www" / "b" / "big"
    rows, out, err = traced(curl(
        "https", "--parallel", *asked("https", "k1", "big", "k2", "k3"), "--next",
        *curl("https")[1:], "-T", str(big), server().url("https", "up"), "--next",
        *curl("https")[1:], *asked("https", "k4", "k5")), n=7, state="complete")
    agree(rows, out)
    size = {row["key"]: (row["operation"], row["request_size"], row["response_size"])
            for row in rows}
    expect(size["big"] == ("GetObject", 0, BIG), f"{size}")
    expect(size["up"] == ("PutObject", BIG, 0), f"{size}")
    expect(" 0 opaque" in err, err)


@test
def big_ones_without_tls():
    big = server().dir / "www" / "b" / "big"
    for flags, keys, sizes in (((), ("k1", "big", "k2"), {"k1": (0, 1000), "big": (0, BIG),
                                                          "k2": (0, 2000)}),
                               (("-H:method: PUT", "-d", str(big)), ("up1", "up2"),
                                {"up1": (BIG, 0), "up2": (BIG, 0)})):
        rows, _, err = traced(nghttp("http", *keys, flags=flags), n=len(keys), state="complete",
                              via="http")
        seen = {row["key"]: (row["request_size"], row["response_size"]) for row in rows}
        expect(seen == sizes, f"{seen}")
        expect(" 0 opaque" in err, err)


@test
def one_waits_the_others_do_not():
    """Each stream has its own wait: the server answers one of them after 300 ms."""
    rows, out, _ = traced(curl("https", "--parallel", *asked("https", "k1", "slow", "k2")), n=3,
                          state="complete")
    agree(rows, out)
    slow = next(row for row in rows if row["key"] == "slow")
    expect(slow["phases"]["wait_ms"] >= WAIT_MS, f"{slow['phases']}")
    expect(slow["ttfb_ms"] >= WAIT_MS and slow["response_size"] == 4, f"{slow}")
    expect([row["key"] for row in rows][-1] == "slow", "the others came before")


@test
def errors_have_their_codes():
    rows, out, _ = traced(curl("https", *asked("https", "missing"), "--next", *curl("https")[1:],
                               "-I", server().url("https", "k3"), "--next", *curl("https")[1:],
                               "-X", "DELETE", server().url("https", "nothing-there")), n=3)
    by = {row["method"]: row for row in rows}
    expect(by["GET"]["error_code"] == "NoSuchKey" and by["GET"]["status_code"] == 404, f"{by}")
    expect(by["HEAD"]["operation"] == "HeadObject" and by["HEAD"]["response_size"] == 0, f"{by}")
    expect(by["DELETE"]["operation"] == "DeleteObject" and by["DELETE"]["is_error"], f"{by}")
    one_connection(rows)


@test
def signed_urls_stay_secret():
    url = (server().url("https", "k1") + "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA"
           f"%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature={SIGNATURE}")
    (row,), _, _ = traced(curl("https", url, "-o", "/dev/null"), n=1, status=200)
    expect("X-Amz-Signature=***" in row["path"], row["path"])


@test
def filters_hold_for_streams():
    keys = asked("https", "k1", "missing", "slow", "k2")
    for flags, wanted in ((("--status", "404"), ["missing"]), (("--method", "PUT"), []),
                          (("--min-latency", str(WAIT_MS)), ["slow"])):
        rows, _, _ = traced(curl("https", "--parallel", *keys), *flags)
        # A busy machine may make others as slow.
        seen = [row["key"] for row in rows]
        expect(seen == wanted or (wanted == ["slow"] and "slow" in seen and
                                  all(row["latency_ms"] >= WAIT_MS for row in rows)),
               f"{flags}: {seen}")


@test
def the_server_goes_away():
    """nginx ends each connection behind its fourth request: GOAWAY, and a new one."""
    urls = [word for i in range(1, 11)
            for word in (f"https://127.0.0.1:{server().few}/b/k{i % 8 + 1}?{i}", "-o", "/dev/null")]
    rows, out, _ = traced(curl("https", *urls), n=10, state="complete", status=200)
    ids = collections.Counter(each(rows, "id"))
    expect(len(ids) >= 2, f"one connection: {ids}")
    for row in rows:
        expect(row["response_size"] == 1000 * int(row["key"][1:]), f"{row}")


@test
def a_client_that_is_killed():
    """What was under way had no response; what was answered before keeps its row."""
    with Tracer(["--comm", "curl"]) as tracer:
        client = subprocess.Popen(
            curl("https", "--parallel", *asked("https", "k1", "never", "k2")),
            env=harness.clean_env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mine = tracer.wait(2, 30, where=lambda row: row["pid"] == client.pid)
        client.send_signal(signal.SIGKILL)
        client.wait()
        mine = tracer.wait(3, 30, where=lambda row: row["pid"] == client.pid)
    harness.check_rows(mine, n=3)
    states = {row["key"]: row["state"] for row in mine}
    expect(states == {"k1": "complete", "k2": "complete", "never": "no_response"}, f"{states}")


# libcurl by itself: one connection, requests when a line comes.
LATE = r"""
import ctypes, sys
curl = ctypes.CDLL(sys.argv[3])
curl.curl_easy_init.restype = ctypes.c_void_p
handle = ctypes.c_void_p(curl.curl_easy_init())
def option(n, value):
    curl.curl_easy_setopt(handle, n, value)
sink = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t,
                        ctypes.c_void_p)(lambda at, size, n, ctx: size * n)
option(20011, sink)                                # CURLOPT_WRITEFUNCTION
option(10065, ctypes.c_char_p(sys.argv[1].encode()))  # CURLOPT_CAINFO
option(84, ctypes.c_long(4))                       # CURLOPT_HTTP_VERSION: 2 over TLS
option(10002, ctypes.c_char_p(sys.argv[2].encode()))  # CURLOPT_URL
for line in sys.stdin:
    for _ in range(int(line)):
        if curl.curl_easy_perform(handle):
            sys.exit(1)
    version = ctypes.c_long()
    curl.curl_easy_getinfo(handle, 0x200000 + 46, ctypes.byref(version))
    print(version.value, flush=True)
"""


def libcurl(library="libcurl.so.4"):
    script = harness.scratch() / "late.py"
    script.write_text(LATE)
    return [harness.PYTHON, str(script), harness.certificates().ca, server().url("https", "k1"),
            library]


@contextlib.contextmanager
def late():
    """A client that has asked once; what it gives asks n times more, over the same connection."""
    client = subprocess.Popen(
        libcurl(), env=harness.clean_env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True)

    def ask(n):
        client.stdin.write(f"{n}\n")
        client.stdin.flush()
        expect(client.stdout.readline() == "3\n", "libcurl does not speak HTTP/2")
    try:
        ask(1)
        yield client.pid, ask
    finally:
        client.stdin.close()
        client.wait(30)


@test
def joined_in_the_middle():
    """Nothing is guessed of a connection that was there before: it is counted, once."""
    with late() as (pid, ask):
        with Tracer(["-p", pid, "--all-http"]) as tracer:
            ask(5)
    expect(not tracer.rows, f"rows of what nobody saw begin: {brief(tracer.rows)}")
    expect(" 1 opaque" in tracer.stderr, tracer.stderr)


@test
def servers_do_not_count():
    """nginx's own answers are no requests, and none of its connections is opaque, whether they
    were there before or not. What it asks of another server over HTTP/1.1 is seen."""
    with late() as (_, ask):
        with Tracer(["-p", server().nginx.pid, "--follow", "--all-http"]) as tracer:
            ask(5)
            done = subprocess.run(curl("https", *asked("https", "k1", "slow")),
                                  env=harness.clean_env(), capture_output=True, text=True)
            expect(done.returncode == 0, done.stderr)
            tracer.wait(1)
    (row,) = harness.check_rows(tracer.rows, n=1, via="http", status=200)
    expect(row["http_version"] in ("1.0", "1.1") and row["stream_id"] is None, f"{row}")
    expect(" 0 opaque" in tracer.stderr, tracer.stderr)


@test
def other_libraries():
    """libcurl on GnuTLS and on NSS; its own name for HTTP/2 is 3."""
    for library, via in (("libcurl-gnutls.so.4", "gnutls"), ("libcurl-nss.so.4", "nss")):
        command = ["sh", "-c", 'echo 5 | "$@"', "-", *libcurl(library)]
        rows, out, err = traced(command, "--all-http", n=5, via=via, state="complete", status=200)
        expect(out == "3\n", f"{library} says HTTP version {out}")
        expect({row["response_size"] for row in rows} == {1000}, brief(rows))
        expect(each(rows, "request_number") == [1, 2, 3, 4, 5], f"{library}: numbers")
        expect(None not in each(rows, "idle_ms")[1:], f"{library}: idle")
        expect(" 0 opaque" in err, err)


NODE = r"""
const http2 = require("http2"), fs = require("fs");
const [ca, url] = process.argv.slice(2), at = new URL(url);
const session = http2.connect(at.origin, {ca: fs.readFileSync(ca)});
let open = 0;
for (let i = 1; i <= 8; i++) {
  for (const body of ["", "x".repeat(100000 + i)]) {
    const stream = session.request({":method": body ? "PUT" : "GET", authorization: process.argv[4],
                                    ":path": at.pathname + (body ? "node" : "k") + i});
    open++;
    stream.on("close", () => { if (--open == 0) session.close(); });
    stream.resume();
    if (body) stream.end(body);
  }
}
"""


@test
def node_too():
    """Memory BIOs: no socket call lies within a TLS call, and sixteen streams at once."""
    script = harness.scratch() / "http2.js"
    script.write_text(NODE)
    rows, _, err = traced(["node", str(script), harness.certificates().ca,
                           server().url("https", ""), SIGNED[1].split(": ", 1)[1]],
                          n=16, via="openssl", state="complete")
    for row in rows:
        i = int(row["key"][-1])
        sizes = (row["request_size"], row["response_size"])
        expect(sizes == ((100000 + i, 0) if row["method"] == "PUT" else (0, 1000 * i)), f"{row}")
    expect(len(set(each(rows, "id"))) == 1, "one connection")
    expect(" 0 opaque" in err, err)


_go = None


def go_client():
    global _go
    if _go is None:
        _go = harness.scratch() / "gohttp2"
        golang.CACHE.mkdir(parents=True, exist_ok=True)
        env = harness.clean_env(GO111MODULE="off", GOCACHE=golang.CACHE, GOFLAGS="",
                                GOPATH=golang.CACHE)
        done = subprocess.run(["go", "build", "-ldflags=-s -w", "-o", str(_go),
                               str(harness.LAB / "gohttp2.go")],
                              capture_output=True, text=True, env=env)
        expect(done.returncode == 0, f"go build: {done.stderr}")
    return [str(_go), "-ca", harness.certificates().ca, "-n", "8",
            server().url("https", "")[:-1]]


@test(timeout=300)
def go_too():
    """net/http's own HTTP/2 over its own TLS: 49 requests, 24 at a time."""
    rows, out, err = traced(go_client(), n=49, via="gotls", state="complete")
    told = {(r["method"], r["key"]): r for r in map(json.loads, out.splitlines())}
    for row in rows:
        one = told[row["method"], row["key"]]
        name = f"{row['method']} {row['key']}"
        expect(one["protocol"] == "HTTP/2.0", f"{name}: {one}")
        sizes = (row["status_code"], row["request_size"], row["response_size"])
        expect(sizes == (one["status"], one["sent"], one["received"]), f"{name}: {sizes}, {one}")
        begin = time_of(row)
        expect(one["start"] / 1e9 <= begin + 1e-5 and
               begin + row["latency_ms"] / 1000 <= one["end"] / 1e9 + 1e-5, f"{name}: when")
    expect(len(set(each(rows, "id"))) == 1, "one connection")
    expect(" 0 opaque" in err, err)
