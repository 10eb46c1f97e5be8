# SPDX-License-Identifier: Apache-2.0
"""The connection that a request went over: which one, the number of the request on it, how long it
was idle - as the client knows it; and unknown where the beginning was not seen."""
import collections
import json

import addresses
import harness
import program
from addresses import EARLY, go, python
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
        expect([r["request_number"] for r in rows] == [1, 2, 3] * 2, f"{scheme}: {rows}")
        expect([r["reused"] for r in rows] == [False, True, True] * 2, f"{scheme}: reused")
        ids = [r["connection_id"] for r in rows]
        expect(None not in ids and len(set(ids[:3])) == len(set(ids[3:])) == 1 and
               ids[0] != ids[3], f"{scheme}: {ids}")
        idle = [r["idle_ms"] for r in rows]
        expect(idle[0] is None and idle[3] is None, f"{scheme}: idle before the first: {idle}")
        expect(all(0 <= ms < 300 for ms in idle[1:3]), f"{scheme}: idle {idle}")
        expect(all(300 < ms < 700 for ms in idle[4:]), f"{scheme}: idle {idle} of 500")


@test
def others_in_between_count():
    """A request that a filter in the kernel leaves out is one on its connection all the same."""
    one, bucket = a_bucket()
    base = f"https://127.0.0.1:{one.ports['https']}/{bucket}"
    rows, _ = traced(curl(f"{base}/a", "--next", *curl(f"{base}/b", "-X", "DELETE")[1:],
                          "--next", *curl(f"{base}/c")[1:]), 2, "--method", "GET")
    expect([r["request_number"] for r in rows] == [1, 3], f"{rows}")
    expect(rows[1]["idle_ms"] is None, "nobody saw when the answer before came")


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
        expect({r["request_number"] for r in some} == {None}, "a number that nobody can know")
        expect(len({r["connection_id"] for r in some}) == 1, "one connection")
        expect([r["reused"] for r in some] == [None] + [True] * 22, "reused")
        expect([r["idle_ms"] is None for r in some] == [True] + [False] * 22, "idle")
