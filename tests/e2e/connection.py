# SPDX-License-Identifier: Apache-2.0
"""The connection that a request went over: which one, the number of the request on it, how long it
was idle - as the client knows it; and unknown where the beginning was not seen."""
import collections
import csv
import glob
import io
import json
import select
import socket
import threading
import time

import addresses
import harness
import libraries
import program
from addresses import EARLY, go, python
from cases import between
from harness import Tracer, expect, run_tracer, test

UNSIGNED = ("-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD")


def a_bucket(script=()):
    one = addresses.server(addresses.HOSTS[0])
    bucket = program.bucket_for(name="connection")
    one.order({"bucket": bucket, "script": list(script)})
    return one, bucket


def traced(command, n, *flags):
    """The rows of a command that sends n requests, and what it printed."""
    path = harness.scratch() / "connection.json"
    status, out, err = run_tracer(["--json", "-o", path, *flags, "--", *command])
    expect(status == 0, f"{command[0]}: {status}: {err}")
    return harness.check_rows(harness.json_rows(path.read_text()), n=n), out


def of(row, key):
    return row["connection"][key]


def each(rows, key):
    return [of(row, key) for row in rows]


def curl(*args):
    return ["curl", "-sS", "--http1.1", "--cacert", harness.certificates().ca, *UNSIGNED, *args]


@test
def requests_are_numbered():
    """Two connections of three requests each; the second waits between its requests."""
    one, bucket = a_bucket()
    for scheme in ("https", "http"):
        base = f"{scheme}://127.0.0.1:{one.ports[scheme]}/{bucket}"
        rows, _ = traced(["sh", "-c", '"$@"; "$@" --rate 2/s', "-",
                          *curl(*(f"{base}/k{i}" for i in range(3)))], 6)
        expect(each(rows, "request_number") == [1, 2, 3] * 2, f"{scheme}: {rows}")
        expect(each(rows, "reused") == [False, True, True] * 2, f"{scheme}: reused")
        ids = each(rows, "id")
        expect(None not in ids and len(set(ids[:3])) == len(set(ids[3:])) == 1 and
               ids[0] != ids[3], f"{scheme}: {ids}")
        idle = each(rows, "idle_ms")
        expect(idle[0] is None and idle[3] is None, f"{scheme}: idle before the first: {idle}")
        stamps = one.order({"stamps": bucket})["stamps"][-6:]
        for i in (1, 2, 4, 5):
            most = (stamps[i]["read"] - stamps[i - 1]["last"]) / 1e6
            expect(0 <= idle[i] <= most, f"{scheme}: idle {idle}, by the server's clock {most}")


@test
def idle_time():
    """The client's own clock around 300 ms between two requests."""
    bucket = program.bucket_for(name="idle")
    for scheme in ("https", "http"):
        with Tracer(["--bucket", bucket]) as tracer:
            said = program.client(
                ["open 0", "repeat 5", f"head 0 GET /{bucket}/{scheme}{{i}}", "send 0", "recv 0 rest",
                 "sleep 300", "again", "close 0"], scheme)
            rows = harness.check_rows(tracer.wait(5))
        for row, before, after in zip(rows[1:], said, said[1:]):
            low, high = between(before["last"], after["start"])
            idle = of(row, "idle_ms")
            expect(300 <= low <= idle <= high, f"idle_ms {idle}, {low} to {high}")


@test
def others_in_between_count():
    """A request that a filter in the kernel leaves out is one on its connection all the same."""
    one, bucket = a_bucket()
    base = f"https://127.0.0.1:{one.ports['https']}/{bucket}"
    rows, _ = traced(curl(f"{base}/a", "--next", *curl(f"{base}/b", "-X", "DELETE")[1:],
                          "--next", *curl(f"{base}/c")[1:]), 2, "--method", "GET")
    expect(each(rows, "request_number") == [1, 3], f"{rows}")
    expect(of(rows[1], "idle_ms") is None, "nobody saw when the answer before came")


@test
def opened_before_the_tracer():
    args = []
    one = addresses.server(addresses.HOSTS[0])
    for scheme in ("http", "https"):
        bucket = program.bucket_for(name=f"early-{scheme}")
        one.order({"bucket": bucket, "script": []})
        args += [addresses.HOSTS[0], one.ports[scheme], scheme, bucket]
    with python(EARLY, harness.certificates().ca, *args) as client:
        expect(client.stdout.readline() == "open\n", "the client did not start")
        with Tracer(["-p", client.pid]) as tracer:
            go(client)
            said = [json.loads(client.stdout.readline()) for _ in range(46)]
            tracer.wait(len(said))
            go(client)
            rows = harness.check_rows(tracer.stop(), n=46)
    by_bucket = collections.defaultdict(list)
    for row in rows:
        by_bucket[row["bucket"]].append(row)
    for some in by_bucket.values():
        expect({of(r, "request_number") for r in some} == {None}, "a number that nobody can know")
        expect(len({of(r, "id") for r in some}) == 1, "one connection")
        expect(each(some, "reused") == [None] + [True] * 22, "reused")
        expect([of(r, "idle_ms") is None for r in some] == [True] + [False] * 22, "idle")


