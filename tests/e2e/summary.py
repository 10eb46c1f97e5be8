# SPDX-License-Identifier: Apache-2.0
"""What the tracer sums up: at the end, every so often and on request, against the rows that
it printed itself, and against the client's own clock."""
import collections
import contextlib
import fractions
import json
import math
import pathlib
import re
import signal
import subprocess
import time

import harness
import program
from harness import Tracer, expect, run_tracer, test

HERE = harness.ROOT / "tests" / "e2e"
N = 23
BOUND = 1 / 128
SETUP = ("dns_ms", "connect_ms", "tls_ms")


def ns(ms):
    """A JSON number of milliseconds: exact to the nanosecond."""
    return round(fractions.Fraction(str(ms or 0)) * 10**6)


def of_connection(row, key):
    """What a row says of its connection."""
    return row.get("connection", row).get(key)


def summaries(tracer):
    """The summaries in JSON among what is said on stderr."""
    return [json.loads(line) for line in tracer.stderr.splitlines() if line.startswith("{")]


def wait_for(condition, what, timeout=60):
    end = time.monotonic() + timeout
    while not condition():
        expect(time.monotonic() < end, f"not within {timeout} s: {what}")
        time.sleep(0.05)


def percentile(values, percent):
    return sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]


def add_up(group, rows, what):
    """That the group is the sum of its rows: exactly, but for percentiles."""
    expect(group["count"] == len(rows), f"{what}: {group['count']} of {len(rows)} rows")
    expect(group["errors"] == sum(row["is_error"] for row in rows), f"{what}: {group['errors']}")
    sent = sum((row["request_size"] or 0) + (row["response_size"] or 0) for row in rows)
    expect(group["bytes"] == sent, f"{what}: {group['bytes']} bytes, not {sent}")
    retries = sum((row["attempt"] or 1) > 1 for row in rows)
    expect(group["retries"] == retries, f"{what}: {group['retries']} retries, not {retries}")
    for ours, theirs in (
            (group["latency_ms"]["total"], [row["latency_ms"] for row in rows]),
            (group["backoff_ms"], [row["backoff_ms"] for row in rows]),
            *((group["phases"][p], [row["phases"][p] for row in rows]) for p in harness.PHASES),
            *((group["connections"]["setup"].get(s), [of_connection(row, s) for row in rows])
              for s in SETUP)):
        expect(ns(ours) == sum(map(ns, theirs)), f"{what}: {ours} ms of {theirs}")
    latencies = [ns(row["latency_ms"]) for row in rows]
    expect(ns(group["latency_ms"]["min"]) == min(latencies)
           and ns(group["latency_ms"]["max"]) == max(latencies), f"{what}: {group['latency_ms']}")
    for name, percent in (("p50", 50), ("p90", 90), ("p99", 99), ("p999", 99.9)):
        ours, exact = ns(group["latency_ms"][name]), percentile(latencies, percent)
        expect(abs(ours - exact) <= BOUND * exact + 1, f"{what}: {name} is {ours} ns, not {exact}")
    numbers = collections.Counter(of_connection(row, "request_number") for row in rows)
    connections, unknown = group["connections"], numbers.pop(None, 0)
    expect((connections["opened"], connections["reused"], connections["unknown"])
           == (numbers[1], len(rows) - numbers[1] - unknown, unknown),
           f"{what}: connections {connections}, requests on them {numbers}")


def share_of(rows):
    setup = sum(ns(of_connection(row, s)) for row in rows for s in SETUP)
    return fractions.Fraction(setup, setup + sum(ns(row["latency_ms"]) for row in rows))


