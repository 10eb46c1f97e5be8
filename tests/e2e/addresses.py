# SPDX-License-Identifier: Apache-2.0
"""Whose connection a request went over: both ends, as the client itself reports them; and
unknown where they cannot be known, never those of another connection."""
import contextlib
import csv
import io
import json
import shutil
import subprocess

import harness
import program
from cases import Server
from harness import Tracer, expect, run_tracer, test

N = 23
HOSTS = ("127.0.0.1", "::1")
_servers = {}


def server(host, serial=0):
    """The laboratory's server at that address; another one for another number."""
    if (host, serial) not in _servers:
        _servers[host, serial] = program.server() if (host, serial) == (HOSTS[0], 0) \
            else Server(host)
    return _servers[host, serial]


def stop_servers():
    for (host, serial), one in _servers.items():
        if (host, serial) != (HOSTS[0], 0):
            one.stop()


harness.AFTER.append(stop_servers)


def url_host(host):
    return f"[{host}]" if ":" in host else host


def ends(row):
    return tuple(row[f"{side}_{what}"] for side in ("local", "peer") for what in
                 ("address", "port"))


UNKNOWN = (None,) * 4
TARGETS = [(host, scheme) for host in HOSTS for scheme in ("http", "https")]

# A client that opens all its connections, says "open", waits for a line, and then sends its
# requests: argv is CA, then HOST PORT SCHEME BUCKET of each. Prints [bucket, key, local, peer].
EARLY = r"""
import http.client, json, ssl, sys
ca, *args = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
def get(c, bucket, key):
    c.request("GET", f"/{bucket}/{key}", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    c.getresponse().read()
all = []
for host, port, scheme, bucket in zip(*[iter(args)] * 4):
    c = http.client.HTTPSConnection(host, int(port), context=context) if scheme == "https" \
        else http.client.HTTPConnection(host, int(port))
    get(c, bucket, "before")
    all.append((c, bucket))
print("open", flush=True)
sys.stdin.readline()
for c, bucket in all:
    for i in range(23):
        get(c, bucket, f"k{i}")
        print(json.dumps([bucket, f"k{i}", c.sock.getsockname()[:2],
                          c.sock.getpeername()[:2]]), flush=True)
sys.stdin.readline()
"""

# The same descriptor for one server after the other, as fast as it can: argv is CA, SCHEME,
# ROUNDS, then PORT BUCKET of two servers. With "wait" as its fifth, the first connection is
# opened, used once, and kept until a line comes.
REUSE = r"""
import socket, ssl, sys
ca, scheme, rounds, when, *args = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
servers = list(zip(*[iter(args)] * 2))
def connect(port):
    s = socket.create_connection(("127.0.0.1", int(port)))
    return context.wrap_socket(s, server_hostname="127.0.0.1") if scheme == "https" else s
def get(s, port, bucket, key):
    s.sendall(f"GET /{bucket}/{key} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
              "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += s.recv(65536)
held = connect(servers[0][0])
if when == "wait":
    get(held, *servers[0], "before")
fd = held.fileno()
print("open", flush=True)
sys.stdin.readline()
for i in range(int(rounds)):
    get(held, *servers[i % 2], f"k{i}")
    if i % 3 == 2:
        held.shutdown(socket.SHUT_RDWR)
    held.close()
    held = connect(servers[(i + 1) % 2][0])
    assert held.fileno() == fd, "the descriptor is not the same"
"""

# argv: CA, then PORT BUCKET of two servers.
ASYNCIO = r"""
import asyncio, ssl, sys
ca, *args = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
async def one(port, bucket, lane):
    r, w = await asyncio.open_connection("127.0.0.1", int(port), ssl=context)
    for i in range(23):
        w.write(f"GET /{bucket}/k{lane}-{i} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n".encode())
        head = await r.readuntil(b"\r\n\r\n")
        n = [int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-l")]
        await r.readexactly(n[0])
    w.close()
async def main():
    await asyncio.gather(*(one(p, b, lane) for p, b in zip(*[iter(args)] * 2) for lane in range(4)))
asyncio.run(main())
"""

