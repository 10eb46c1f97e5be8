# SPDX-License-Identifier: Apache-2.0
"""What an SDK makes of one call: attempts, and the back-off between them, against the SDK's
own log and clock."""
import json
import statistics
import subprocess
import time

import harness
import program
from harness import Tracer, expect, test

HERE = harness.ROOT / "tests" / "e2e"
SLACK_MS = 5
KEYS = ["one", "two", "three"]
REFUSED = [{"read": "body"}, {"answer": 503, "headers": {"Connection": "close"}}, {"close": True}]
KEPT = [{"read": "body"}, {"answer": 503}]
DONE = [{"read": "body"}, {"answer": 200, "body": "found"}]


def workload(scheme, bucket, keys, attempts=3, timeout=30):
    return subprocess.Popen(
        [harness.PYTHON, str(HERE / "workload_calls.py"),
         f"{scheme}://127.0.0.1:{program.server().ports[scheme]}", harness.certificates().ca,
         bucket, str(attempts), str(timeout), *keys],
        stdout=subprocess.PIPE, text=True, env=harness.clean_env(AWS_EC2_METADATA_DISABLED="true"))


def run(*args, **more):
    """What the client says of each of its calls, by key."""
    process = workload(*args, **more)
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    expect(process.returncode == 0, f"the client's exit status is {process.returncode}")
    return {call["key"]: call for call in map(json.loads, out.splitlines())}


def judge(backoffs, each=1):
    """backoffs: sums of so many, ours, the client's own clock, its log, and what connections took, in ms.
    A busy machine puts something between two readings of a clock now and then, and between
    the end of a sleep and the next request: not every time."""
    expect(all(harness.close(ours, own) for ours, own, _, _ in backoffs)
           and statistics.median(abs(ours - own) for ours, own, _, _ in backoffs) <= SLACK_MS * each,
           f"back-offs of {[b[0] for b in backoffs]} ms, the client's clock says "
           f"{[b[1] for b in backoffs]}")
    over = [ours - logged - connects for ours, _, logged, connects in backoffs]
    expect(all(ours >= logged - 0.01 for ours, _, logged, _ in backoffs)
           and min(over) <= SLACK_MS * each,
           f"back-offs of {[b[0] for b in backoffs]} ms, botocore's log says "
           f"{[b[2] for b in backoffs]}, and connections took {[b[3] for b in backoffs]}")


def connects_of(call):
    """Those before each attempt but the first; none where the connection stays."""
    return call["connects"] or [0] * len(call["gaps"])


def attempts(scheme, script):
    bucket = program.bucket_for(script, "calls")
    with Tracer(["--bucket", bucket]) as tracer:
        calls = run(scheme, bucket, KEYS)
        tracer.wait(3 * len(KEYS), 10)
        tracer.stop()
        rows = harness.check_rows(tracer.matching(program.of(bucket)), n=3 * len(KEYS),
                                  state="complete")
    ids, backoffs = set(), []
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
        backoffs += zip((row["backoff_ms"] for row in mine[1:]), calls[key]["gaps"],
                        (1000 * delay for delay in calls[key]["delays"]),
                        connects_of(calls[key]))
    expect(len(backoffs) == 2 * len(KEYS), f"{len(backoffs)} back-offs")
    judge(backoffs)
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
        subprocess.run([harness.PYTHON, "-c", code], check=True, timeout=30,
                       env=harness.clean_env())
        rows = tracer.wait(3)
    expect([row["status_code"] for row in rows] == [503, 200, 200], harness.brief(rows))
    expect([row["attempt"] for row in rows] == [None] * 3, "attempts that nobody told")
    expect(rows[0]["backoff_ms"] is None and rows[2]["backoff_ms"] is None,
           f"a back-off without a failure before: {[row['backoff_ms'] for row in rows]}")
    expect(300 <= (rows[1]["backoff_ms"] or 0) < 1000, f"back-off {rows[1]['backoff_ms']}")


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
    for first, second in zip(rows[::2], rows[1::2]):
        expect(first["backoff_ms"] is None and second["backoff_ms"] is not None
               and 0 <= second["backoff_ms"] < 100, f"{first['backoff_ms']}, "
               f"{second['backoff_ms']}")


def calls(scheme, script):
    """One row a call, with all of its attempts' time."""
    bucket = program.bucket_for(script, "calls")
    with Tracer(["--calls", "--bucket", bucket]) as tracer:
        told = run(scheme, bucket, KEYS)
        tracer.wait(len(KEYS))
        tracer.stop()
        rows = tracer.matching(program.of(bucket))
    expect(program.keys(rows) == sorted(KEYS), f"not one row a call: {harness.brief(rows)}")
    backoffs = []
    for row in rows:
        call, key = told[row["key"]], row["key"]
        expect(row["status_code"] == 200 and row["state"] == "complete", harness.brief([row]))
        expect(row["attempts"] == 3, f"{key}: {row['attempts']} attempts")
        expect(row["first_error"] == "503 SlowDown", f"{key}: first {row['first_error']}")
        expect(abs(sum(row["phases"].values()) + row["backoff_ms"] - row["latency_ms"]) < 1e-5,
               f"{key}: phases and back-off are not the latency: {row}")
        backoffs.append((row["backoff_ms"], sum(call["gaps"]), 1000 * sum(call["delays"]),
                         sum(connects_of(call))))
        expect(harness.close(row["latency_ms"], call["total"]),
               f"{key}: {row['latency_ms']} ms, the client says {call['total']} ms")
    judge(backoffs, 2)


