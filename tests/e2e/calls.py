# SPDX-License-Identifier: Apache-2.0
"""What an SDK makes of one call: attempts, and the back-off between them, against the SDK's
own log and clock, and the server's."""
import json
import subprocess

import harness
import program
from harness import Tracer, expect, test

HERE = harness.ROOT / "tests" / "e2e"
ROUNDING_MS = 0.01
KEYS = ["one", "two", "three"]
REFUSED = [{"read": "body"}, {"answer": 503, "headers": {"Connection": "close"}}, {"close": True}]
KEPT = [{"read": "body"}, {"answer": 503}]
DONE = [{"read": "body"}, {"answer": 200, "body": "found"}]


def workload(scheme, bucket, keys, attempts=3, timeout=100):
    return subprocess.Popen(
        [harness.PYTHON, str(HERE / "workload_calls.py"),
         f"{scheme}://127.0.0.1:{program.server().ports[scheme]}", harness.certificates().ca,
         bucket, str(attempts), str(timeout), *keys],
        stdout=subprocess.PIPE, text=True, env=harness.clean_env(AWS_EC2_METADATA_DISABLED="true"))


def run(*args, **more):
    """What the client says of each of its calls, by key."""
    process = workload(*args, **more)
    try:
        out, _ = process.communicate(timeout=200)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    expect(process.returncode == 0, f"the client's exit status is {process.returncode}")
    return {call["key"]: call for call in map(json.loads, out.splitlines())}


def served(bucket):
    """By key, what the server did for each of its requests (STAMPS of tests/lab/server.py)."""
    by_key = {}
    for stamps in program.server().order({"stamps": bucket})["stamps"]:
        by_key.setdefault(stamps["key"], []).append(stamps)
    return by_key


def backoff_bounds(stamps, gaps, delays):
    """[(low, high)] of the back-offs of a call, in ms: what the SDK's log says that it sleeps, and
    its clock between the answer and the next request; and from before the answer to after the
    next request's head by the server's clock."""
    return [(max(gap, 1000 * delay), (after["read"] - before["last"]) / 1e6)
            for before, after, gap, delay in zip(stamps[:-1], stamps[1:], gaps, delays, strict=True)]


def judge(what, ms, low, high):
    expect(ms is not None and low - ROUNDING_MS <= ms <= high + ROUNDING_MS,
           f"{what} is {ms} ms, the clocks allow {low} to {high}")


def attempts(scheme, script):
    bucket = program.bucket_for(script, "calls")
    with Tracer(["--bucket", bucket]) as tracer:
        calls = run(scheme, bucket, KEYS)
        tracer.wait(3 * len(KEYS))
        tracer.stop()
        rows = harness.check_rows(tracer.matching(program.of(bucket)), n=3 * len(KEYS),
                                  state="complete")
    ids, stamps = set(), served(bucket)
    for key in KEYS:
        mine = [row for row in rows if row["key"] == key]
        expect([row["status_code"] for row in mine] == [503, 503, 200], harness.brief(mine))
        expect([row["attempt"] for row in mine] == [1, 2, 3],
               f"{key}: attempts {[row['attempt'] for row in mine]}")
        # botocore says how many there can be from the second attempt on
        expect([row["max_attempts"] for row in mine] == [None, 3, 3],
               f"{key}: of {[row['max_attempts'] for row in mine]}")
        expect(len({row["invocation_id"] for row in mine}) == 1 and mine[0]["invocation_id"],
               f"{key}: ids {[row['invocation_id'] for row in mine]}")
        ids.add(mine[0]["invocation_id"])
        expect(mine[0]["backoff_ms"] is None, f"a back-off before the first: {mine[0]}")
        bounds = backoff_bounds(stamps[key], calls[key]["gaps"], calls[key]["delays"])
        for row, (low, high) in zip(mine[1:], bounds, strict=True):
            judge(f"{key}: the back-off before attempt {row['attempt']}", row["backoff_ms"], low, high)
    expect(len(ids) == len(KEYS), f"{len(ids)} invocation ids of {len(KEYS)} calls")


