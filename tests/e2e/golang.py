# SPDX-License-Identifier: Apache-2.0
"""Go programs with their own TLS: stripped, position independent, static; under garbage
collection and moving stacks, while the tracer comes and goes."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

import discovery
import harness
import program
import s3server
from cases import lab_server
from harness import Tracer, brief, expect, json_rows, run_tracer, test

SOURCE = harness.LAB / "goclient.go"
CACHE = harness.ROOT / "build" / "gocache"
# by the end of the key: what the server answers
SCRIPT = {"*.0": [{"read": "body"}, {"answer": 200, "body": ""}],
          "*.404": [{"read": "body"}, {"answer": 404, "body": "n" * 404}],
          "*.204": [{"read": "body"}, {"answer": 204}],
          "*.777": [{"read": "body"}, {"sleep_ms": 20}, {"answer": 200, "body": 777}],
          **{f"*.{n}": [{"read": "body"}, {"answer": 200, "body": n}] for n in (1, 20000, 300000)}}
WAIT_MS = {"777": 20}
BUILDS = {"plain": [], "stripped": ["-ldflags=-s -w"], "pie": ["-buildmode=pie"],
          "stripped_pie": ["-buildmode=pie", "-ldflags=-s -w"],
          "external_pie": ["-buildmode=pie", "-ldflags=-s -w -linkmode=external"],
          "static": []}
_built = {}


def build(kind):
    """The client, built so; its path. It is kept for the next run."""
    if kind not in _built:
        CACHE.mkdir(parents=True, exist_ok=True)
        path = CACHE / f"goclient-{kind}"
        if path.exists() and path.stat().st_mtime > SOURCE.stat().st_mtime:
            _built[kind] = path
            return path
        env = harness.clean_env(GO111MODULE="off", GOCACHE=CACHE, GOFLAGS="", GOPATH=CACHE,
                                CGO_ENABLED=int(kind != "static"))
        done = subprocess.run(["go", "build", *BUILDS[kind], "-o", str(path), str(SOURCE)],
                              capture_output=True, text=True, env=env)
        expect(done.returncode == 0, f"go build: {done.stderr}")
        _built[kind] = path
    return _built[kind]


def without_sections(path):
    """A copy that has lost even its section headers."""
    copy = path.with_name(path.name + "-bare")
    data = bytearray(path.read_bytes())
    data[0x28:0x30] = bytes(8)  # e_shoff
    data[0x3c:0x40] = bytes(4)  # e_shnum, e_shstrndx
    copy.write_bytes(data)
    copy.chmod(0o755)
    return copy


def argv(path, bucket, *more):
    return [str(path), "-ca", harness.certificates().ca, *map(str, more),
            f"https://127.0.0.1:{program.server().ports['https']}/{bucket}"]


def reports(text):
    """What the client says of its requests; fails if one of them failed."""
    lines = [json.loads(line) for line in text.splitlines()]
    expect(lines and lines[-1].get("errors") == 0, f"the client's errors: {lines[-1:]}")
    return {line["key"]: line for line in lines[:-1]}


def request_id(key):
    return lab_server.request_id(key)


def check_pair(row, report):
    """The row is that of the request, and the answer in it is that request's."""
    name = f"{row['method']} {row['key']}"
    expect(row["via"] == "gotls", f"{name}: via is {row['via']}")
    expect(row["fd"] is not None, f"{name}: the descriptor is not known")
    local, port = report["local"].rsplit(":", 1)
    for what, want in (("local_address", local), ("local_port", int(port)),
                       ("peer_address", "127.0.0.1"),
                       ("peer_port", program.server().ports["https"])):
        expect(row[what] in (None, want), f"{name}: {what} is {row[what]}, not {want}")
    expect(row["method"] == report["method"], f"{name}: the client sent {report}")
    expect(row["request_id"] == request_id(row["key"]),
           f"{name}: has another's answer, {row['request_id']}")
    sizes = (row["status_code"], row["request_size"], row["response_size"])
    want = (report["status"], report["sent"], report["received"])
    expect(sizes == want, f"{name}: status and sizes are {sizes}, not {want}")
    took = (report["end"] - report["start"]) / 1e6
    expect(row["latency_ms"] <= took + 1, f"{name}: {row['latency_ms']} ms of {took}")
    expect(row["latency_ms"] >= WAIT_MS.get(row["key"].rsplit(".", 1)[-1], 0),
           f"{name}: {row['latency_ms']} ms, the server waited longer")


