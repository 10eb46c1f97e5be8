#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test stands on: the tracer as a context manager, the
invariants of a row, certificates, and the register of tests.

A test is a function under @test. It passes by returning; it fails by raising,
best with fail("what a user would notice"). Tests run one after the other, in
the main thread, as root."""
import collections
import functools
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAB = ROOT / "tests" / "lab"
LAB_BIN = ROOT / "build" / "lab"
S3SLOWER = os.environ.get("S3SLOWER", str(ROOT / "s3slower"))
PYTHON = "/usr/bin/python3"  # Debian's own: its ssl uses the system's libssl

READY = "Tracing S3 requests"
# Deadlines are only so that what hangs is noticed: a busy machine may take its time.
READY_S = 200  # an emulated machine may compile for a minute
EXIT_S = 90  # detaching waits for the kernel
ROWS_S = 60
ATTEMPTS = 3
STATES = ("complete", "partial", "no_response")
PHASES = ("send_ms", "expect_ms", "wait_ms", "recv_ms", "stall_ms")
KEYS = ("timestamp pid tid comm uid method operation log_operation bucket key endpoint region"
        " path latency_ms ttfb_ms phases why why_ms why_share felt_ms retransmits retransmit_ms"
        " request_size response_size throughput_mb_s status_code"
        " is_error error_code error_message request_id host_id attempt max_attempts invocation_id"
        " backoff_ms state client_type client_version via http_version stream_id fd local_address"
        " local_port peer_address peer_port connection is_s3 truncated lost").split()
CONNECTION = ("id", "request_number", "reused", "idle_ms", "dns_ms", "connect_ms", "tls_ms",
              "tls_resumed")

# Variables of these machines that point clients at another CA, and ours.
FOREIGN = ("AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
           "NODE_EXTRA_CA_CERTS", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY",
           "all_proxy", "ALL_PROXY")


class Failure(AssertionError):
    """A test's expectation was not met."""


class Timing(Failure):
    """An expectation of real time was not met, which a busy machine can cause, too. Only what
    no clock around the calls can bound may raise it; a defect does so each time."""


def fail(reason):
    raise Failure(reason)


def expect(condition, reason):
    if not condition:
        fail(reason)


def expect_in_time(condition, reason):
    if not condition:
        raise Timing(reason)


def again(attempt):
    """attempt(), up to ATTEMPTS times as long as it raises Timing; says so each time."""
    for left in range(ATTEMPTS - 1, -1, -1):
        try:
            return attempt()
        except Timing as reason:
            if not left:
                raise
            print(f"# tried again: {reason}".replace("\n", " | "), flush=True)


def in_real_time(function):
    """A test that is tried again() when it raises Timing; under @test."""
    @functools.wraps(function)
    def attempts():
        return again(function)
    return attempts


def clean_env(**more):
    """The environment for programs under test: without foreign CAs, proxies and
    settings of the tracer."""
    env = {k: v for k, v in os.environ.items()
           if k not in FOREIGN and not k.startswith("S3SLOWER")}
    env.update({k: str(v) for k, v in more.items()})
    return env


# --- all that tracers say ------------------------------------------------

_serial = itertools.count()


def outputs():
    """Where everything is kept that any tracer of this run wrote, wherever it went: what no
    output may contain is looked for there (confidential.py)."""
    where = scratch() / "outputs"
    where.mkdir(exist_ok=True)
    return where


def output_file(name):
    """A new file there."""
    return open(outputs() / f"{next(_serial)}.{name}", "wb")


def seen():
    """Where servers write down what clients sent in confidence: JSON lines."""
    return scratch() / "seen.jsonl"


def keep_text(name, text):
    with output_file(name) as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def keep_file(argv, stdout=None):
    """What went to the file of -o, or to a file that is standard output."""
    options = argv[:argv.index("--")] if "--" in argv else argv
    paths = [path for flag, path in zip(options, options[1:]) if flag in ("-o", "--output-file")]
    for path in map(pathlib.Path, [*paths, *([stdout] if stdout else [])]):
        if path.is_file() and not path.is_symlink():
            with output_file("file") as copy, path.open("rb") as file:
                shutil.copyfileobj(file, copy)


