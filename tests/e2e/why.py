# SPDX-License-Identifier: Apache-2.0
"""Why a request took so long: each rule, driven by a server or a wire that does what it is told,
against the client's own clock. That a word follows from its row's numbers harness.check_row()
asserts of every row of every test; here the numbers are those of the cause.

A word is insisted on where the client's clock leaves no choice: what was caused is more than
half of all that the client measured. A busy machine may spoil some of several requests."""
import csv
import os
import socket
import subprocess
import threading

import calls
import connection
import harness
import program
import wire
from cases import Server
from harness import Tracer, brief, expect, test

PAUSE_MS = 600
PAUSE = {"sleep_ms": PAUSE_MS}
BIG = 64 << 20  # more than the buffers of both sides take: 4 and 32 MiB on new kernels
TURNS = 3


def traced(args, **more):
    """All of the machine is seen, others' bursts too: room for them."""
    return Tracer([*args, "--perf-pages", 2048], **more)


def ms(later, earlier):
    return (later - earlier) / 1e6


class Judge:
    """Rows against what the client says, and how many of them had no choice."""

    def __init__(self, word):
        self.word, self.decided, self.rows = word, 0, []

    def row(self, row, least, total, setup=0, check=harness.check_row):
        """least: the time that the cause took, within the row's; total: the client's whole
        time around what was felt, but for setup."""
        check(row)
        self.rows.append(row)
        expect(row["felt_ms"] <= total + .01 + setup,
               f"{row['felt_ms']} ms were felt of the client's {total}: {row}")
        lost = row["retransmit_ms"] or 0
        if self.word != "network-loss" and 2 * lost > row["felt_ms"]:
            return  # a full buffer on the other side may lose packets, too
        if 2 * least > total + setup:
            self.decided += 1
            expect(row["why"] == self.word, f"{row['why']}, not {self.word}: {least} ms of {total}: {row}")
            expect(row["why_ms"] >= least - .01, f"{self.word} {row['why_ms']} of {least} ms: {row}")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            expect(self.decided, f"{self.word}: no request was clear: {brief(self.rows)}")


def lab(word, script, lines, cause, scheme="http", args=()):
    """Requests of the laboratory's client. cause(report, row): what the client's clock or the
    script says that it took, at least."""
    bucket = program.bucket_for(script, "why")
    with traced(["--bucket", bucket, *args]) as tracer, Judge(word) as judge:
        reports = program.client([line.replace("{bucket}", bucket) for line in lines], scheme)
        rows = tracer.wait(len(reports))
        for report in reports:
            mine = [row for row in rows if row["path"] == report["target"]]
            expect(len(mine) == 1, f"{report['target']}: {len(mine)} rows")
            judge.row(mine[0], cause(report, mine[0]), ms(report["last"][1], report["start"][0]),
                      sum(harness.setup_of(mine[0]).values()))
    return judge.rows


def put(length):
    return ["open 0", f"repeat {TURNS}", f"head 0 PUT /{{bucket}}/k{{i}} length={length}",
            f"body 0 {length}", "send 0", "recv 0 rest", "again", "close 0"]


def get(*between, first="rest"):
    return ["open 0", f"repeat {TURNS}", "head 0 GET /{bucket}/k{i}", "send 0", f"recv 0 {first}",
            *between, "again", "close 0"]


def all_but_sending(_, row):
    """The server begins its pause when it has the request's head, some time after its first
    byte was handed over."""
    return PAUSE_MS - row["phases"]["send_ms"]


@test
def server_is_slow():
    for scheme in ("http", "https"):
        lab("server", [[PAUSE, {"answer": 200}]], get(), all_but_sending, scheme)


@test
def server_is_slow_to_continue():
    """It says 100 after a while: that is its time, not the client's waiting in vain."""
    lines = ["open 0", f"repeat {TURNS}", "head 0 PUT /{bucket}/k{i} length=5000 expect", "send 0",
             "recv 0 interim", "body 0 5000", "send 0", "recv 0 rest", "again", "close 0"]
    script = [[PAUSE, {"send": "HTTP/1.1 100 Continue\r\n\r\n"}, {"read": "body"}, {"answer": 200}]]
    lab("server", script, lines, all_but_sending)