def check_all(rows, told):
    harness.check_rows(rows, n=len(told), state="complete")
    expect(sorted(r["key"] for r in rows) == sorted(told), f"other requests: {brief(rows)}")
    for row in rows:
        check_pair(row, told[row["key"]])


def started_by_us(path, *more):
    bucket = program.bucket_for(SCRIPT, "golang")
    out = harness.scratch() / "rows"
    status, told, err = run_tracer(["--json", "-o", out, "--", *argv(path, bucket, *more)])
    expect(status == 0, f"exit status {status}: {err}")
    told = reports(told)
    check_all(json_rows(out.read_text()), told)
    expect(len(told) > 20, f"{len(told)} requests")


def of_kind(kind):
    def run():
        started_by_us(build(kind))
    return run


for kind_ in BUILDS:
    test(of_kind(kind_), name=f"golang.{kind_}", timeout=300)


@test(timeout=300)
def without_section_headers():
    started_by_us(without_sections(build("stripped_pie")))


@test(timeout=300)
def stacks_move_and_garbage_is_collected():
    started_by_us(build("plain"), "-workers", 16, "-requests", 46, "-stress")


@test(timeout=300)
def a_program_started_later():
    bucket = program.bucket_for(SCRIPT, "golang")
    with Tracer(["--bucket", bucket]) as tracer:
        client = subprocess.Popen(argv(build("stripped_pie"), bucket, "-wait"), text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  env=harness.clean_env())
        discovery.await_attached(tracer, build("stripped_pie"))
        told, _ = client.communicate("\n", timeout=200)
        told = reports(told)
        tracer.wait(len(told))
        check_all(tracer.stop(), told)


@test(timeout=300)
def what_cannot_be_decoded_is_refused():
    """A function with a byte in it that begins no instruction: the program is left alone."""
    whole = build("plain")
    status, points, err = run_tracer(["--ebpf", "--mode", "gotls", "--", whole])
    expect(status == 0, err)
    place = re.search(rf"go_receive_enter {re.escape(str(whole))}\+0x([0-9a-f]+)", points)
    expect(place, "no entry of Read in --ebpf")
    broken = whole.with_name("goclient-broken")
    data = bytearray(whole.read_bytes())
    begin = int(place[1], 16)
    at = data.index(0xc3, begin)  # behind its first return
    expect(at < begin + 1000, "Read has no return")
    data[at + 1] = 0x06
    broken.write_bytes(data)
    broken.chmod(0o755)
    bucket = program.bucket_for(SCRIPT, "golang")
    status, out, err = run_tracer(["--json", "--", *argv(broken, bucket, "-requests", 0)])
    expect(f"{broken} is not traced: its function crypto/tls.(*Conn).Read cannot be decoded whole"
           in err and err.count("is not traced") == 1, f"stderr: {err}")
    expect(status == 0 and out == "", f"exit status {status}, {out!r}")
    with subprocess.Popen(argv(broken, bucket, "-wait"), stdin=subprocess.PIPE) as client:
        try:
            _, said, _ = run_tracer(["doctor", "--pid", client.pid])
        finally:
            client.kill()
    expect("its function crypto/tls.(*Conn).Read cannot be decoded whole" in said, said)