# --- setting it up -----------------------------------------------------------

DELAY_MS = 400
ROUNDING_MS = 0.01  # curl tells us


class Relay:
    """Waits before it passes on what a new connection says first: a slow handshake."""

    def __init__(self, port):
        self.to = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(near,), daemon=True).start()

    def relay(self, near):
        select.select([near], [], [])
        time.sleep(DELAY_MS / 1000)
        with near, socket.create_connection(self.to) as far:
            other = {near: far, far: near}
            while True:
                for s in select.select([near, far], [], [])[0]:
                    try:
                        data = s.recv(65536)
                        other[s].sendall(data)
                    except OSError:
                        return
                    if not data:
                        return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def within(what, ms, low, high):
    expect(ms is not None and low <= ms <= high + ROUNDING_MS,
           f"{what}: {ms} ms, the clocks allow {low} to {high}")


TIMES = ("-w", "%{time_connect} %{time_appconnect} %{time_total}\n")


@test
def handshakes_take_their_time():
    """curl's own clock, and handshakes that wait: non-blocking calls until one succeeds."""
    one, bucket = a_bucket()
    with Relay(one.ports["https"]) as relay:
        base = f"https://127.0.0.1:{relay.port}/{bucket}"
        rows, out = traced(curl(*TIMES, f"{base}/a", f"{base}/b"), 2)
        connect, tls, total = (float(x) * 1000 for x in out.split("\n")[0].split())
        within("connect", of(rows[0], "connect_ms"), 0, connect)
        within("TLS", of(rows[0], "tls_ms"), DELAY_MS, tls)
        within("together", of(rows[0], "connect_ms") + of(rows[0], "tls_ms"), DELAY_MS, tls)
        within("the latency without the handshake", rows[0]["latency_ms"], 0, total - tls)
        expect(of(rows[1], "connect_ms") is None and of(rows[1], "tls_ms") is None, "paid once")
    base = f"http://127.0.0.1:{one.ports['http']}/{bucket}"
    rows, out = traced(curl(*TIMES, f"{base}/a", f"{base}/b"), 2)
    within("connect", of(rows[0], "connect_ms"), 0, float(out.split()[0]) * 1000)
    expect(each(rows, "tls_ms") == [None] * 2, "there is no TLS")
    expect(of(rows[1], "connect_ms") is None, "connected once")


@test
@harness.in_real_time
def gnutls_too():
    """wget sends one request and then keeps the connection."""
    one, bucket = a_bucket()
    with Relay(one.ports["https"]) as relay:
        base = f"https://127.0.0.1:{relay.port}/{bucket}"
        rows, _ = traced(["wget", "-q", "--ca-certificate", harness.certificates().ca, "--header",
                          "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-O", "/dev/null",
                          f"{base}/a", f"{base}/b"], 2)
    harness.check_rows(rows, via="gnutls")
    expect(each(rows, "request_number") == [1, 2], f"{rows}")
    expect(of(rows[0], "id") == of(rows[1], "id"), f"{rows}")
    expect(DELAY_MS <= of(rows[0], "tls_ms") and of(rows[1], "tls_ms") is None, f"{rows}")
    expect(of(rows[0], "connect_ms") >= 0, f"connect: {of(rows[0], 'connect_ms')}")
    # wget tells no times
    harness.expect_in_time(of(rows[0], "tls_ms") < DELAY_MS + 200, f"TLS: {of(rows[0], 'tls_ms')}")
    connect = of(rows[0], "connect_ms")
    harness.expect_in_time(connect < DELAY_MS, f"connect: {connect}")