def path_of(stdout):
    """The file behind a descriptor that is not a pipe of ours."""
    if stdout is subprocess.PIPE:
        return None
    fd = stdout if isinstance(stdout, int) else stdout.fileno()
    return os.readlink(f"/proc/self/fd/{fd}") if fd >= 0 else None


# --- the tracer ----------------------------------------------------------

class Row(dict):
    """One JSON object of the tracer; seen is when it reached us (monotonic s)."""
    seen = 0.0


class Tracer:
    """./s3slower --json ARGS, running. Rows arrive in a thread.

    output   what selects the output, replaced to try another sink
    prefix   a command in front, for other rights or namespaces
    status   the exit status that stop() insists on, None: any
    env      more environment
    stdout   a file or descriptor instead of our reader: no rows then
    """

    def __init__(self, args=(), *, output=("--json",), prefix=(), status=0, env=None,
                 ready_s=READY_S, stdout=subprocess.PIPE):
        self.argv = [*prefix, S3SLOWER, *output, *map(str, args)]
        self.rows, self.bad_lines = [], []
        self.status = None
        self._want_status = status
        self._err = []
        self._change = threading.Condition()
        self._ready = False
        self._stdout_path = path_of(stdout)
        env_all = clean_env(**(env or {}))
        try:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=stdout,
                                            stderr=subprocess.PIPE, env=env_all, cwd=ROOT)
        except OSError as error:
            fail(f"cannot start {self.argv}: {error}")
        self._threads = [threading.Thread(target=self._read_stderr, daemon=True)]
        if self.process.stdout:
            self._threads.append(threading.Thread(target=self._read_stdout, daemon=True))
        for thread in self._threads:
            thread.start()
        with self._change:
            self._change.wait_for(lambda: self._ready or self.process.poll() is not None, ready_s)
        if not self._ready:
            what = f"not tracing after {ready_s} s" if self.alive else "ended before it traced"
            self.kill()
            fail(f"{' '.join(self.argv)}: {what}, exit status {self.status}, "
                 f"stderr: {self.stderr.strip() or '(empty)'}")

    def _read_stdout(self):
        with output_file("stdout") as kept:
            for line in self.process.stdout:
                now = time.monotonic()
                kept.write(line)
                try:
                    row = Row(json.loads(line))
                    row.seen = now
                except ValueError:
                    row = None
                with self._change:
                    if row is None:
                        self.bad_lines.append(line)
                    else:
                        self.rows.append(row)
                    self._change.notify_all()

    def _read_stderr(self):
        for line in self.process.stderr:
            with self._change:
                self._err.append(line.decode(errors="replace"))
                self._ready = self._ready or READY in self._err[-1]
                self._change.notify_all()
        self.process.wait()
        with self._change:
            self._change.notify_all()

    @property
    def stderr(self):
        return "".join(self._err)

    @property
    def pid(self):
        return self.process.pid

    @property
    def alive(self):
        return self.process.poll() is None

    def matching(self, where=None):
        with self._change:
            rows = list(self.rows)
        return [row for row in rows if where is None or where(row)]

    def wait(self, n, timeout=ROWS_S, where=None):
        """Until n rows (that where() accepts) are there: those rows. Fails after
        timeout, or at once when the tracer dies."""
        with self._change:
            self._change.wait_for(
                lambda: len([r for r in self.rows if where is None or where(r)]) >= n
                or not self.alive, timeout)
        rows = self.matching(where)
        if len(rows) < n:
            end = "" if self.alive else f"; the tracer ended, stderr: {self.stderr.strip()}"
            fail(f"{len(rows)} rows of {n} after {timeout} s{end}")
        return rows

    def stop(self):
        """SIGINT, everything flushed, the end. All rows."""
        if self.status is None:
            if self.alive:
                self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(EXIT_S)
            except subprocess.TimeoutExpired:
                self.kill()
                fail(f"the tracer did not end {EXIT_S} s after SIGINT, "
                     f"stderr: {self.stderr.strip()}")
            self._finish()
            if self._want_status is not None and self.status != self._want_status:
                fail(f"the tracer's exit status is {self.status}, not {self._want_status}, "
                     f"stderr: {self.stderr.strip()}")
        if self.bad_lines:
            fail(f"stdout has a line that is not JSON: {self.bad_lines[0][:200]!r}")
        return self.rows

    def kill(self):
        """SIGKILL. For tests of exactly that, and for cleaning up."""
        if self.alive:
            self.process.kill()
        self.process.wait()
        self._finish()

    def _finish(self):
        for thread in self._threads:
            thread.join(30)
        if self.status is None:
            keep_text("stderr", self.stderr)
            keep_file(self.argv, self._stdout_path)
        self.status = self.process.returncode

    def rss_kb(self):
        """Resident memory, kB."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        elif self.alive:
            self.kill()


Result = collections.namedtuple("Result", "status stdout stderr")


def run_tracer(args, stdin=None, timeout=100, prefix=(), env=None, **popen):
    """One whole run of the tracer: (status, stdout, stderr) as text. args are all its
    arguments, --json included where it is wanted."""
    argv = [*prefix, S3SLOWER, *map(str, args)]
    popen.setdefault("stdout", subprocess.PIPE)
    popen.setdefault("stderr", subprocess.PIPE)
    try:
        done = subprocess.run(argv, input=stdin, timeout=timeout, env=clean_env(**(env or {})),
                              cwd=ROOT, **popen)
    except subprocess.TimeoutExpired as error:
        fail(f"{' '.join(argv)}: still running after {timeout} s, stderr: "
             f"{(error.stderr or b'').decode(errors='replace').strip()}")
    except OSError as error:
        fail(f"cannot start {argv}: {error}")
    for name, said in (("stdout", done.stdout), ("stderr", done.stderr)):
        keep_text(name, said or b"")
    keep_file(argv, path_of(popen["stdout"]))
    text = [(t or b"").decode(errors="replace") for t in (done.stdout, done.stderr)]
    return Result(done.returncode, *text)


def json_rows(text):
    """The rows in a tracer's whole stdout; fails on anything that is not one object a line."""
    rows = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            fail(f"stdout has a line that is not JSON: {line[:200]!r}")
        expect(isinstance(row, dict), f"stdout has a line that is no object: {line[:200]!r}")
        rows.append(Row(row))
    return rows