@test(timeout=300)
def arguments_on_the_stack():
    """Bazelisk as built by Go 1.15 asks where we send it for a program, and runs that."""
    s3server.install()
    old = pathlib.Path(s3server.NPM_DIR) / "node_modules/@bazel/bazelisk/bazelisk-linux_amd64"
    status, points, err = run_tracer(["--ebpf", "--mode", "gotls", "--", old])
    expect(status == 0 and f"go_send_return {old}" in points, f"not probed: {err}")
    for size in (1000, 70_000, 300_000):
        body = "#!/bin/sh\nexit 7\n".ljust(size, "#")
        bucket = program.bucket_for([[{"read": "body"}, {"answer": 200, "body": body}]], "golang")
        out = harness.scratch() / "rows"
        with tempfile.TemporaryDirectory() as home:
            status, _, err = run_tracer(
                ["--json", "--mode", "gotls", "-o", out, "--", old, "version"],
                env={"BAZELISK_BASE_URL":
                     f"https://127.0.0.1:{program.server().ports['https']}/{bucket}",
                     "USE_BAZEL_VERSION": "3.7.0", "SSL_CERT_FILE": harness.certificates().ca,
                     "HOME": home, "XDG_CACHE_HOME": home})
        expect(status == 7, f"exit status {status}, not that of what it got: {err}")
        rows = harness.check_rows(json_rows(out.read_text()), n=1, via="gotls", status=200,
                                  state="complete")
        row = rows[0]
        expect((row["method"], row["key"]) == ("GET", "3.7.0/bazel-3.7.0-linux-x86_64"),
               brief(rows))
        expect((row["request_size"], row["response_size"]) == (0, size), brief(rows))
        expect(row["request_id"] == request_id(row["key"]), f"request id {row['request_id']}")


@test(timeout=300)
def rclone():
    """A real one: stripped, linked by the system's linker. It sends GET, PUT and HEAD at once."""
    with s3server.S3Server() as server:
        env = {**server.environ(), "RCLONE_CONFIG": "/dev/null", "PATH": os.environ["PATH"]}
        env.pop("AWS_CA_BUNDLE")
        env.update({"RCLONE_CONFIG_LAB_TYPE": "s3", "RCLONE_CONFIG_LAB_PROVIDER": "Other",
                    "RCLONE_CONFIG_LAB_ENDPOINT": server.url("https"),
                    "RCLONE_CONFIG_LAB_ACCESS_KEY_ID": "S3RVER",
                    "RCLONE_CONFIG_LAB_SECRET_ACCESS_KEY": "S3RVER",
                    "RCLONE_CONFIG_LAB_FORCE_PATH_STYLE": "true"})
        files = harness.scratch() / "files"
        files.mkdir()
        for i in range(23):
            (files / f"f{i}").write_bytes(b"r" * (1000 * i + 1))
        there = files.with_name("there")
        rows = []
        for command in (["mkdir", "lab:rclone"], ["copy", str(files), "lab:rclone/d"],
                        ["copy", "lab:rclone/d", str(there)]):
            out = harness.scratch() / "rows"
            status, _, err = run_tracer(
                ["--json", "--mode", "gotls", "-o", out, "--", "rclone", "--ca-cert", server.ca,
                 "--retries", 1, "--low-level-retries", 1, *command], env=env)
            expect(status == 0, f"rclone {command}: {status}: {err}")
            rows += json_rows(out.read_text())
        served = server.access_log()
    harness.check_rows(rows, n=len(served), via="gotls", state="complete")
    by_id = {request["request_id"]: request for request in served}
    for row in rows:
        name = f"{row['method']} {row['path']}"
        request = by_id.pop(row["request_id"], None)
        expect(request, f"{name}: has another's answer, {row['request_id']}")
        expect(request["method"] == row["method"] and request["status"] == row["status_code"]
               and request["uri"] == row["path"], f"{name}: the server says {request}")
        if row["method"] == "GET":
            expect(row["response_size"] == request["sent"], f"{name}: {brief([row])}, {request}")
        expect(row["client_type"] == "rclone", f"{name}: client_type {row['client_type']}")
    puts = sorted(row["request_size"] for row in rows if row["operation"] == "PutObject")
    expect(puts == [1000 * i + 1 for i in range(23)], f"sizes put: {puts}")
    gets = sorted(row["response_size"] for row in rows if row["operation"] == "GetObject")
    expect(gets == puts, f"sizes got: {gets}")