@test
def attempts_on_new_connections_over_https():
    attempts("https", [REFUSED, REFUSED, DONE])


@test
def attempts_on_new_connections_over_http():
    attempts("http", [REFUSED, REFUSED, DONE])


@test
def attempts_on_one_connection():
    for scheme in ("https", "http"):
        attempts(scheme, [KEPT, KEPT, DONE])


@test
def attempts_without_an_id():
    """A client that sends no ids: the same request after a failure is the next attempt."""
    bucket = program.bucket_for([KEPT, DONE, DONE], "calls")
    code = ("import http.client, os, time\n"
            f"c = http.client.HTTPConnection('127.0.0.1', {program.server().ports['http']})\n"
            f"for key in ('a', 'a', 'a'):\n"
            f"    c.request('GET', '/{bucket}/' + key,"
            " headers={'x-amz-content-sha256': 'UNSIGNED-PAYLOAD'})\n"
            "    c.getresponse().read()\n"
            "    time.sleep(.3)\n")
    with Tracer(["--bucket", bucket]) as tracer:
        subprocess.run([harness.PYTHON, "-c", code], check=True, timeout=100,
                       env=harness.clean_env())
        rows = tracer.wait(3)
    expect([row["status_code"] for row in rows] == [503, 200, 200], harness.brief(rows))
    expect([row["attempt"] for row in rows] == [None] * 3, "attempts that nobody told")
    expect(rows[0]["backoff_ms"] is None and rows[2]["backoff_ms"] is None,
           f"a back-off without a failure before: {[row['backoff_ms'] for row in rows]}")
    first, second, _ = served(bucket)["a"]
    judge("the back-off", rows[1]["backoff_ms"], 300, (second["read"] - first["last"]) / 1e6)


@test
def an_attempt_is_shown_before_the_next():
    """The end of a refusal comes late, the next attempt at once: still one after the other."""
    n, late = 23, [{"read": "body"}, {"answer": 503, "cuts": [-10], "gap_ms": 5}]
    bucket = program.bucket_for([late, DONE], "calls")
    with Tracer(["--bucket", bucket]) as tracer:
        # on two connections in turn: one that goes on to another request tells its end
        program.client(["open 0", "open 1", f"repeat {n}", *(
            line for c in (0, 1) for line in (f"head {c} GET /{bucket}/same", f"send {c}",
                                              f"recv {c} rest")), "again", "close 0", "close 1"])
        rows = harness.check_rows(tracer.wait(2 * n), state="complete")
    expect([row["status_code"] for row in rows] == [503, 200] * n, harness.brief(rows, 50))
    stamps = served(bucket)["same"]
    for i in range(0, 2 * n, 2):
        expect(rows[i]["backoff_ms"] is None, f"a back-off of {rows[i]['backoff_ms']}")
        judge("the back-off", rows[i + 1]["backoff_ms"], 0,
              (stamps[i + 1]["read"] - stamps[i]["last"]) / 1e6)


def calls(scheme, script):
    """One row a call, with all of its attempts' time."""
    bucket = program.bucket_for(script, "calls")
    with Tracer(["--calls", "--bucket", bucket]) as tracer:
        told = run(scheme, bucket, KEYS)
        tracer.wait(len(KEYS))
        tracer.stop()
        rows = tracer.matching(program.of(bucket))
    expect(program.keys(rows) == sorted(KEYS), f"not one row a call: {harness.brief(rows)}")
    all_stamps = served(bucket)
    for row in rows:
        call, key, stamps = told[row["key"]], row["key"], all_stamps[row["key"]]
        expect(row["status_code"] == 200 and row["state"] == "complete", harness.brief([row]))
        expect(row["attempts"] == 3, f"{key}: {row['attempts']} attempts")
        expect(row["first_error"] == "503 SlowDown", f"{key}: first {row['first_error']}")
        expect(abs(sum(row["phases"].values()) + row["backoff_ms"] - row["latency_ms"]) < 1e-5,
               f"{key}: phases and back-off are not the latency: {row}")
        bounds = backoff_bounds(stamps, call["gaps"], call["delays"])
        judge(f"{key}: the back-off", row["backoff_ms"], *map(sum, zip(*bounds)))
        judge(f"{key}: the latency", row["latency_ms"],
              (stamps[-1]["last"] - stamps[0]["read"]) / 1e6, call["total"])