# --- what is true of every row -------------------------------------------

def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# What each word explains, in ms: one of these. "unknown" is none of them.
SETUP = ("dns_ms", "connect_ms", "tls_ms")
WHY = {
    "throttled": lambda r, p: [r.get("throttled_ms", r["latency_ms"])],
    "retry": lambda r, p: [r["backoff_ms"]],
    "network-loss": lambda r, p: [r["retransmit_ms"]],
    "expect-timeout": lambda r, p: [p["expect_ms"]],
    "dns": lambda r, p: [setup_of(r)["dns_ms"]],
    "connect": lambda r, p: [setup_of(r)["connect_ms"]],
    "handshake": lambda r, p: [setup_of(r)["tls_ms"]],
    "client-stall": lambda r, p: [p["stall_ms"]],
    "delayed-ack": lambda r, p: [p["recv_ms"]],
    "upload": lambda r, p: [p["send_ms"], p["send_ms"] + p["wait_ms"]],
    "download": lambda r, p: [p["recv_ms"]],
    "server": lambda r, p: [wait + recv for wait in (p["wait_ms"], p["wait_ms"] + p["expect_ms"],
                                                     p["expect_ms"])
                            for recv in ([p["recv_ms"]] if r["response_size"] == 0 else [0])],
}


def setup_of(row):
    """What came before a connection's first request, in ms; 0 where that is unknown, or none."""
    where = row.get("connection", row)
    return {key: where.get(key) or 0 for key in SETUP}