NODE = r"""
const https = require('https'), fs = require('fs');
const [ca, ...args] = process.argv.slice(2);
const agent = new https.Agent({keepAlive: true, maxSockets: 4, ca: fs.readFileSync(ca)});
for (let s = 0; s < args.length; s += 2)
  for (let i = 0; i < 92; i++)
    https.get({host: '127.0.0.1', port: +args[s], path: `/${args[s + 1]}/k${i}`, agent,
               headers: {'x-amz-content-sha256': 'UNSIGNED-PAYLOAD'}}, r => r.resume());
"""


@contextlib.contextmanager
def program_of(command, **env):
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, env=harness.clean_env(**env))
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def python(code, *args):
    return program_of([harness.PYTHON, "-c", code, *args])


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def two_servers(scheme):
    """[(port, bucket)] of two servers, each with a bucket of its own."""
    both = []
    for serial in (0, 1):
        one = server(HOSTS[0], serial)
        bucket = f"{program.bucket_for(name='ends')}-{serial}"
        one.order({"bucket": bucket, "script": []})
        both.append((one.ports[scheme], bucket))
    return both


def buckets(targets):
    return [word for _, bucket in targets for word in ("--bucket", bucket)]


def flat(targets):
    return [word for target in targets for word in target]


def right_or_unknown(rows, targets, n):
    """Each row names the server that its bucket lives on, or none. How many are known."""
    harness.check_rows(rows, n=n, status=200, state="complete")
    port_of = {bucket: port for port, bucket in targets}
    for row in rows:
        expect(ends(row) == UNKNOWN or ends(row)[2:] == (HOSTS[0], port_of[row["bucket"]]),
               f"{row['bucket']} is on port {port_of[row['bucket']]}, the row says {ends(row)}")
    return sum(ends(row) != UNKNOWN for row in rows)


# --- from the first byte on ----------------------------------------------

@test
def curl_says_the_same():
    """One connection, 23 requests, over each transport and family; and the mapped address."""
    format_ = "%{local_ip} %{local_port} %{remote_ip} %{remote_port}\n"
    for host, scheme in [*TARGETS, ("::ffff:127.0.0.1", "http")]:
        one = server(host if host in HOSTS else HOSTS[0])
        bucket = program.bucket_for(name="ends")
        one.order({"bucket": bucket, "script": []})
        urls = [f"{scheme}://{url_host(host)}:{one.ports[scheme]}/{bucket}/k{i}" for i in range(N)]
        command = ["curl", "-gsS", "-w", format_, "--cacert", harness.certificates().ca, "-H",
                   "x-amz-content-sha256: UNSIGNED-PAYLOAD", *urls]
        path = harness.scratch() / "ends.json"
        status, out, err = run_tracer(["--json", "-o", path, "--", *command])
        expect(status == 0, f"curl: {status}: {err}")
        said = [line.split() for line in out.splitlines()]
        rows = harness.json_rows(path.read_text())
        harness.check_rows(rows, n=N, status=200)
        for row, (local, local_port, peer, peer_port) in zip(rows, said, strict=True):
            want = tuple(x.removeprefix("::ffff:") if isinstance(x, str) else x
                         for x in (local, int(local_port), peer, int(peer_port)))
            expect(ends(row) == want, f"{host} {scheme}: {ends(row)}, curl says {want}")
            expect(row["fd"] is not None, "the descriptor is not known")


@test
def other_outputs():
    port, bucket = two_servers("https")[0]
    urls = [f"https://127.0.0.1:{port}/{bucket}/k{i}" for i in range(3)]
    command = ["curl", "-sS", "--cacert", harness.certificates().ca, "-H",
               "x-amz-content-sha256: UNSIGNED-PAYLOAD", *urls]
    path = harness.scratch() / "ends.out"
    run_tracer(["--wide", "-o", path, "--", *command])
    head, *lines = path.read_text().splitlines()
    expect("PEER" in head.split(), f"no PEER in {head}")
    expect(len(lines) == 3 and all(f" 127.0.0.1:{port} " in x for x in lines), f"table: {lines}")
    run_tracer(["--output", "csv", "-o", path, "--", *command])
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    expect([r["peer_port"] for r in rows] == [str(port)] * 3, f"csv: {rows}")
    expect(all(r["local_address"] == "127.0.0.1" for r in rows), f"csv: {rows}")
    run_tracer(["--json", "--mode", "openssl", "-o", path, "--", *command])
    rows = harness.json_rows(path.read_text())
    harness.check_rows(rows, n=3)
    expect(all(ends(r) == UNKNOWN and r["fd"] is None for r in rows), "TLS alone knows no socket")