@test
def upload_is_slow():
    """A server that does not read for a while: the client cannot get rid of its body."""
    rows = lab("upload", [[PAUSE, {"read": "body"}, {"answer": 200}]], put(BIG),
               lambda report, row: PAUSE_MS)
    expect(all(row["phases"]["send_ms"] >= PAUSE_MS for row in rows), brief(rows))


@test
def download_is_slow():
    lab("download", [[{"answer": 200, "body": 200000, "pause_at": 65536, "pause_ms": PAUSE_MS}]],
        get(), lambda report, row: (ms(report["last"][0], report["first"][1]) -
                                    row["phases"]["stall_ms"]))  # when the client had no CPU


@test
def client_does_not_read():
    rows = lab("client-stall", [[{"answer": 200, "body": "x" * 50000}]],
               get(f"sleep {PAUSE_MS}", "recv 0 rest", first="head size=200"),
               lambda report, row: row["phases"]["stall_ms"])
    expect(max(row["phases"]["stall_ms"] for row in rows) >= PAUSE_MS - 1, brief(rows))


class SlowHandshake(connection.Relay):
    """Holds back what the client says first, once it has begun to say it."""

    def relay(self, near):
        near.recv(1, socket.MSG_PEEK)
        super().relay(near)


@test
def handshake_is_slow():
    bucket = program.bucket_for(name="why")
    with SlowHandshake(program.server().ports["https"]) as relay, Judge("handshake") as judge, \
            traced(["--bucket", bucket]) as tracer:
        for i in range(TURNS):
            done = subprocess.run(
                ["curl", "-sS", "--http1.1", "--cacert", harness.certificates().ca, "-o", "/dev/null",
                 "-w", "%{time_total}", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
                 f"https://127.0.0.1:{relay.port}/{bucket}/k{i}"],
                capture_output=True, text=True, timeout=30, check=True, env=harness.clean_env())
            row = tracer.wait(i + 1)[i]
            judge.row(row, connection.DELAY_MS, 1000 * float(done.stdout))
            expect(row["latency_ms"] < row["felt_ms"] - connection.DELAY_MS, f"{row}")


@test
def nobody_says_continue():
    """curl waits for a second, as SDKs do, then sends its body."""
    bucket = program.bucket_for([[{"read": "body"}, {"answer": 200}]], "why")
    with Judge("expect-timeout") as judge, traced(["--bucket", bucket]) as tracer:
        for i in range(TURNS):
            argv = program.curl(bucket, f"k{i}", "http",
                                ["-X", "PUT", "-d", "body", "-H", "Expect: 100-continue", "-o",
                                 "/dev/null", "-w", "%{time_total}"])
            done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True,
                                  env=harness.clean_env())
            row = tracer.wait(i + 1)[i]
            phases = row["phases"]
            expect(phases["send_ms"] + phases["expect_ms"] >= 990, f"{row}")
            judge.row(row, phases["expect_ms"], 1000 * float(done.stdout))


# --- attempts ----------------------------------------------------------------

@test
def throttled_attempts():
    bucket = program.bucket_for([calls.KEPT, [{"answer": 429}], calls.DONE], "why")
    with traced(["--bucket", bucket]) as tracer:
        program.client(program.gets(bucket, 3))
        rows = harness.check_rows(tracer.wait(3), n=3)
    expect([row["status_code"] for row in rows] == [503, 429, 200], brief(rows))
    for row in rows[1:2]:  # the first has a connection to set up
        expect(row["why"] == "throttled" and row["why_ms"] == row["latency_ms"], f"{row}")
    expect(rows[2]["why"] != "throttled", f"{rows[2]}")