def check_why(row):
    """The reason follows from the row's own numbers, whatever they are."""
    name = f"{row.get('method')} {row.get('path')}"
    why, ms, share, felt = (row[k] for k in ("why", "why_ms", "why_share", "felt_ms"))
    numbers = f"{why} {ms} of {felt}, share {share}: {row}"
    total = row["latency_ms"] + sum(setup_of(row).values())
    if row.get("attempts", 1) > 1:  # of the first one's set-up the row has only this sum
        expect(felt >= row["latency_ms"], f"{name}: {numbers}")
        total = felt
    if total == 0:
        expect((why, ms, share, felt) == (None,) * 4, f"{name}: {numbers}")
        return
    expect(abs(felt - total) < 1e-5 + total * 1e-12, f"{name}: not what the caller felt: {numbers}")
    if why == "unknown":
        expect(ms is None and share is None, f"{name}: {numbers}")
        return
    expect(why in WHY, f"{name}: no such word: {numbers}")
    expect(felt / 2 - 1e-5 < ms <= felt + 1e-5, f"{name}: not the most of it: {numbers}")
    expect(ms / felt - .0011 < share <= ms / felt + 1e-9, f"{name}: not its share: {numbers}")
    expect("attempts" in row
           or any(abs(min(x, felt) - ms) < 1e-5 for x in WHY[why](row, row["phases"]) if x is not None),
           f"{name}: not what the word stands for: {numbers}")


def check_row(row):
    name = f"{row.get('method')} {row.get('path')}"
    missing = [key for key in KEYS if key not in row]
    expect(not missing, f"{name}: keys are missing: {', '.join(missing)}")
    latency, ttfb, phases = row["latency_ms"], row["ttfb_ms"], row["phases"]
    expect(is_number(latency) and latency >= 0, f"{name}: latency_ms is {latency}")
    expect(isinstance(phases, dict) and all(p in phases for p in PHASES),
           f"{name}: phases are {phases}")
    for phase in PHASES:
        expect(is_number(phases[phase]) and phases[phase] >= 0,
               f"{name}: phase {phase} is {phases[phase]}")
    connection = row["connection"]
    expect(isinstance(connection, dict) and set(connection) == set(CONNECTION),
           f"{name}: the connection is {connection}")
    for key, value in connection.items():
        if key.endswith("_ms"):
            expect(value is None or (is_number(value) and value >= 0), f"{name}: {key} is {value}")
        if key != "idle_ms" and (key.endswith("_ms") or key == "tls_resumed"):
            expect(value is None or connection["request_number"] == 1,
                   f"{name}: {key} is {value} of request {connection['request_number']}")
    total = sum(phases[phase] for phase in PHASES)
    expect(abs(total - latency) <= 1e-6 * max(1, len(PHASES)) + latency * 1e-12,
           f"{name}: phases sum to {total}, latency_ms is {latency}: {phases}")
    check_why(row)
    expect(row["state"] in STATES, f"{name}: state is {row['state']}")
    if row["state"] == "no_response":
        expect(row["status_code"] is None and ttfb is None,
               f"{name}: no response, yet status {row['status_code']}, ttfb {ttfb}")
    elif ttfb is not None:
        expect(is_number(ttfb) and 0 <= ttfb <= latency + 1e-6,
               f"{name}: ttfb_ms is {ttfb} of latency {latency}")
    if row["state"] == "complete":
        expect(isinstance(row["status_code"], int) and 200 <= row["status_code"] <= 599,
               f"{name}: complete with status {row['status_code']}")
    for size in ("request_size", "response_size"):
        expect(row[size] is None or (isinstance(row[size], int) and 0 <= row[size] < 1 << 50),
               f"{name}: {size} is {row[size]}")
    expect(row["via"] in ("openssl", "gnutls", "nss", "s2n", "gotls", "http"), f"{name}: via is {row['via']}")