@test
def a_pool_too_small():
    """8 threads share a pool of one connection: most requests pay for one of their own."""
    threads, rounds = 8, 3
    bucket = program.bucket_for(name="pool")
    url = f"https://127.0.0.1:{program.server().ports['https']}"
    with Tracer(["--bucket", bucket, "--summary", "json"]) as tracer, \
            Tracer(["--bucket", bucket]) as other:
        done = subprocess.run(
            [harness.PYTHON, str(HERE / "workload_pool.py"), url, harness.certificates().ca, bucket,
             str(threads), str(rounds)], capture_output=True, text=True, timeout=100,
            env=harness.clean_env(AWS_EC2_METADATA_DISABLED="true"))
        expect(done.returncode == 0, f"the client: {done.stderr}")
        rows = harness.check_rows(tracer.wait(threads * rounds), n=threads * rounds, status=200)
    client, (summary,) = json.loads(done.stdout), summaries(tracer)
    opened = threads + (threads - 1) * (rounds - 1)
    expect(len(client["connects"]) == opened and client["discarded"],
           f"the client opened {len(client['connects'])} connections, not {opened}: {client}")
    (group,) = summary["groups"]
    add_up(group, rows, "the pool")
    connections = group["connections"]
    expect((connections["opened"], connections["reused"]) == (opened, rounds - 1),
           f"not what the client did: {connections}")
    expect(connections["setup_partial"] is False, f"something was not seen: {connections}")

    # The share is that of the rows, and the rows lie within what the client measured.
    share = share_of(rows)
    expect(abs(connections["handshake_share"] - share) < 1e-12,
           f"{connections['handshake_share']} is not {float(share)}")
    setup = sum(connections["setup"].values())
    expect(0 < setup <= sum(client["connects"]),
           f"set-up of {setup} ms, the client's clock says {client['connects']}")
    expect(setup + group["latency_ms"]["total"] <= sum(client["gets"]),
           f"more than the client's clock says: {group}, {client['gets']}")

    # The other tracer measured on its own: its text is about its own rows, alike.
    line = [x.split() for x in other.stderr.splitlines() if x.startswith("GetObject ")]
    expect(len(line) == 2 and line[0][1:3] == [str(threads * rounds), "0"], f"{other.stderr}")
    head = [x.split() for x in other.stderr.splitlines() if x.startswith("OPERATION ")][1]
    said = dict(zip(head, line[1]))
    expect(said["CONNS"] == str(opened) and said["REQ/CONN"] == f"{threads * rounds / opened:.1f}",
           f"{said}")
    setup, time_s = float(said["SETUP(s)"]), float(said["TIME(s)"])
    expect(0 < float(said["HANDSHAKE%"]) < 100
           and abs(float(said["HANDSHAKE%"]) - 100 * setup / (setup + time_s))
           <= 0.05 + 100 * 0.0005 / (setup + time_s) * 2, f"{said}")


KEEPS = r"""
import http.client, ssl, sys
ca, port, bucket = sys.argv[1:]
c = http.client.HTTPSConnection("127.0.0.1", int(port),
                                context=ssl.create_default_context(cafile=ca))
for key in sys.stdin:
    c.request("GET", f"/{bucket}/{key.strip()}", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    c.getresponse().read()
    print(key, end="", flush=True)
"""


@test
def connections_that_last():
    """One connection, opened before the tracer: nobody knows what it cost."""
    bucket = program.bucket_for()
    with subprocess.Popen(
            [harness.PYTHON, "-c", KEEPS, harness.certificates().ca,
             str(program.server().ports["https"]), bucket],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env=harness.clean_env()) as client:
        def get(key):
            client.stdin.write(key + "\n")
            expect(client.stdout.readline() == key + "\n", "the client ended")
        get("before")
        with Tracer(["--bucket", bucket, "--summary", "json"]) as tracer:
            for key in ("one", "two", "three"):
                get(key)
            tracer.wait(3)
        client.stdin.close()
    (summary,) = summaries(tracer)
    connections = summary["all"]["connections"]
    expect((connections["opened"], connections["unknown"]) == (0, 3), f"{connections}")
    expect(connections["handshake_share"] is None, f"a guess: {connections}")


