# SPDX-License-Identifier: Apache-2.0
"""Where only a TLS library is watched, and no socket: whose connection a request went over is
read from the library's objects. It is right, or unknown - and not unknown where it can be known."""
import json
import subprocess

import addresses
import golang
import harness
import libraries
import program
from addresses import N, UNKNOWN, ends, go, python
from harness import Tracer, expect, test

HOST = "127.0.0.1"


def tracing(library, *more):
    return Tracer(["--mode", library, *map(str, more)])


def right(rows, want, last_of):
    """Rows say what the client says, or nothing; the last ones of connections say it. want: row ->
    both ends; last_of: row -> its connection."""
    last = {}
    for row in rows:
        said = ends(row)
        expect(said in (want(row), UNKNOWN), f"{row['key']}: {said}, the client says {want(row)}")
        last[last_of(row)] = row
    for row in last.values():
        expect(ends(row) == want(row), f"{row['key']}: unknown, the client says {want(row)}")
        expect(row["fd"] is not None, f"{row['key']}: the descriptor is not known")


@test
def openssl_of_python():
    """Connections that were there before the tracer, to both families."""
    args = []
    for host in addresses.HOSTS:
        one = addresses.server(host)
        bucket = program.bucket_for(name="alone")
        one.order({"bucket": bucket, "script": []})
        args += [host, one.ports["https"], "https", bucket]
    with python(addresses.EARLY, harness.certificates().ca, *args) as client:
        expect(client.stdout.readline() == "open\n", "the client did not start")
        with tracing("openssl", "-p", client.pid) as tracer:
            go(client)
            said = [json.loads(client.stdout.readline()) for _ in range(2 * N)]
            tracer.wait(len(said))
            go(client)
            rows = tracer.stop()
    harness.check_rows(rows, n=2 * N, status=200, via="openssl")
    want = {(bucket, key): tuple(local + peer) for bucket, key, local, peer in said}
    right(rows, lambda row: want[row["bucket"], row["key"]], lambda row: row["bucket"])


def layer(library, env=None):
    """One connection through the library, kept until its rows are there."""
    bucket = program.bucket_for({"k*": [{"answer": 200, "body": "x" * 4096}]})
    words = []
    for i in range(N):
        words += ["send", "GET", f"/{bucket}/k{i}", "0"]
    command = [str(word) for word in libraries.layer(library, *words, "wait", "-", "-", "0")]
    with tracing(library, "--bucket", bucket) as tracer, \
            addresses.program_of(command, **(env or {})) as client:
        for _ in range(N):
            client.stdout.readline()
        port = int(client.stdout.readline())
        tracer.wait(N)
        go(client)
        expect(client.wait(30) == 0, "the client failed")
        rows = tracer.stop()
    harness.check_rows(rows, n=N, status=200, via=library)
    want = (HOST, port, HOST, program.server().ports["https"])
    right(rows, lambda row: want, lambda row: bucket)


@test
def openssl():
    layer("openssl")


@test
def gnutls():
    layer("gnutls")


@test
def nss():
    layer("nss")


@test
def s2n():
    layer("s2n", libraries.s2n_env())


@test(timeout=300)
def gotls():
    """One connection: where several begin, what /proc says may be too late for the first."""
    bucket = program.bucket_for(golang.SCRIPT, "golang")
    command = golang.argv(golang.build("stripped_pie"), bucket, "-workers", 1,
                          "-wait", "-hold")
    with addresses.program_of(command) as client, \
            tracing("gotls", "--bucket", bucket) as tracer:
        said = []
        go(client)
        while not said or "errors" not in said[-1]:
            said.append(json.loads(client.stdout.readline()))
        tracer.wait(len(said) - 1)
        go(client)
        expect(client.wait(30) == 0, "the client failed")
        rows = tracer.stop()
    told = {one["key"]: one for one in said[:-1]}
    harness.check_rows(rows, n=len(told), via="gotls")

    def want(row):
        local, port = told[row["key"]]["local"].rsplit(":", 1)
        return (local, int(port), HOST, program.server().ports["https"])
    right(rows, want, lambda row: told[row["key"]]["local"])


# --- what cannot be known ----------------------------------------------------------