# --- connections from before -----------------------------------------------

@test
def opened_before_the_tracer():
    args = []
    for host, scheme in TARGETS:
        one = server(host)
        bucket = program.bucket_for(name="early")
        one.order({"bucket": bucket, "script": []})
        args += [host, one.ports[scheme], scheme, bucket]
    with python(EARLY, harness.certificates().ca, *args) as client:
        expect(client.stdout.readline() == "open\n", "the client did not start")
        with Tracer(["-p", client.pid]) as tracer:
            go(client)
            said = [json.loads(client.stdout.readline()) for _ in range(N * len(TARGETS))]
            tracer.wait(len(said))
            go(client)
            rows = tracer.stop()
    harness.check_rows(rows, n=len(said), status=200)
    want = {(bucket, key): tuple(local + peer) for bucket, key, local, peer in said}
    for row in rows:
        expect(ends(row) == want[row["bucket"], row["key"]],
               f"{row['via']} {row['key']}: {ends(row)}, not {want[row['bucket'], row['key']]}")


@test
def a_descriptor_used_again():
    """Closed and at once connected to the other server: never the old one's address."""
    for scheme in ("http", "https"):
        for when in ("now", "wait"):
            targets = two_servers(scheme)
            with python(REUSE, harness.certificates().ca, scheme, 101, when,
                        *flat(targets)) as client:
                expect(client.stdout.readline() == "open\n", "the client did not start")
                with Tracer(["-p", client.pid]) as tracer:
                    go(client)
                    expect(client.wait(100) == 0, "the client failed")
                    rows = tracer.stop()
            missing = {f"k{i}" for i in range(101)} - {row["key"] for row in rows}
            expect(not missing, f"{scheme} {when}: no rows for {missing}: {tracer.stderr}")
            known = right_or_unknown(rows, targets, 101)
            # all but the first, which was there before and is gone before we look
            expect(known >= 100, f"{scheme}: {known} of 101 peers are known")


@test
@harness.in_real_time
def inherited_connections():
    """A child that goes on with its parent's connection."""
    code = r"""
import os, socket, sys
port, bucket = sys.argv[1:]
s = socket.create_connection(("127.0.0.1", int(port)))
def get(key):
    s.sendall(f"GET /{bucket}/{key} HTTP/1.1\r\nHost: x\r\n"
              "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n".encode())
    s.recv(65536)
get("parent")
pid = os.fork()
if pid:
    os.waitpid(pid, 0)
else:
    t = socket.socket(fileno=os.dup(s.fileno()))
    get("child")
    s.detach()
    s = t
    get("dup")
    __import__("time").sleep(1)
"""
    port, bucket = two_servers("http")[0]
    path = harness.scratch() / "inherited.json"
    status, _, err = run_tracer(["--json", "-o", path, "--", harness.PYTHON, "-c", code,
                                 port, bucket])
    rows = harness.json_rows(path.read_text())
    expect(status == 0, err)
    known = right_or_unknown(rows, [(port, bucket)], 3)
    # those of the descriptor that is not the one it was opened as are looked up while it lives
    harness.expect_in_time(known == 3, f"{[ends(r) for r in rows]}")


# --- memory BIOs: the socket call is not inside --------------------------------

@test
def asyncio_to_two_servers():
    targets = two_servers("https")
    path = harness.scratch() / "asyncio.json"
    status, _, err = run_tracer(["--json", "-o", path, "--", harness.PYTHON, "-c", ASYNCIO,
                                 harness.certificates().ca, *flat(targets)])
    expect(status == 0, err)
    rows = harness.json_rows(path.read_text())
    known = right_or_unknown(rows, targets, 2 * 4 * N)
    expect(known == 0, f"{known} of {len(rows)} rows of memory BIOs name a peer")


@test
def node_to_two_servers():
    expect(shutil.which("node"), "node is not installed")
    targets = two_servers("https")
    script = harness.scratch() / "two.js"
    script.write_text(NODE)
    with Tracer(["--comm", "node", *buckets(targets)]) as tracer:
        done = subprocess.run(["node", script, harness.certificates().ca, *map(str, flat(targets))],
                              env=harness.clean_env(), capture_output=True, text=True, timeout=200)
        expect(done.returncode == 0, done.stderr)
        rows = tracer.stop()
    right_or_unknown(rows, targets, 2 * 92)