@test
def one_row_a_call_over_https():
    calls("https", [REFUSED, REFUSED, DONE])


@test
def one_row_a_call_over_http():
    calls("http", [REFUSED, REFUSED, DONE])


@test
def calls_that_fail():
    """The last attempt that the SDK allows itself ends the call, at once."""
    bucket = program.bucket_for([KEPT], "calls")
    with Tracer(["--calls", "--bucket", bucket]) as tracer:
        process = workload("http", bucket, ["k", "l"], attempts=2)
        try:
            json.loads(process.stdout.readline())
            rows = tracer.wait(1, 5)
            alive = process.poll() is None
            out, _ = process.communicate(timeout=30)
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
        rows = tracer.wait(1, 5)
    expect(rows[0]["status_code"] == 503 and rows[0]["attempts"] == 1, harness.brief(rows))


@test
def filters_judge_calls():
    """A threshold that no attempt reaches, but the call does."""
    bucket = program.bucket_for([KEPT, KEPT, DONE], "calls")
    with Tracer(["--calls", "--bucket", bucket, "--status", "200", "--min-latency", 15]) as tracer:
        told = run("http", bucket, ["k"])
        tracer.stop()
        rows = tracer.matching(program.of(bucket))
    slow = told["k"]["total"] > 16
    expect(not slow or [row["attempts"] for row in rows] == [3], harness.brief(rows))


@test
def what_hangs_is_named():
    """A request that is never answered, within 3 s, again at twice its age, and at its end."""
    for scheme in ("https", "http"):
        bucket = program.bucket_for({"never": [{"hang": True}]}, "calls")
        with Tracer(["--pending", "2", "--bucket", bucket]) as tracer:
            process = workload(scheme, bucket, ["found", "never"], attempts=1, timeout=5)
            begin = time.monotonic()
            try:
                tracer.wait(1, 10, lambda row: row["key"] == "never")
                out, _ = process.communicate(timeout=30)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            took = time.monotonic() - begin
            tracer.wait(4, 10)
            tracer.stop()
            rows = tracer.matching(program.of(bucket))
        expect(json.loads(out.splitlines()[-1])["error"] == "ReadTimeoutError", f"client: {out}")
        found = [row for row in rows if row["key"] == "found"]
        harness.check_rows(found, n=1, state="complete", status=200)
        expect(found[0]["waiting_for"] is None, f"{found[0]}")
        *hangs, last = [row for row in rows if row["key"] == "never"]
        expect([row["state"] for row in hangs] == ["pending"] * 2, harness.brief(rows))
        for row, age in zip(hangs, (2000, 4000)):
            expect(row["waiting_for"] == "response" and row["status_code"] is None, f"{row}")
            expect(age <= row["latency_ms"] < age + 1000,
                   f"shown after {row['latency_ms']} ms, not after {age}: {took} s in all")
            total = sum(row["phases"].values())
            expect(abs(total - row["latency_ms"]) < 1e-5, f"phases are {total} of {row}")
            expect((row["timestamp"], row["pid"]) == (last["timestamp"], last["pid"]), f"{last}")
        harness.check_rows([last], state="no_response")
        expect(5000 <= last["latency_ms"] < 6000 and last["waiting_for"] is None, f"{last}")
        shown = program.counters(tracer.stderr)["shown"]
        expect(shown == 2, f"{shown} shown: pending ones are in no count")


@test
def what_hangs_waits_for_something():
    bucket = program.bucket_for({
        "part": [{"send": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhe"}, {"sleep_ms": 1500},
                 {"send": "llo you"}],
        "mute": [{"sleep_ms": 1500}, {"read": "body"}, {"answer": 200}]}, "calls")
    signed = ("-H", "x-amz-date: 20260101T000000Z", "--max-time", "2")
    expects = ("-H", "Expect: 100-continue", "--expect100-timeout", "30", "-d", "body", "-X", "PUT")
    with Tracer(["--pending=.5", "--bucket", bucket]) as tracer:
        for key, more in (("part", ()), ("mute", expects)):
            subprocess.run(program.curl(bucket, key, more=(*signed, *more)),
                           capture_output=True, timeout=30, env=harness.clean_env())
        tracer.wait(2, 10, lambda row: row["state"] != "pending")
        tracer.stop()
        rows = tracer.matching(lambda row: program.of(bucket)(row) and row["state"] == "pending")
    seen = {(row["key"], row["waiting_for"], row["status_code"]) for row in rows}
    expect(seen == {("part", "body", 200), ("mute", "continue", None)}, f"{seen}")