def check_rows(rows, n=None, via=None, status=None, state=None, pid=None):
    """The invariants of every row, and what else is given. Returns rows."""
    for row in rows:
        check_row(row)
    if n is not None:
        expect(len(rows) == n, f"{len(rows)} rows, not {n}: " + brief(rows))
    wanted = {"via": via, "status_code": status, "state": state, "pid": pid}
    for key, value in wanted.items():
        for row in rows:
            expect(value is None or row[key] == value,
                   f"{row['method']} {row['path']}: {key} is {row[key]}, not {value}")
    return rows


def brief(rows, limit=6):
    """A few rows in a line, for messages."""
    text = "; ".join(f"{r.get('pid')} {r.get('via')} {r.get('method')} {r.get('path')} "
                     f"{r.get('status_code')} {r.get('state')} {r.get('latency_ms')}ms"
                     for r in rows[:limit])
    return (text or "(none)") + (f"; ... {len(rows) - limit} more" if len(rows) > limit else "")


# --- files and certificates ----------------------------------------------

_scratch = None


def scratch():
    """A directory for this run's files; run.py removes it at the end."""
    global _scratch
    if _scratch is None:
        _scratch = pathlib.Path(tempfile.mkdtemp(prefix="s3slower-e2e."))
        _scratch.chmod(0o755)
    return _scratch


def readable_by_all(program):
    """A copy of the program that every user can start: it may itself be in somebody's home."""
    copy = scratch() / pathlib.Path(program).name
    if not copy.exists():
        shutil.copy(program, copy)
        copy.chmod(0o755)
    return str(copy)


def remove_scratch():
    if _scratch is not None:
        shutil.rmtree(_scratch, ignore_errors=True)


Certificates = collections.namedtuple("Certificates", "ca cert key")
_certificates = None


def certificates():
    """Our own CA and a server certificate of it for localhost, *.localhost, s3.test and 127.0.0.1."""
    global _certificates
    if _certificates is None:
        where = scratch() / "tls"
        where.mkdir()
        ca, cert, key = where / "ca.pem", where / "server.pem", where / "server.key"
        names = ("DNS:localhost,DNS:*.localhost,DNS:s3.localhost,DNS:*.s3.localhost,"
                 "DNS:s3.test,DNS:*.s3.test,IP:127.0.0.1,IP:::1")
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
               "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        for command in (
                [*new, "-subj", "/CN=s3slower test CA", "-keyout", where / "ca.key", "-out", ca,
                 "-addext", "basicConstraints=critical,CA:TRUE",
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
                [*new, "-subj", "/CN=localhost", "-keyout", key, "-out", cert,
                 "-CA", ca, "-CAkey", where / "ca.key", "-addext", f"subjectAltName={names}",
                 "-addext", "basicConstraints=critical,CA:FALSE",
                 "-addext", "extendedKeyUsage=serverAuth"]):
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
            expect(done.returncode == 0, f"openssl: {done.stderr}")
        key.chmod(0o644)  # a throw-away key; servers that drop their rights must read it
        _certificates = Certificates(str(ca), str(cert), str(key))
    return _certificates


# --- the register of tests -----------------------------------------------

Test = collections.namedtuple("Test", "name function timeout")
TESTS = []
TIMEOUT_S = 400


def test(function=None, *, name=None, timeout=TIMEOUT_S):
    """Registers a test: @test, @test(timeout=300), test(f, name="..."). Its name is
    MODULE.FUNCTION unless given."""
    def register(f):
        module = f.__module__.rsplit(".", 1)[-1]
        TESTS.append(Test(name or f"{module}.{f.__name__}", f, timeout))
        return f
    return register(function) if function else register


# module -> function: called with the names that were chosen before the first test
# runs, and without arguments after the last, whatever happened.
BEFORE, AFTER = [], []
