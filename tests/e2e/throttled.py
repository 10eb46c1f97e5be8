# SPDX-License-Identifier: Apache-2.0
"""boto3 against a server that throttles: one logical call, three attempts, and the back-off that
botocore's own log tells. The bounds are causes: the back-off begins when the refusal's last
byte was read - after the server began to send it, before botocore could log it - and ends when
the next attempt's first byte is handed over - after botocore said that it would, before the
server had it. All clocks are CLOCK_MONOTONIC."""
import collections
import http.server
import json
import os
import ssl
import statistics
import subprocess
import threading
import time

import harness
from harness import Tracer, expect, test

HERE = harness.ROOT / "tests" / "e2e"
KEYS = ["one", "two", "three"]
REFUSAL = (b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message>"
           b"<RequestId>RID</RequestId></Error>")
ROUNDING_MS = 0.001  # of what was printed in decimals


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked[self.path].append(time.monotonic() * 1000)
        refuse = len(self.server.asked[self.path]) <= 2
        body = REFUSAL if refuse else b"found"
        self.send_response(503 if refuse else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amz-request-id", "RID")
        if refuse and self.server.closes:
            self.send_header("Connection", "close")
        self.server.answered[self.path].append(time.monotonic() * 1000)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Throttle:
    """A server that refuses every key twice; when it had each request, and when it began to
    answer."""

    def __init__(self, scheme, closes):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.closes = closes
        self.server.asked, self.server.answered = (collections.defaultdict(list)
                                                   for _ in range(2))
        if scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(harness.certificates().cert, harness.certificates().key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def bounds(self, path):
        """Beyond which no back-off before the second and third attempt can have been."""
        return [asked - answered for asked, answered in
                zip(self.server.asked[path][1:], self.server.answered[path])]


def fetch(mode, url, bucket):
    done = subprocess.run(
        [harness.PYTHON, str(HERE / "workload_throttled.py"), mode, url,
         harness.certificates().ca, bucket, *KEYS], capture_output=True, text=True, timeout=60,
        env=harness.clean_env(AWS_EC2_METADATA_DISABLED="true"))
    expect(done.returncode == 0, f"the client: {done.stderr[-1000:]}")
    told = {call["key"]: call for call in map(json.loads, done.stdout.splitlines())}
    for call in told.values():
        call["gaps"] = [b - a for a, b in zip(call["answered"], call["sending"][1:])]
        expect(len(call["delays"]) == len(call["gaps"]) == 2, f"botocore's log: {call}")
    return told


def judge(what, ours, delay, logged, bound):
    """ours, in ms, against the sleep that the log names, the log's own clock and the server's."""
    expect(delay - ROUNDING_MS <= ours and logged - ROUNDING_MS <= ours <= bound + ROUNDING_MS,
           f"{what}: back-off {ours} ms; botocore slept {delay}, its log says {logged}, and more "
           f"than {bound} is impossible")


def attempts(mode, scheme, closes):
    bucket = f"throttled-{mode}-{scheme}-{os.getpid()}-{closes:d}"
    with Throttle(scheme, closes) as throttle, Tracer(["--bucket", bucket]) as tracer, \
            Tracer(["--calls", "--bucket", bucket]) as joined:
        told = fetch(mode, throttle.url, bucket)
        rows = harness.check_rows(tracer.wait(3 * len(KEYS)), n=3 * len(KEYS), state="complete")
        calls = joined.wait(len(KEYS))
    expect(len(tracer.rows) == len(rows) and len(joined.rows) == len(KEYS),
           f"{len(tracer.rows)} attempts, {len(joined.rows)} calls")
    over = []
    for key, call in told.items():
        mine = [row for row in rows if row["key"] == key]
        bounds = throttle.bounds(f"/{bucket}/{key}")
        expect([(row["status_code"], row["attempt"]) for row in mine] ==
               [(503, 1), (503, 2), (200, 3)], harness.brief(mine))
        expect({row["error_message"] for row in mine[:2]} == {"Please reduce your request rate."},
               f"messages of {mine}")
        expect(len({row["invocation_id"] for row in mine}) == 1, "not one call")
        for row, delay, logged, bound in zip(mine[1:], call["delays"], call["gaps"], bounds):
            judge(key, row["backoff_ms"], delay, logged, bound)
            over.append((row["backoff_ms"] - logged, bound - logged))
        one = [row for row in calls if row["key"] == key]
        expect([(row["attempts"], row["first_error"], row["status_code"]) for row in one] ==
               [(3, "503 SlowDown", 200)], f"not one call of three attempts: {one}")
        judge(key + ", the call", one[0]["backoff_ms"], sum(call["delays"]), sum(call["gaps"]),
              sum(bounds))
    print("# %s, %s, %s: %d back-offs, over botocore's log by %.2f ms (median; %.2f at most), "
          "where %.2f would be impossible" %
          (mode, scheme, "new connections" if closes else "one connection", len(over),
           statistics.median(a for a, _ in over), max(a for a, _ in over),
           statistics.median(b for _, b in over)), flush=True)


@test
def attempts_and_backoff_over_https():
    attempts("standard", "https", True)


@test
def attempts_and_backoff_over_http():
    attempts("standard", "http", True)


@test
def attempts_and_backoff_on_one_connection():
    attempts("standard", "https", False)


@test
def attempts_and_backoff_of_the_older_mode():
    attempts("legacy", "http", False)
