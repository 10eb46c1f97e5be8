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
    held        true: the rows must come while the client holds its connections, until there is
                the file {held}
    script      of tests/lab/server.py
    expect      {"rows": N or {"min", "max"}, unless every reported request has one row;
                 "each": CONSTRAINTS on all rows, "by": {KEY PATTERN: CONSTRAINTS};
                 "again": retries that the client must have needed, together;
                 "reused": connection objects the client must have seen again}
    CONSTRAINTS {FIELD: value}, FIELD as in the row, "phases.wait_ms" for a phase; a value is
                itself, or [any, of, these], or {"min", "max"}, or {"about": ms}: what the script
                makes it wait, so that the clocks around it must show as much, or
                {"least", "most"}: ms that no clock around it can bound. Besides:
                "rows": number of rows of that pattern; "clock": "at_most" or false (the
                client's clock bounds the latency only from above, or not at all);
                "sizes": false (the client's byte counts say something else)

Unless a constraint says otherwise every row has its request's status, state, sizes, pid, via,
endpoint and request id, and its durations lie within what the client's and the server's clocks
allow (class Bounds). Those bounds are causal: a machine that is slow, or stops for a while, moves
them, too. What is not so ({"least", "most"}, and whether a case proves what it is for) may fail
on such a machine: then, and only then, the case is run again, up to three times."""
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
CLIENT_S = 300
SETTLE_S = 0.3  # after the last row that is due: time for one too many to show
ROUNDING_MS = 0.001  # all are one clock, the kernel's monotonic one
PROVEN = 0.9  # a row's bound from below must be this much of what the script made it wait
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
        self.done, self.failure, self.seconds = threading.Event(), None, 0.0
        self.attempts = []

    def execute(self, lab):
        start = time.monotonic()

        def attempt():
            self.attempts.append(Attempt(self.case, self.transport, len(self.attempts)))
            self.attempts[-1].execute(lab)
        try:
            harness.again(attempt)
        except BaseException as error:
            self.failure = error
        self.seconds = time.monotonic() - start
        self.done.set()


class Attempt:
    """One run of a case, with a bucket of its own."""

    def __init__(self, case, transport, serial):
        self.case, self.transport = case, transport
        self.bucket = f"{case['name']}-{transport}-{os.getpid()}-{serial}"
        self.held = harness.scratch() / f"{self.bucket}.held"
        self.n = case.get("repeat", 23)
        self.expect = case["expect"]
        self.reports, self.pids = [], set()
        self.stamps, self.lifetime_ms = {}, None
        self.proven = {}  # (pattern, field) -> the best bound from below, in ms

    # the client

    @property
    def port(self):
        return self.lab.ports["https" if self.transport == "https" else "http"]

    def fill(self, text):
        for name, value in (("bucket", self.bucket), ("n", self.n), ("port", self.port),
                            ("http_port", self.lab.ports["http"]), ("held", self.held)):
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
        start = time.monotonic()
        client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, env=harness.clean_env())
        self.pids.add(client.pid)
        try:
            if self.case.get("held"):
                threading.Thread(target=self.hold, daemon=True).start()
            out, err = client.communicate(script, timeout=CLIENT_S)
        except subprocess.TimeoutExpired:
            client.kill()
            client.communicate()
            fail(f"the client still ran after {CLIENT_S} s")
        self.lifetime_ms = (time.monotonic() - start) * 1000
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

    def hold(self):
        """Lets the client end when its rows are there; else it is noticed soon enough."""
        try:
            self.lab.tracer.wait(self.wanted_rows()[0], where=self.mine)
        except harness.Failure as failure:
            self.held_in_vain = failure
        self.held.touch()

    # the rows

    held_in_vain = None

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
        if lab.problem:
            fail(lab.problem)
        self.expect = json.loads(self.fill(json.dumps(self.expect)))
        lab.server.order({"bucket": self.bucket,
                          "script": json.loads(self.fill(json.dumps(self.case.get("script")))) or []})
        self.run_client()
        if self.held_in_vain:
            fail(f"while the connections were open: {self.held_in_vain}")
        least, _ = self.wanted_rows()
        try:
            lab.tracer.wait(least, where=self.mine)
            time.sleep(SETTLE_S)
        except harness.Failure:
            pass  # judge() says which are missing
        self.judge()

    def judge(self):
        if not self.lab.tracer.alive:
            fail(f"the tracer is gone, stderr: {self.lab.tracer.stderr.strip()}")
        rows = self.lab.tracer.matching(self.mine)
        self.check_count(rows)
        harness.check_rows(rows)
        reports = {r["target"].split("/", 2)[2].split("?")[0]: r for r in self.reports}
        expect(len(reports) == len(self.reports), "two requests of the case have one key")
        self.stamps = {s["key"]: s for s in
                       self.lab.server.order({"stamps": self.bucket})["stamps"]}
        late = []
        for row in rows:
            late += self.check_row(row, reports.get(row["key"]), self.constraints(row["key"]))
        self.check_idle(rows)
        harness.expect_in_time(not late, f"{self.bucket}: {'; '.join(late[:3])}")
        for (pattern, field), (best, ms) in self.proven.items():
            harness.expect_in_time(
                best >= ms * PROVEN, f"{self.bucket}: {pattern}: {field} had to be {best} ms, not "
                f"{ms}: nothing proven")
        again, needed = self.expect.get("again", 0), sum(r.get("again", 0) for r in self.reports)
        harness.expect_in_time(needed >= again, f"{self.bucket}: the client needed {needed} "
                               f"retries, not {again}: nothing proven")
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

    def check_idle(self, rows):
        """Time between two requests on one connection, which only its own thread uses."""
        reports, rows = {}, {row["key"]: row for row in rows}
        for report in self.reports:
            row = rows.get(report["target"].split("/", 2)[2].split("?")[0])
            connection = report["pid"], report.get("fd")
            before = reports.get(connection)
            reports[connection] = report
            conn = row["connection"] if row else {}
            if (conn.get("reused") and conn["idle_ms"] is not None and before and before["last"]
                    and "fd" in report and self.constraints(row["key"]).get("clock", True) is True):
                low, high = between(before["last"], report["start"])
                expect(low - ROUNDING_MS <= conn["idle_ms"] <= high + ROUNDING_MS,
                       f"{row['key']}: idle_ms is {conn['idle_ms']}, not {low} to {high}")

    def check_row(self, row, report, wanted):
        """Fails, or returns sentences about what a busy machine may have caused."""
        name = f"{row['method']} {row['key']}"
        late = []
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
                said = (f"{name}: {field} is {value!r}, not {want!r} (latency {row['latency_ms']}, "
                        f"ttfb {row['ttfb_ms']}, {row['phases']})")
                if not in_real_time(want):
                    fail(said)
                late.append(said)
        if answered and row["request_id"] is not None and row["key"] is not None:
            expect(row["request_id"] == lab_server.request_id(row["key"]),
                   f"{name}: has the answer to another request, {row['request_id']}")
        expect(row["latency_ms"] <= self.lifetime_ms,
               f"{name}: latency_ms is {row['latency_ms']}, the client lived {self.lifetime_ms}")
        if report and wanted.get("clock", True):
            server = dict(self.stamps.get(row["key"], {}))
            if row["state"] != "complete":
                server.pop("last", None)  # the client may have gone before
            bounds = Bounds(report, server, wanted.get("clock") == "at_most")
            wrong = bounds.complaints(row)
            expect(not wrong, f"{name}: {'; '.join(wrong)} ({row['phases']}, {report}, {server})")
            self.note_proven(row, bounds, wanted)
        return late

    def note_proven(self, row, bounds, wanted):
        pattern = next((p for p in self.expect.get("by", {})
                        if fnmatch.fnmatchcase(row["key"] or "", p)), "*")
        for field, want in wanted.items():
            if isinstance(want, dict) and "about" in want:
                low, before = bounds.least(field), self.proven.get((pattern, field), (0, 0))[0]
                self.proven[pattern, field] = max(low, before), want["about"]


def in_real_time(want):
    return isinstance(want, dict) and ("least" in want or "most" in want)


def fits(value, want):
    if isinstance(want, list):
        return value in want
    if isinstance(want, dict):
        if not harness.is_number(value):
            return False
        return (want.get("min", want.get("least", value)) <= value
                <= want.get("max", want.get("most", value)))
    return value == want


def between(begin, end):
    """The least and the most ms from a point within one pair of the clock to one in another."""
    return max(0, end[0] - begin[1]) / 1e6, max(0, end[1] - begin[0]) / 1e6


class Bounds:
    """What the clocks say of a row's durations. Each point of time of the row lies within a call
    of the client, which read its clock before and after that call; and what the server sent is
    received after the server began to send it.

    at_most: only from above, for the client's calls are not those that are due."""

    def __init__(self, report, server, at_most):
        later = {name: server.get(name) or 0 for name in ("interim", "first", "last", "end")}

        def received(name, pair):
            """When the client has got what the server sent."""
            return [max(pair[0], min(later[name], pair[1])), pair[1]]

        start = report["start"]
        self.ms = {}  # what -> (low, high)
        if not report["status"]:
            over = report.get("over") or [0, report["end"]]
            self.ms["latency_ms"] = between(start, received("end", over))
        else:
            first, last = received("first", report["first"]), received("last", report["last"])
            sent = min(report["sent"], first)  # some answer before all is sent
            self.ms = {"latency_ms": between(start, last), "ttfb_ms": between(start, first)}
            if not at_most:
                self.ms.update({"send_ms + expect_ms": between(start, sent),
                                "wait_ms": between(sent, first),
                                "recv_ms + stall_ms": between(first, last)})
                self.ms["expect_ms"] = (0, 0)
                if report.get("asked"):
                    self.ms["expect_ms"] = self.expected(report, received)
        if at_most:
            self.ms = {what: (0, high) for what, (_, high) in self.ms.items()}

    @staticmethod
    def expected(report, received):
        """From the head's end to the interim answer, or to the body when none was awaited longer."""
        asked, told, resumed = (report.get(n) for n in ("asked", "told", "resumed"))
        if told:
            return between(asked, received("interim", [asked[0], told[1]]))
        return between(asked, resumed) if resumed else (0, 0)

    def complaints(self, row):
        """What is shorter or longer than the clocks allow: a list of sentences."""
        found = []
        for what, (low, high) in self.ms.items():
            values = [row["phases"].get(part, row.get(part)) for part in what.split(" + ")]
            if None not in values and not low - ROUNDING_MS <= sum(values) <= high + ROUNDING_MS:
                found.append(f"{what} is {sum(values)}, not {low} to {high}")
        return found

    def least(self, field):
        field = field.removeprefix("phases.")
        if field == "send_ms":
            return self.ms["send_ms + expect_ms"][0] - self.ms["expect_ms"][1]
        return self.ms[field][0]


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
            self.process.wait(30)
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
            # All of these names are seen, the server too; what else the machine does, however
            # much it is, stays out of the buffers.
            self.tracer = harness.Tracer(["--perf-pages", 2048, "--comm", "client,crowd,python3"])
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
            for attempt in run.attempts if not run.failure else ():
                attempt.check_count(self.tracer.matching(attempt.mine))
        attempts = [attempt for run in self.chosen for attempt in run.attempts]
        pids = set().union({self.server.process.pid}, *(a.pids for a in attempts))
        buckets = {attempt.bucket for attempt in attempts}
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
        harness.test(lambda run=_run: LAB.result(run), name=f"cases.{_run.name}", timeout=900)

harness.BEFORE.append(LAB.begin)
harness.AFTER.append(LAB.clean)


@harness.test
def clocks_complain():
    """An upload with 100-continue, a second in each phase, its calls 10 ms long: a phase that is
    300 ms too long or too short does not pass, nor one that has another's time."""
    def at(ms, takes=10):
        return [ms * 1000000, (ms + takes) * 1000000]

    report = {"status": 200, "start": at(0), "asked": at(0), "told": at(10, 1000), "sent": at(2000),
              "first": at(2010, 1000), "last": at(4000), "over": None, "end": at(4020)[0]}
    server = {"interim": at(1000)[0], "first": at(3005)[0], "last": at(3995)[0], "end": None}
    right = {"send_ms": 1000, "expect_ms": 1000, "wait_ms": 1002, "recv_ms": 600, "stall_ms": 395}

    def complaints(**changes):
        phases = {**right, **changes}
        latency = sum(phases.values())
        return Bounds(report, server, False).complaints(
            {"phases": phases, "latency_ms": latency, "ttfb_ms": latency - phases["recv_ms"]
             - phases["stall_ms"]})

    expect(not complaints(), f"a faultless row is refused: {complaints()}")
    for phase, ms in right.items():
        for wrong in (ms - 300, ms + 300):
            expect(complaints(**{phase: wrong}), f"{phase} of {wrong} ms passes")
    expect(complaints(wait_ms=600, recv_ms=1002), "waiting may be booked as receiving")
    expect(complaints(send_ms=600, expect_ms=1400), "sending may be booked as expecting")
    expect(complaints(send_ms=1400, expect_ms=600), "expecting may be booked as sending")


@harness.test
def nothing_more_at_the_end():
    """No row too many came late, none was made of what the server did."""
    LAB.end()