@test
def by_several():
    """A group for each combination of what was asked for, each the sum of its rows."""
    answers = [[{"answer": 200}], [{"answer": 404}], [{"answer": 503}]]
    buckets = [program.bucket_for(answers, "by") for _ in range(2)]
    with Tracer(["--bucket", ",".join(buckets), "--summary", "json", "--by", "bucket",
                 "--by", "status,comm"]) as tracer:
        for bucket in buckets:
            program.client(program.gets(bucket), "https")
        program.client(program.gets(buckets[0]), "http")
        rows = harness.check_rows(tracer.wait(3 * N), n=3 * N)
    (summary,) = summaries(tracer)
    expect(summary["by"] == ["bucket", "status", "comm"], f"{summary['by']}")
    expect(summary["other"] is None and summary["merged"] == 0, f"{summary['other']}")
    of = collections.defaultdict(list)
    for row in rows:
        of[row["bucket"], str(row["status_code"]), row["comm"]].append(row)
    groups = {(g["bucket"], g["status"], g["comm"]): g for g in summary["groups"]}
    expect(sorted(groups) == sorted(of) and len(of) == 6, f"groups {list(groups)} of {list(of)}")
    for name, group in groups.items():
        add_up(group, of[name], str(name))
        expect(group["partial"] is False, f"{name}: {group}")
    add_up(summary["all"], rows, "all")
    refused = collections.Counter(row["bucket"] + "/" for row in rows if row["status_code"] == 503)
    said = {p["prefix"]: p["count"] for p in summary["prefixes"]["by_503"]}
    expect(said == dict(refused), f"503 of {said}, rows say {refused}")


@test
def prefixes():
    """Directories of keys, as deep as was asked for; the slow one is on top."""
    slow = [{"sleep_ms": 300}, {"answer": 200}]
    bucket = program.bucket_for({"a/slow/*": slow, "*": [{"answer": 200}]}, "prefixes")
    keys = ["a/slow/x/1", "a/slow/y/2", "a/quick/x/3", "b/4", "5"]
    lines = [line for key in keys for line in (f"head 0 GET /{bucket}/{key}", "send 0",
                                               "recv 0 rest")]
    with Tracer(["--bucket", bucket, "--summary", "json", "--prefix-levels", "2"]) as tracer, \
            Tracer(["--bucket", bucket, "--prefix-levels", "2"]) as other:
        program.client(["open 0", *lines, "close 0"])
        rows = harness.check_rows(tracer.wait(len(keys)), n=len(keys))
    (summary,) = summaries(tracer)
    top = summary["prefixes"]["by_time"]
    expect({p["prefix"] for p in top} ==
           {f"{bucket}/a/slow/", f"{bucket}/a/quick/", f"{bucket}/b/", f"{bucket}/"}, f"{top}")
    exact = collections.Counter()
    for row in rows:
        exact[f"{bucket}/" + "".join(f"{d}/" for d in row["key"].split("/")[:-1][:2])] += \
            ns(row["latency_ms"])
    expect({p["prefix"]: ns(p["time_ms"]) for p in top} == dict(exact)
           and all(p["time_ms"] == p["at_least"] for p in top), f"{top}, rows say {exact}")
    by_time = [p["time_ms"] for p in top]
    expect(by_time == sorted(by_time, reverse=True), f"{top}")
    expect(exact[f"{bucket}/a/slow/"] >= 2 * 300 * 10**6, f"{exact}")
    expect(re.search(rf"^MOST TIME BY PREFIX .*(\n.*)*^{bucket}/a/slow/ +\d", other.stderr, re.M),
           other.stderr)
    expect("MOST 503" not in other.stderr, f"there was no 503: {other.stderr}")


@test
def intervals():
    """They follow each other without a gap, and together they are the whole."""
    bucket = program.bucket_for()
    with Tracer(["--bucket", bucket, "--summary", "json", "--interval", "1"]) as tracer:
        for turn in range(3):
            program.client(program.gets(bucket), "https")
            tracer.wait((turn + 1) * N)
            said = len(summaries(tracer))
            wait_for(lambda: len(summaries(tracer)) > said + 1, "another interval")
        program.client(program.gets(bucket), "https")
        rows = tracer.wait(4 * N)
        expect(tracer.alive, "the tracer ended")
    *parts, whole = summaries(tracer)
    expect([s["summary"] for s in parts] == ["interval"] * len(parts)
           and whole["summary"] == "run", "not intervals, then the whole")
    add_up(whole["all"], rows, "the whole")
    expect(whole["begin"] == parts[0]["begin"], f"{whole['begin']}, {parts[0]['begin']}")
    for one, next_one in zip(parts, parts[1:]):
        expect(one["end"] == next_one["begin"] and one["begin"] < one["end"],
               f"{one['begin']} to {one['end']}, then {next_one['begin']}")
    for what in ("count", "errors", "bytes"):
        total = sum(s["all"][what] for s in parts)
        expect(total == whole["all"][what], f"{what}: {total} of {whole['all'][what]}")
    expect(sum(s["counters"]["shown"] for s in parts) == whole["counters"]["shown"] == 4 * N,
           f"shown: {[s['counters'] for s in parts]}")
    total = sum(ns(s["all"]["latency_ms"]["total"]) for s in parts)
    expect(total == ns(whole["all"]["latency_ms"]["total"]), f"{total} ns in all")
    # Nothing came after the second of each turn: that is said, too.
    expect(any(s["all"]["count"] == 0 and s["groups"] == [] and s["prefixes"]["by_time"] == []
               for s in parts), f"{[s['all']['count'] for s in parts]}")