# --- while the tracer comes and goes -------------------------------------

class Load:
    """The client under way; started before the tracer, so that its goroutines wait in Read
    when probes are planted."""

    def __init__(self, path, workers=8):
        self.until = harness.scratch() / "load-until"
        self.until.unlink(missing_ok=True)
        self.bucket = program.bucket_for(SCRIPT, "golang")
        self.out = open(harness.scratch() / "load", "w+")
        self.process = subprocess.Popen(
            argv(path, self.bucket, "-until", self.until, "-workers", workers, "-stress",
                 "-pause", "1ms"),
            stdout=self.out, stderr=subprocess.PIPE, text=True, env=harness.clean_env())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.out.close()

    @property
    def alive(self):
        return self.process.poll() is None

    def end(self):
        """What it says of all its requests."""
        self.until.touch()
        _, err = self.process.communicate(timeout=200)
        expect(self.process.returncode == 0,
               f"the program under load: exit status {self.process.returncode}: {err[-2000:]}")
        self.out.seek(0)
        return reports(self.out.read())


def settled(rows, n=0, patience=20):
    """Until rows no longer come."""
    for _ in range(patience):
        time.sleep(0.1)
        if len(rows) == n:
            return
        n = len(rows)


def check_visit(number, rows, told, began, ended):
    """What one tracer saw of the load: nothing wrong, and nothing lost of what began and ended
    under its eyes."""
    seen = {}
    for row in rows:
        name = f"visit {number}: {row['method']} {row['key']}"
        expect(row["key"] in told, f"{name}: was never asked for")
        expect(row["key"] not in seen, f"{name}: twice")
        seen[row["key"]] = row
        if row["state"] == "complete":
            check_pair(row, told[row["key"]])
        else:  # cut off by our beginning or end
            report = told[row["key"]]
            expect(report["start"] <= began or report["end"] >= ended,
                   f"{name}: is {row['state']}: {brief([row])}, {report}, {began}..{ended}")
            expect(row["request_id"] in (None, request_id(row["key"])),
                   f"{name}: has another's answer, {row['request_id']}")
    wanted = [key for key, r in told.items() if r["start"] > began and r["end"] < ended]
    missing = [key for key in wanted if key not in seen]
    first = [((told[key]["start"] - began) / 1e6, (told[key]["end"] - began) / 1e6, key)
             for key in missing]
    expect(not missing, f"visit {number}: {len(missing)} rows of {len(wanted)} are missing, such "
           f"as (from ms, to ms, key) {sorted(first)[:3]}, the visit took "
           f"{(ended - began) / 1e6} ms")
    return len(wanted)


def visits(path, times, each_s, apart_s):
    """So many tracers, one after the other, on a program under load."""
    logs = []
    with Load(path) as load:
        time.sleep(0.5)
        for i in range(times):
            expect(load.alive, f"the program ended during visit {i}")
            with Tracer(["--mode", "gotls", "--bucket", load.bucket, "--perf-pages", 4096]) as tracer:
                began = time.time_ns()
                time.sleep(each_s)
                ended = time.time_ns()
                rows = tracer.stop()
            counted = program.counters(tracer.stderr)
            expect(counted.get("lost", 0) == 0 and counted.get("evicted", 0) == 0,
                   f"visit {i}: {counted}")
            harness.check_rows(rows)
            logs.append((i, rows, began, ended))
            time.sleep(apart_s)
        told = load.end()
    seen = [check_visit(i, rows, told, began, ended) for i, rows, began, ended in logs]
    harness.expect_in_time(min(seen) > 5, f"rows of whole requests, by visit: {seen}")
    print(f"# {len(told)} requests of the program, {times} visits, {sum(seen)} whole in them")


@test(timeout=600)
@harness.in_real_time
def tracers_come_and_go_under_load():
    visits(build("stripped"), 6, 1.0, 0.1)


@test(timeout=600)
@harness.in_real_time
def tracers_come_and_go_for_a_minute():
    visits(build("stripped"), 20, 2.2, 0.3)