# Closes sockets, but keeps the TLS objects that they belonged to: the next connection gets the
# same descriptor. argv: CA, then PORT BUCKET of two servers.
LEAK = r"""
import os, socket, ssl, sys
ca, *args = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
servers = list(zip(*[iter(args)] * 2))
kept, fds = [], set()
for i in range(101):
    port, bucket = servers[i % 2]
    s = context.wrap_socket(socket.create_connection(("127.0.0.1", int(port))),
                            server_hostname="127.0.0.1")
    s.sendall(f"GET /{bucket}/k{i} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
              "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += s.recv(65536)
    kept.append(s)
    fds.add(s.fileno())
    os.close(s.fileno())
assert len(fds) == 1, "the descriptor is not the same"
os._exit(0)
"""


def never_the_other(code, *args, n):
    targets = addresses.two_servers("https")
    with tracing("openssl", *addresses.buckets(targets)) as tracer:
        with addresses.program_of([harness.PYTHON, "-c", code, harness.certificates().ca, *args,
                                   *map(str, addresses.flat(targets))]) as client:
            expect(client.wait(60) == 0, "the client failed")
        tracer.wait(n)
        rows = tracer.stop()
    return addresses.right_or_unknown(rows, targets, n)


@test
def a_socket_closed_behind_the_library():
    never_the_other(LEAK, n=101)


@test
def memory_bios():
    known = never_the_other(addresses.ASYNCIO, n=2 * 4 * N)
    expect(known == 0, f"{known} rows of memory BIOs name a peer")


@test
def waiting_unseen():
    """curl waits in poll(), which nobody watches: it is not blamed for the server's pauses."""
    bucket = program.bucket_for([[{"answer": 200, "body": 1000, "split": 200, "gap_ms": 50}]])
    with tracing("openssl", "--bucket", bucket) as tracer:
        subprocess.run(program.curl(bucket), check=True, timeout=30, stdout=subprocess.DEVNULL,
                       env=harness.clean_env())
        tracer.wait(1)
        rows = tracer.stop()
    harness.check_rows(rows, n=1, status=200, via="openssl")
    stalled = rows[0]["phases"]["stall_ms"]
    expect(stalled == 0, f"curl stalled for {stalled} of {rows[0]['latency_ms']} ms")


# --- what is wrong ------------------------------------------------------------------

# A library whose accessors lead to another descriptor than the one that it uses. argv: LIBRARY,
# PORT, BUCKET, N.
LIAR = r"""
import ctypes, socket, sys
ssl = ctypes.CDLL(sys.argv[1])
port, bucket, n = int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
connection = socket.create_connection(("127.0.0.1", port))
other = socket.create_connection(("127.0.0.1", port))
ssl.liar_new.restype = ctypes.c_void_p
it = ctypes.c_void_p(ssl.liar_new(connection.fileno(), other.fileno()))
answer = ctypes.create_string_buffer(65536)
for i in range(n):
    head = (f"GET /{bucket}/k{i} HTTP/1.1\r\nHost: x\r\n"
            "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n").encode()
    ssl.SSL_write(it, head, len(head))
    got = ssl.SSL_read(it, answer, len(answer))
    assert b" 200 " in answer.raw[:got], answer.raw[:got]
print(connection.fileno(), other.fileno())
"""


@test
def a_layout_that_calls_disprove():
    """It is believed until a call shows another descriptor, once; then no longer."""
    library = str(harness.LAB_BIN / "libssl.so.liar")
    bucket = program.bucket_for()
    command = [harness.PYTHON, "-c", LIAR, library, str(program.server().ports["http"]), bucket,
               str(N)]
    with libraries.mapped(library), Tracer(["--bucket", bucket]) as tracer:
        with addresses.program_of(command) as client:
            used, told = map(int, client.stdout.readline().split())
            expect(client.wait(30) == 0, "the client failed")
        tracer.wait(N)
        rows = tracer.stop()
    harness.check_rows(rows, n=N, via="openssl", status=200)
    fds = [row["fd"] for row in sorted(rows, key=lambda row: row["timestamp"])]
    expect(told not in fds, f"the descriptor {told}, which carries nothing, is in {fds}")
    expect(fds == [None] + [used] * (N - 1), f"{fds}, not one unknown and {used}")
    expect("1 descriptors misread" in tracer.stderr, tracer.stderr)