@test
def one_row_a_call_over_https():
    calls("https", [REFUSED, REFUSED, DONE])


@test
def one_row_a_call_over_http():
    calls("http", [REFUSED, REFUSED, DONE])


@test
def calls_that_fail():
    """The last attempt that the SDK allows itself ends the call, at once."""
    shown = harness.scratch() / "shown"
    shown.unlink(missing_ok=True)
    bucket = program.bucket_for({"k": KEPT, "l": [{"await": str(shown)}, *KEPT]}, "calls")
    with Tracer(["--calls", "--bucket", bucket]) as tracer:
        process = workload("http", bucket, ["k", "l"], attempts=2)
        try:
            json.loads(process.stdout.readline())
            rows = tracer.wait(1)
            alive = process.poll() is None
            shown.touch()
            out, _ = process.communicate(timeout=100)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        expect(json.loads(out)["error"] == "ClientError", f"the client: {out}")
        tracer.stop()
        rows = tracer.matching(program.of(bucket))
    expect(alive, "shown only when the process had ended")
    expect(program.keys(rows) == ["k", "l"], harness.brief(rows))
    expect({(row["attempts"], row["status_code"]) for row in rows} == {(2, 503)},
           harness.brief(rows))


@test
def a_call_goes_on_while_an_attempt_hangs():
    """The SDKs' longest back-off is over, but the next attempt has been under way since."""
    bucket = program.bucket_for([KEPT, [{"hang": True}]], "calls")
    with Tracer(["--calls", "--bucket", bucket]) as tracer:
        told = run("https", bucket, ["k"], attempts=2, timeout=24)
        tracer.stop()
        rows = tracer.matching(program.of(bucket))
    expect(told["k"]["error"] == "ReadTimeoutError", f"the client: {told}")
    expect(len(rows) == 1, f"not one row: {harness.brief(rows)}")
    row = rows[0]
    expect((row["attempts"], row["state"], row["status_code"], row["first_error"]) ==
           (2, "no_response", None, "503 SlowDown"), f"{row}")
    expect(row["latency_ms"] >= 24000, f"{row['latency_ms']} ms")


@test
def a_call_ends_with_its_process():
    bucket = program.bucket_for([KEPT], "calls")
    with Tracer(["--calls", "--bucket", bucket]) as tracer:
        program.client(program.gets(bucket, 1))
        rows = tracer.wait(1)
    expect(rows[0]["status_code"] == 503 and rows[0]["attempts"] == 1, harness.brief(rows))


@test
def filters_judge_calls():
    """A threshold that no attempt reaches, but the call does."""
    bucket = program.bucket_for([KEPT, KEPT, DONE], "calls")
    with Tracer(["--calls", "--bucket", bucket, "--status", "200", "--min-latency", 15]) as tracer:
        told = run("http", bucket, ["k"])
        tracer.stop()
        rows = tracer.matching(program.of(bucket))
    stamps = served(bucket)["k"]
    least, most = (stamps[-1]["last"] - stamps[0]["read"]) / 1e6, told["k"]["total"]
    expect(least < 15 or [row["attempts"] for row in rows] == [3], harness.brief(rows))
    expect(most >= 15 or not rows, harness.brief(rows))


PENDING_S = 2