def of_calls(word, script):
    """The back-off, which botocore's log tells, within the time that the client's clock tells."""
    bucket = program.bucket_for(script, "why")
    keys = [f"k{i}" for i in range(5)]
    with traced(["--calls", "--bucket", bucket]) as tracer, Judge(word) as judge:
        told = calls.run("http", bucket, keys)
        tracer.wait(len(keys))
        tracer.stop()
        for row in tracer.matching(program.of(bucket)):
            call = told[row["key"]]
            judge.row(row, 1000 * sum(call["delays"]), max(call["total"], row["felt_ms"]),
                      check=harness.check_why)
    return judge.rows


@test
def throttled_calls():
    rows = of_calls("throttled", [calls.KEPT, calls.KEPT, calls.DONE])
    expect(all(row["throttled_ms"] >= row["backoff_ms"] for row in rows), brief(rows))


@test
def calls_that_were_tried_again():
    failed = [{"read": "body"}, {"answer": 500}]
    rows = of_calls("retry", [failed, failed, calls.DONE])
    expect(all(row["throttled_ms"] == 0 for row in rows), brief(rows))


# --- the wire ------------------------------------------------------------------

class Lossy:
    """A fate that loses the first packets that it wants, and notes when each came by."""

    def __init__(self, wanted, lost):
        self.wanted, self.lost, self.seen = wanted, lost, []

    def __call__(self, packet):
        if not (packet.outward and self.wanted(packet)):
            return 0
        self.seen.append(packet.at)
        return None if len(self.seen) <= self.lost else 0


def over_a_wire(word, fate_of, cause, least_connect=0, ends=wire.ENDS[0]):
    """Requests of curl through a wire. fate_of(key): a fate; cause(row, fate): ms, at least."""
    here, bucket = ends[0], f"wire-{os.getpid()}"
    with wire.Wire() as line:
        far = Server(here)
        try:
            with traced(["--comm", "curl"]) as tracer, Judge(word) as judge:
                for i in range(TURNS):
                    line.fate = fate = fate_of(f"key{i}")
                    status, connect, total = wire.curl(
                        line, f"http://{f'[{here}]' if ':' in here else here}:{far.ports['http']}/{bucket}/key{i}")
                    expect(status == 0, f"curl's exit status is {status}")
                    row = tracer.wait(i + 1, 10, program.of(bucket))[i]
                    expect((row["peer_address"], row["local_address"]) == ends, f"{row}")
                    expect(connect >= least_connect, f"curl connected within {connect} ms")
                    judge.row(row, cause(row, fate), total)
        finally:
            far.stop()
    return judge.rows


@test
def network_loses_the_request():
    """A request that is lost twice: nothing gets through until it is sent a third time."""
    fates = []

    def fate_of(key):
        fates.append(Lossy(lambda p: b"/" + key.encode() + b" HTTP/1.1" in p.payload, 2))
        return fates[-1]

    def cause(row, fate):
        # a third of them may be on its way, and too late
        expect(2 <= row["retransmits"] <= len(fate.seen),
               f"{row['retransmits']} sent again of {fate.seen}: {row}")
        # 200 ms is the shortest time after which Linux gives a packet up, or probes
        expect(200 - 10 <= row["retransmit_ms"] <= row["ttfb_ms"], f"{row}")
        return row["retransmit_ms"]

    for ends in wire.ENDS:
        over_a_wire("network-loss", fate_of, cause, ends=ends)


@test
def network_loses_the_first_packet():
    """The SYN: the connection is set up a second late. What was sent again is known as far as
    the request followed at once, which a busy machine may prevent."""
    def cause(row, fate):
        expect(harness.setup_of(row)["connect_ms"] >= 1000 - 10, f"{row}")
        expect(len(fate.seen) >= 2 and row["retransmit_ms"] <= row["felt_ms"], f"{row}")
        return row["retransmit_ms"]

    over_a_wire("network-loss", lambda key: Lossy(lambda p: p.syn, 1), cause)


