# SPDX-License-Identifier: Apache-2.0
"""Runs tests/cases/*.json: each case is a client's script, a server's script and
what a user must see, over HTTPS and over plain HTTP, under one tracer.

Each file is a list of cases of one number of the hard cases:
    name        unique; the bucket is made of it, so that rows find their case
    number      of the hard case
    why         what would go wrong, in a sentence
    transports  ["https", "http"] unless given; "proxy" is TLS after CONNECT on the plain port
    client      {"python": PLAN of tests/lab/pyclient.py} or {"c": [LINE of tests/lab/client.c]}
                or {"crowd": [THREADS, CONNECTIONS, REQUESTS]}; {bucket}, {n} (repeat), {port}
                and {http_port} are replaced, here and in expect
    repeat      {n} and the plan's "repeat", 23 unless given: a prime, so that nothing pairs up
    exit        the client's exit status, 0 unless given
    alone       true: not beside other cases, for it wants the whole machine
    script      of tests/lab/server.py
    expect      {"rows": N or {"min", "max"}, unless every reported request has one row;
                 "each": CONSTRAINTS on all rows, "by": {KEY PATTERN: CONSTRAINTS};
                 "again": retries that the client must have needed, together;
                 "reused": connection objects the client must have seen again;
                 "seen_within_ms": how long after its end, on a connection still open}
    CONSTRAINTS {FIELD: value}, FIELD as in the row, "phases.wait_ms" for a phase; a value is
                itself, or [any, of, these], or {"min", "max"}, or {"about": ms}: what the script
                makes it wait, and what a busy machine adds. Besides:
                "rows": number of rows of that pattern; "clock": "at_most" or false (the
                client's clock bounds the latency only from above, or not at all);
                "sizes": false (the client's byte counts say something else)

Unless a constraint says otherwise every row has its request's status, state, sizes, pid, via,
endpoint and request id, and its latency and ttfb_ms lie within what the client measured."""
import collections
import concurrent.futures
import fnmatch
import json
import os
import subprocess
import sys
import threading
import time

import harness
from harness import expect, fail

sys.path.insert(0, str(harness.LAB))
import server as lab_server  # noqa: E402

CASES = harness.ROOT / "tests" / "cases"
BESIDE = 6  # cases at a time: they sleep most of the time
CLIENT_S = 110
ROWS_S = 10
SETTLE_S = 0.3  # after the last row that is due: time for one too many to show
AGREE_MS = 1.0  # how far the two clocks may differ where the client's leaves no room
SLACK_MS = 40.0
OURS = {"clock", "sizes", "rows"}  # constraints that are no fields


def load_cases():
    cases = []
    for path in sorted(CASES.glob("*.json")):
        try:
            cases += json.loads(path.read_text())
        except ValueError as error:
            fail(f"{path.name}: {error}")
    names = collections.Counter(case["name"] for case in cases)
    expect(len(names) == len(cases), f"two cases of one name: {names.most_common(1)}")
    return cases