@test
def intervals_for_people():
    bucket = program.bucket_for()
    with Tracer(["--bucket", bucket, "--interval", "1", "--by", "client,bucket"]) as tracer:
        wait_for(lambda: re.search(r"^Summary of the last \d+\.\d s until \d\d:\d\d:\d\d: no requests",
                                   tracer.stderr, re.M), "an empty interval")
        program.client(program.gets(bucket), "https")
        wait_for(lambda: re.search(rf"^CLIENT +BUCKET +COUNT .*\n- +{bucket} +\d+ +0 ",
                                   tracer.stderr, re.M), f"an interval: {tracer.stderr}")
    said = re.findall(r"^Summary of (the last )?[\d.]+ s until .*", tracer.stderr, re.M)
    expect(said[-1] == "" and set(said[:-1]) == {"the last "}, tracer.stderr)
    expect(sum(map(int, re.findall(rf"^- +{bucket} +(\d+) +0 ", tracer.stderr, re.M))) == 2 * N,
           f"once in intervals, once in the whole: {tracer.stderr}")


@test
def on_request():
    """SIGUSR1: all so far, at once, and tracing goes on."""
    bucket = program.bucket_for()
    with Tracer(["--bucket", bucket, "--summary", "json"]) as tracer:
        for turn in range(2):
            program.client(program.gets(bucket), "https")
            tracer.wait((turn + 1) * N)
            tracer.process.send_signal(signal.SIGUSR1)
            wait_for(lambda: len(summaries(tracer)) > turn, "a summary")
        program.client(program.gets(bucket), "https")
        rows = tracer.wait(3 * N)
    counts = [(s["summary"], s["all"]["count"], s["counters"]["shown"]) for s in summaries(tracer)]
    expect(counts == [("run", n * N, n * N) for n in (1, 2, 3)], f"{counts}")
    expect(len(rows) == 3 * N, f"{len(rows)} rows")


@test
def on_request_with_a_command():
    """The signal is ours: the command does not get it, and its status is ours at the end."""
    bucket, go = program.bucket_for(), harness.scratch() / "summary.go"
    waits = f"while [ ! -e {go} ]; do sleep 0.1; done; exit 7"
    with Tracer(["--bucket", bucket, "--", "sh", "-c", waits], status=7) as tracer:
        tracer.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: "0 shown" in tracer.stderr, "a summary")
        expect(tracer.alive, "the signal ended it")
        go.touch()
        tracer.process.wait(harness.EXIT_S)
        tracer.stop()