@test
def connecting_is_slow():
    """Far away, but nothing is lost."""
    rows = over_a_wire("connect", lambda key: lambda p: .5 if p.syn and not p.outward else 0,
                       lambda row, fate: 500, 500)
    expect(all(harness.setup_of(row)["connect_ms"] >= 500 for row in rows), brief(rows))


# --- Nagle ----------------------------------------------------------------------

def answer_in_two(listener):
    """Head and body in a send each, Nagle's algorithm as it comes."""
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        with peer:
            while b"\r\n\r\n" in peer.recv(65536):
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx-amz-request-id: N\r\n\r\n")
                peer.sendall(b"hello")


def late_bodies(port, n):
    """Of n requests those whose body came late by a delayed acknowledgement; all are judged."""
    bucket = program.bucket_for(name="why")
    with traced(["--bucket", bucket]) as tracer:
        argv = program.client_argv("http")
        argv[1] = str(port)
        subprocess.run(argv, input="\n".join(program.gets(bucket, n)), text=True, timeout=60,
                       check=True, capture_output=True, env=harness.clean_env())
        rows = harness.check_rows(tracer.wait(n), n=n, state="complete", status=200)
    late = [row for row in rows if 35 <= row["phases"]["recv_ms"] <= 50
            and row["phases"]["recv_ms"] > row["felt_ms"] / 2]
    for row in rows:
        expect((row["why"] == "delayed-ack") == (row in late), f"{row}")
    return late


@test
def acknowledgement_is_delayed():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_in_two, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        expect(any(late_bodies(port, 23) for _ in range(5)), "no body came 40 ms late")
        listener.shutdown(socket.SHUT_RDWR)


# --- where it is shown ------------------------------------------------------------

@test
def of_what_hangs():
    """Judged so far: half a request is not the server's fault."""
    bucket = program.bucket_for({"half": [{"sleep_ms": 2500}, {"read": "body"}, {"answer": 200}],
                                 "whole": [{"sleep_ms": 2500}, {"answer": 200}]}, "why")
    with traced(["--pending", "1", "--bucket", bucket]) as tracer:
        program.client(["open 0", f"head 0 PUT /{bucket}/half length={BIG}", f"body 0 {BIG}",
                        f"send 0 chunk={1 << 18}", "recv 0 rest", f"head 0 GET /{bucket}/whole",
                        "send 0", "recv 0 rest"])
        tracer.wait(2, 10, lambda row: row["state"] == "complete")
        rows = tracer.stop()
    pending = {row["key"]: row for row in rows if row["state"] == "pending"}
    expect(pending["half"]["why"] == "upload" and pending["half"]["waiting_for"] == "send",
           f"{pending['half']}")
    whole = pending["whole"]
    expect(whole["waiting_for"] == "response" and
           (whole["why"] == "server") == (whole["phases"]["wait_ms"] > whole["felt_ms"] / 2), f"{whole}")
    for row in pending.values():
        harness.check_why(row)


@test
def only_some_words():
    """--why, and the word as a column."""
    bucket = program.bucket_for({"slow*": [PAUSE, {"answer": 200}], "not*": [{"answer": 503}]}, "why")
    path = harness.scratch() / "why.csv"
    with open(path, "wb") as file, \
            traced(["--bucket", bucket, "--output", "csv", "--why", "server"], output=(),
                   stdout=file.fileno()) as tracer:
        program.client(program.gets(bucket, TURNS, "slow") + program.gets(bucket, TURNS, "not"))
        tracer.stop()
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    expect({row["why"] for row in rows} == {"server"}, f"{rows}")
    expect(any(row["key"].startswith("slow") for row in rows), f"{rows}")
    for row in rows:
        expect(float(row["why_share"]) >= .5 and float(row["why_ms"]) <= float(row["felt_ms"]), f"{row}")
    expect("why, by time: server 100.0 %" in tracer.stderr, tracer.stderr)
    counters = program.counters(tracer.stderr)
    expect(counters["shown"] == len(rows) and counters["filtered out"] >= 2 * TURNS - len(rows),
           f"{counters}")