@test
@harness.in_real_time
def what_hangs_is_named():
    """A request that is never answered, within 3 s, again at twice its age, and at its end."""
    for scheme in ("https", "http"):
        seen = harness.scratch() / "seen"
        seen.unlink(missing_ok=True)
        bucket = program.bucket_for({"never": [{"await": str(seen)}, {"drop": True}]}, "calls")
        with Tracer(["--pending", PENDING_S, "--bucket", bucket]) as tracer:
            process = workload(scheme, bucket, ["found", "never"], attempts=1)
            try:
                tracer.wait(2, where=lambda row: row["key"] == "never")
                seen.touch()
                out, _ = process.communicate(timeout=100)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            tracer.wait(1, where=lambda row: row["key"] == "never" and row["state"] != "pending")
            tracer.stop()
            rows = tracer.matching(program.of(bucket))
        expect(json.loads(out.splitlines()[-1])["error"], f"client: {out}")
        found = [row for row in rows if row["key"] == "found" and row["state"] != "pending"]
        harness.check_rows(found, n=1, state="complete", status=200)
        expect(found[0]["waiting_for"] is None, f"{found[0]}")
        *hangs, last = [row for row in rows if row["key"] == "never"]
        expect({row["state"] for row in hangs} == {"pending"}, harness.brief(rows))
        late = []
        for i, row in enumerate(hangs):
            age = 1000 * PENDING_S * 2 ** i
            expect(row["waiting_for"] == "response" and row["status_code"] is None, f"{row}")
            expect(age <= row["latency_ms"], f"shown after {row['latency_ms']} ms, not {age}")
            late += [f"shown after {row['latency_ms']} ms, not {age}"] * (
                row["latency_ms"] >= age + 1000)
            total = sum(row["phases"].values())
            expect(abs(total - row["latency_ms"]) < 1e-5, f"phases are {total} of {row}")
            expect((row["timestamp"], row["pid"]) == (last["timestamp"], last["pid"]), f"{last}")
        harness.check_rows([last], state="no_response")
        expect(last["latency_ms"] >= hangs[-1]["latency_ms"] and last["waiting_for"] is None,
               f"{last}")
        shown = program.counters(tracer.stderr)["shown"]
        expect(shown == 2, f"{shown} shown: pending ones are in no count")
        harness.expect_in_time(not late, f"{late}")


@test
def what_hangs_waits_for_something():
    seen = harness.scratch() / "named"
    bucket = program.bucket_for({
        "part": [{"send": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhe"}, {"await": str(seen)},
                 {"send": "llo you"}],
        "mute": [{"await": str(seen)}, {"drop": True}]}, "calls")
    signed = ("-H", "x-amz-date: 20260101T000000Z")
    expects = ("-H", "Expect: 100-continue", "--expect100-timeout", "300", "-d", "body", "-X", "PUT")
    last = []
    with Tracer(["--pending=.5", "--bucket", bucket]) as tracer:
        for key, more, status, waits in (("part", (), 0, ("body", 200)),
                                         ("mute", expects, 52, ("continue", None))):
            seen.unlink(missing_ok=True)
            client = subprocess.Popen(program.curl(bucket, key, more=(*signed, *more)),
                                      stdout=subprocess.DEVNULL, env=harness.clean_env())
            try:  # before the answer's first bytes it may wait for the response, if that takes so long
                tracer.wait(1, where=lambda row: row["state"] == "pending" and row["key"] == key
                            and (row["waiting_for"], row["status_code"]) == waits)
            finally:
                seen.touch()
                got = client.wait(100)
            expect(got == status, f"curl: {got}, not {status}")
            last += tracer.wait(1, where=lambda row: row["key"] == key and row["state"] != "pending")
        tracer.stop()
    harness.check_rows(last, n=2)
    pending = [row for row in tracer.rows if row["state"] == "pending"]
    expect({row["waiting_for"] for row in pending if row["key"] == "mute"} == {"continue"}
           and {row["waiting_for"] for row in pending if row["key"] == "part"} <= {"body", "response"},
           f"{pending}")