@test
def other_libraries_too():
    """libcurl on NSS, whose handshakes are not seen, and the AWS CRT's s2n."""
    script = harness.scratch() / "crt.py"
    script.write_text(libraries.CRT)
    one, bucket = a_bucket()
    clients = {"nss": [str(harness.LAB_BIN / "easy"), "libcurl-nss.so.4"],
               "s2n": [harness.PYTHON, str(script)]}
    for via, command in clients.items():
        with libraries.mapped(glob.glob(libraries.EXTENSION)[0]):
            rows, _ = traced([*command, str(one.ports["https"]), harness.certificates().ca,
                              bucket, "5"], 7, "--bucket", bucket)
        harness.check_rows(rows, via=via)
        ids = collections.defaultdict(list)
        for row in rows:
            ids[of(row, "id")].append(row)
        for some in ids.values():
            expect(each(some, "request_number") == list(range(1, len(some) + 1)),
                   f"{via}: {[of(r, 'request_number') for r in some]}")
            expect((of(some[0], "tls_ms") is not None) == (via == "s2n"),
                   f"{via}: TLS {of(some[0], 'tls_ms')}")
            expect(all(of(r, "tls_ms") is None for r in some[1:]), f"{via}: paid twice")


BLOCKING = r"""
import socket, ssl, sys, time
ca, port, bucket, timeout = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
t0 = time.monotonic()
s = socket.create_connection(("127.0.0.1", int(port)), timeout=float(timeout) or None)
t1 = time.monotonic()
s = context.wrap_socket(s, server_hostname="127.0.0.1")
t2 = time.monotonic()
s.sendall(f"GET /{bucket}/k HTTP/1.1\r\nHost: x\r\n"
          "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n".encode())
s.recv(65536)
print((t1 - t0) * 1000, (t2 - t1) * 1000)
"""


SYN_SENT = "02"


def syn_sent(port):
    """Whether somebody's first packet to that port is unanswered."""
    with open("/proc/net/tcp") as file:
        return any(line.split()[2:4] == [f"0100007F:{port:04X}", SYN_SENT] for line in file)


@test
def connecting_takes_its_time():
    """A listener that is full: the first SYN is dropped, the next one comes a second later.
    Blocking calls, and a descriptor that does not block."""
    one, bucket = a_bucket()
    for timeout in (0, 100):
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        first = socket.create_connection(("127.0.0.1", port))

        def room():
            while not syn_sent(port):  # the tracer starts meanwhile
                time.sleep(0.01)
            while True:
                try:
                    near, _ = full.accept()
                except OSError:
                    return
                threading.Thread(target=Relay.relay, args=(relay, near), daemon=True).start()
        with Relay(one.ports["https"]) as relay:
            threading.Thread(target=room, daemon=True).start()
            rows, out = traced([harness.PYTHON, "-c", BLOCKING, harness.certificates().ca, port,
                                bucket, timeout], 1)
        full.shutdown(socket.SHUT_RDWR)
        full.close()
        first.close()
        connect, tls = map(float, out.split())
        within(f"connect, timeout {timeout}", of(rows[0], "connect_ms"), 500, connect)
        within(f"TLS, timeout {timeout}", of(rows[0], "tls_ms"), DELAY_MS, tls)


@test
def set_up_before_the_tracer():
    """Connected before, requested after: nothing is known of how long it took."""
    one, bucket = a_bucket()
    for scheme in ("http", "https"):
        code = addresses.REUSE
        with python(code, harness.certificates().ca, scheme, 2, "now", one.ports[scheme], bucket,
                    one.ports[scheme], bucket) as client:
            expect(client.stdout.readline() == "open\n", "the client did not start")
            with Tracer(["-p", client.pid]) as tracer:
                go(client)
                expect(client.wait(100) == 0, "the client failed")
                rows = harness.check_rows(tracer.stop(), n=2)
        old, new = rows
        for key in set(harness.CONNECTION) - {"id"}:
            expect(of(old, key) is None, f"{scheme}: {key} is {of(old, key)}")
        expect(of(new, "request_number") == 1 and of(new, "reused") is False, f"{scheme}: {new}")
        expect(of(new, "connect_ms") is not None, f"{scheme}: the second was seen to connect")
        expect((of(new, "tls_ms") is not None) == (scheme == "https"), f"{scheme}: {new}")


@test
def other_outputs():
    one, bucket = a_bucket()
    url = f"https://127.0.0.1:{one.ports['https']}/{bucket}/k"
    path = harness.scratch() / "connection.out"
    run_tracer(["--wide", "-o", path, "--", *curl(url)])
    head = path.read_text().splitlines()[0].split()
    expect(all(name in head for name in ("DNS", "CONN", "TLS")), f"no DNS, CONN, TLS in {head}")
    run_tracer(["--output", "csv", "-o", path, "--", *curl(url)])
    (row,) = csv.DictReader(io.StringIO(path.read_text()))
    expect(row["request_number"] == "1" and row["reused"] == "false" and row["idle_ms"] == "" and
           float(row["connect_ms"]) > 0 and float(row["tls_ms"]) > 0 and
           row["tls_resumed"] == "false" and row["dns_ms"] == "", f"csv: {row}")