class Run:
    """One case over one transport."""

    def __init__(self, case, transport):
        self.case, self.transport = case, transport
        self.name = f"{case['number']:02d}-{case['name']}.{transport}"
        self.bucket = f"{case['name']}-{transport}-{os.getpid()}"
        self.n = case.get("repeat", 23)
        self.expect = case["expect"]
        self.reports, self.pids = [], set()
        self.done, self.failure, self.seconds = threading.Event(), None, 0.0

    # the client

    @property
    def port(self):
        return self.lab.ports["https" if self.transport == "https" else "http"]

    def fill(self, text):
        for name, value in (("bucket", self.bucket), ("n", self.n), ("port", self.port),
                            ("http_port", self.lab.ports["http"])):
            text = text.replace("{%s}" % name, str(value))
        return text

    def command(self):
        client = self.case["client"]
        where = [str(self.port), "-" if self.transport == "http" else self.lab.ca]
        if "python" in client:
            plan = {"repeat": self.n, **client["python"]}
            return ([harness.PYTHON, str(harness.LAB / "pyclient.py"), *where],
                    self.fill(json.dumps(plan)))
        if "c" in client:
            return [str(harness.LAB_BIN / "client"), *where], self.fill("\n".join(client["c"]))
        return ([str(harness.LAB_BIN / "crowd"), *where, self.bucket,
                 *map(str, client["crowd"])], "")

    def run_client(self):
        argv, script = self.command()
        client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, env=harness.clean_env())
        self.pids.add(client.pid)
        try:
            out, err = client.communicate(script, timeout=CLIENT_S)
        except subprocess.TimeoutExpired:
            client.kill()
            client.communicate()
            fail(f"the client still ran after {CLIENT_S} s")
        want = self.case.get("exit", 0)
        expect(client.returncode == want,
               f"the client's exit status is {client.returncode}, not {want}: {err.strip()}")
        lines = [json.loads(line) for line in out.splitlines()]
        self.pids.update(line["pid"] for line in lines)
        if "crowd" in self.case["client"]:
            expect(lines[0]["answered"] == lines[0]["sent"] and lines[0]["crossed"],
                   f"the crowd says {lines[0]}")
        else:
            self.reports = lines

    # the rows

    def mine(self, row):
        return row.get("bucket") == self.bucket

    def wanted_rows(self):
        """(least, most)"""
        rows = self.expect.get("rows")
        if rows is None:
            rows = len(self.reports)
        return (rows.get("min", 0), rows.get("max", 1 << 30)) if isinstance(rows, dict) \
            else (rows, rows)

    def constraints(self, key):
        all_of = dict(self.expect.get("each", {}))
        for pattern, more in self.expect.get("by", {}).items():
            if fnmatch.fnmatchcase(key or "", pattern):
                all_of.update(more)
        return all_of

    def execute(self, lab):
        self.lab = lab
        start = time.monotonic()
        try:
            if lab.problem:
                fail(lab.problem)
            self.expect = json.loads(self.fill(json.dumps(self.expect)))
            lab.server.order({"bucket": self.bucket, "script": self.case.get("script") or []})
            self.run_client()
            least, _ = self.wanted_rows()
            try:
                lab.tracer.wait(least, ROWS_S, self.mine)
                time.sleep(SETTLE_S)
            except harness.Failure:
                pass  # judge() says which are missing
            self.judge()
        except BaseException as error:
            self.failure = error
        self.seconds = time.monotonic() - start
        self.done.set()

    def judge(self):
        if not self.lab.tracer.alive:
            fail(f"the tracer is gone, stderr: {self.lab.tracer.stderr.strip()}")
        rows = self.lab.tracer.matching(self.mine)
        self.check_count(rows)
        harness.check_rows(rows)
        reports = {r["target"].split("/", 2)[2].split("?")[0]: r for r in self.reports}
        expect(len(reports) == len(self.reports), "two requests of the case have one key")
        for row in rows:
            self.check_row(row, reports.get(row["key"]), self.constraints(row["key"]))
        again = self.expect.get("again", 0)
        expect(sum(r.get("again", 0) for r in self.reports) >= again,
               f"the client needed fewer than {again} retries: the case proves nothing")
        conns = collections.Counter(r.get("conn") for r in self.reports)
        if self.transport == "https":
            expect(sum(c - 1 for c in conns.values()) >= self.expect.get("reused", 0),
                   f"the client saw too few connection objects again: {conns}")

    def check_count(self, rows):
        least, most = self.wanted_rows()
        keys = collections.Counter(row["key"] for row in rows)
        if not least <= len(rows) <= most:
            sent = {r["target"].split("/", 2)[2].split("?")[0] for r in self.reports}
            lost = max([row["lost"] for row in self.lab.tracer.matching()[-1:]], default=0)
            fail(f"{len(rows)} rows, not {least if least == most else (least, most)}; "
                 f"missing: {sorted(sent - set(keys))[:5]}; "
                 f"more than once: {[k for k, c in keys.items() if c > 1][:5]}; "
                 f"the tracer lost {lost}; has: {harness.brief(rows, 3)}")
        twice = [k for k, c in keys.items() if c > 1]
        expect(not twice, f"more than one row for {twice[:5]}")
        for pattern, wanted in self.expect.get("by", {}).items():
            n = sum(c for k, c in keys.items() if fnmatch.fnmatchcase(k or "", pattern))
            expect("rows" not in wanted or n == int(wanted["rows"]),
                   f"{n} rows for {pattern}, not {wanted.get('rows')}")

    def check_row(self, row, report, wanted):
        name = f"{row['method']} {row['key']}"
        defaults = {
            "via": "http" if self.transport == "http" else "openssl",
            "is_s3": True, "truncated": False,
            "endpoint": f"127.0.0.1:{self.port}",
        }
        answered = row["state"] != "no_response"
        if answered and "status_code" not in wanted:
            defaults["request_id"] = lab_server.request_id(row["key"])
            defaults["host_id"] = [lab_server.HOST_ID, None]
        if report:
            defaults["pid"] = report["pid"]
            defaults["status_code"] = report["status"]
            defaults["state"] = "complete" if report["status"] else "no_response"
            if wanted.get("sizes", True):
                defaults["request_size"] = report["request_bytes"]
                if report["status"]:
                    defaults["response_size"] = report["response_bytes"]
        elif "crowd" in self.case["client"]:
            defaults["state"] = "complete"
        for field, want in {**defaults, **wanted}.items():
            if field in OURS:
                continue
            value = row
            for part in field.split("."):
                expect(isinstance(value, dict) and part in value, f"{name}: no field {field}")
                value = value[part]
            if not fits(value, want):
                fail(f"{name}: {field} is {value!r}, not {want!r} (latency {row['latency_ms']}, "
                     f"ttfb {row['ttfb_ms']}, {row['phases']})")
        if answered and row["request_id"] is not None and row["key"] is not None:
            expect(row["request_id"] == lab_server.request_id(row["key"]),
                   f"{name}: has the answer to another request, {row['request_id']}")
        if report and wanted.get("clock", True):
            check_clock(name, row, report, wanted.get("clock") == "at_most")
        within = self.expect.get("seen_within_ms")
        if within and report:
            late = row.seen * 1000 - report["end"] / 1e6
            expect(late <= within, f"{name}: the row came {late:.0f} ms after the request's end")