@test
def on_request_too_early():
    """Asked while the programs are still compiled: the answer comes when there can be one."""
    with subprocess.Popen([harness.S3SLOWER, "--cache", "none", "--json"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, env=harness.clean_env()) as process, \
            contextlib.ExitStack() as at_last:
        at_last.callback(process.kill)
        status = pathlib.Path(f"/proc/{process.pid}/status")
        bit = 1 << (signal.SIGUSR1 - 1)
        wait_for(lambda: process.poll() is not None or
                 int(re.search(r"^SigBlk:\s+(\w+)", status.read_text(), re.M)[1], 16) & bit,
                 "the signal is held back")
        process.send_signal(signal.SIGUSR1)
        said = next((line for line in process.stderr if " shown, " in line), None)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        process.wait(harness.EXIT_S)
    expect(said and " shown, " in rest and process.returncode == 0,
           f"not two summaries: {said!r}, {rest!r}, exit status {process.returncode}")


@test
def calls_with_their_attempts():
    """--calls: the back-off is part of the time, and retries are counted."""
    refused = [{"read": "body"}, {"answer": 503}]
    done = [{"read": "body"}, {"answer": 200, "body": "found"}]
    bucket = program.bucket_for([refused, refused, done], "summed")
    argv = [harness.PYTHON, str(HERE / "workload_calls.py"),
            f"https://127.0.0.1:{program.server().ports['https']}", harness.certificates().ca,
            bucket, "3", "30", "dir/k"]
    env = harness.clean_env(AWS_EC2_METADATA_DISABLED="true")
    with Tracer(["--bucket", bucket, "--summary", "json", "--calls"]) as tracer, \
            Tracer(["--bucket", bucket, "--summary", "json"]) as other:
        subprocess.run(argv, check=True, timeout=60, env=env, stdout=subprocess.DEVNULL)
        (row,) = tracer.wait(1)
        attempts = other.wait(3)
    (summary,), (apart,) = summaries(tracer), summaries(other)
    all_of = summary["all"]
    expect((all_of["count"], all_of["retries"], all_of["errors"]) == (1, 2, 0), f"{all_of}")
    expect(ns(all_of["backoff_ms"]) == ns(row["backoff_ms"]) > 0, f"{all_of}")
    expect(ns(all_of["latency_ms"]["total"]) - sum(map(ns, all_of["phases"].values()))
           == ns(row["backoff_ms"]), f"{all_of}")
    # The call was refused at first, whatever became of it.
    expect([(p["prefix"], p["count"]) for p in summary["prefixes"]["by_503"]]
           == [(f"{bucket}/dir/", 1)], f"{summary['prefixes']}")
    add_up(apart["all"], attempts, "attempts")
    expect((apart["all"]["retries"], apart["all"]["errors"]) == (2, 2), f"{apart['all']}")
    expect(apart["prefixes"]["by_503"][0]["count"] == 2, f"{apart['prefixes']}")


@test
def hostile_keys():
    """What a program asks for cannot drive a terminal, nor break the JSON."""
    bucket = program.bucket_for([[{"answer": 503}]], "hostile")
    key = "a%1b]0;x%07/%0a%22{/%c3%a4%e2%80%ae/k"
    with Tracer(["--bucket", bucket, "--summary", "json"]) as tracer, \
            Tracer(["--bucket", bucket]) as other:
        program.client(["open 0", f"head 0 GET /{bucket}/{key}", "send 0", "recv 0 rest",
                        f"head 0 GET /{bucket}/b/k", "send 0", "recv 0 rest", "close 0"])
        tracer.wait(2)
    (summary,) = summaries(tracer)
    said = [p["prefix"] for p in summary["prefixes"]["by_503"]]
    expect(rf'{bucket}/a\x1b]0;x\x07/\x0a"{{/ä\xe2\x80\xae/' in said, f"{said}")
    expect("MOST 503 BY PREFIX" in other.stderr, other.stderr)
    expect(not program.HOSTILE.search(other.stderr.encode()), f"{other.stderr!r}")


@test
def what_cannot_be():
    """One sentence that lists the choices, and no tracing."""
    for args, says in (
            (["--by", "nonsense"], "operation, bucket, endpoint"),
            (["--by", "target"], "add --targets FILE"),
            (["--by", "bucket,bucket"], "twice"),
            (["--interval", "0"], "from 1 to 86400"),
            (["--interval", "-1"], "from 1 to 86400"),
            (["--summary", "xml"], "text, json or none")):
        done = run_tracer(args)
        expect(done.status == 2 and not done.stdout, f"{args}: {done}")
        expect(says in program.one_sentence(done.stderr, str(args)), f"{args}: {done.stderr}")


@test
def none():
    """Only what was left out is counted, as ever."""
    bucket = program.bucket_for()
    for args in (["--summary", "none"], ["--no-summary"]):
        with Tracer(["--bucket", bucket, *args]) as tracer:
            program.client(program.gets(bucket), "https")
            tracer.wait(N)
        expect("OPERATION" not in tracer.stderr and program.counters(tracer.stderr)["shown"] == N,
               tracer.stderr)