def fits(value, want):
    if isinstance(want, list):
        return value in want
    if isinstance(want, dict):
        if not harness.is_number(value):
            return False
        if "about" in want:
            ms = want["about"]
            return ms - 20 <= value <= ms + max(500, ms / 5)
        return want.get("min", value) <= value <= want.get("max", value)
    return value == want


def check_clock(name, row, report, at_most):
    """The row's durations against the client's clock. Each of our points of time lies within
    a call, and the client read its clock before and after that call."""
    start, phases = report["start"], row["phases"]

    def check(what, ms, begin, end, slack=SLACK_MS, more=0):
        high = max(0, end[1] - begin[0]) / 1e6 + more
        low = max(0, end[0] - begin[1]) / 1e6
        expect(ms <= high + AGREE_MS,
               f"{name}: {what} is {ms}, the client measured {high} around it ({phases})")
        if not at_most:
            expect(ms >= low - AGREE_MS and (slack is None or harness.close(ms, high, slack)),
                   f"{name}: {what} is {ms}, the client measured {low} within it and {high} "
                   f"around it ({phases})")

    if report["status"]:
        first, last = report["first"], report["last"]
        sent = min(report["sent"], first)  # some answer before all is sent
        check("latency_ms", row["latency_ms"], start, last)
        if row["ttfb_ms"] is not None:
            check("ttfb_ms", row["ttfb_ms"], start, first)
        if not at_most:  # a call may block, so that brackets are wide: no slack there
            check("send_ms + expect_ms", phases["send_ms"] + phases["expect_ms"], start, sent,
                  None)
            check("wait_ms", phases["wait_ms"], sent, first, None)
            check("recv_ms + stall_ms", phases["recv_ms"] + phases["stall_ms"], first, last, None)
    else:  # it ends with the connection, which the client may close after its report
        check("latency_ms", row["latency_ms"], start, [start[1], report["end"]],
              more=SLACK_MS / 2)


class Server:
    """tests/lab/server.py, a process of its own: it must not make rows."""

    def __init__(self, host="127.0.0.1"):
        tls = harness.certificates()
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [harness.PYTHON, str(harness.LAB / "server.py"), "--host", host,
             "--cert", tls.cert, "--key", tls.key, "--seen", str(harness.seen())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=harness.clean_env())
        self.ports = json.loads(self.process.stdout.readline() or "{}")
        expect(self.ports, "the laboratory's server did not start")

    def order(self, order):
        with self.lock:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Lab:
    """The server, the tracer, and all chosen cases under way."""

    def __init__(self):
        self.server = self.tracer = self.problem = None
        self.runs = {}
        self.thread = None

    def begin(self, names):
        self.chosen = [run for name, run in self.runs.items() if f"cases.{name}" in names]
        if not self.chosen:
            return
        try:
            self.server = Server()
            self.ports, self.ca = self.server.ports, harness.certificates().ca
            # all of the machine is seen, others' bursts too: room for them
            self.tracer = harness.Tracer(["--perf-pages", 2048])
        except Exception as error:
            self.problem = str(error)
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        together = [run for run in self.chosen if not run.case.get("alone")]
        # the slow ones first, so that they do not end last
        together.sort(key=lambda run: -run.case.get("seconds", 1))
        with concurrent.futures.ThreadPoolExecutor(BESIDE) as pool:
            list(pool.map(lambda run: run.execute(self), together))
        for run in self.chosen:
            if run.case.get("alone"):
                run.execute(self)

    def result(self, run):
        run.done.wait()
        if run.failure:
            raise run.failure
        return run.seconds

    def end(self):
        """After all cases: the tracer stops, and what it still had to say is judged, too."""
        if not self.chosen or self.problem:
            return
        self.thread.join()
        try:
            self.tracer.stop()
        finally:
            self.server.stop()
        for run in self.chosen:
            if not run.failure:
                run.check_count(self.tracer.matching(run.mine))
        pids = set().union({self.server.process.pid}, *(run.pids for run in self.chosen))
        buckets = {run.bucket for run in self.chosen}
        strays = self.tracer.matching(lambda r: r["pid"] in pids and r["bucket"] not in buckets)
        expect(not strays, f"rows of no request: {harness.brief(strays)}")
        served = self.tracer.matching(lambda r: r["pid"] == self.server.process.pid)
        expect(not served, f"rows of the server's side: {harness.brief(served)}")

    def clean(self):
        if self.tracer and self.tracer.alive:
            self.tracer.kill()
        if self.server and self.server.process.poll() is None:
            self.server.stop()


LAB = Lab()
for _case in load_cases():
    for _transport in _case.get("transports", ["https", "http"]):
        _run = Run(_case, _transport)
        LAB.runs[_run.name] = _run
        harness.test(lambda run=_run: LAB.result(run), name=f"cases.{_run.name}", timeout=180)

harness.BEFORE.append(LAB.begin)
harness.AFTER.append(LAB.clean)


@harness.test(timeout=60)
def nothing_more_at_the_end():
    """No row too many came late, none was made of what the server did."""
    LAB.end()
