# SPDX-License-Identifier: Apache-2.0
"""What went wrong, in the server's words, also inside a 200; and what a provider's support
asks for."""
import json
import re
import subprocess

import harness
import program
from harness import Tracer, expect, run_tracer, test

HERE = harness.ROOT / "tests" / "e2e"
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
CHUNKED = ("HTTP/1.1 200 OK\r\nx-amz-request-id: {rid}\r\nx-amz-id-2: host/+=\r\n"
           "Transfer-Encoding: chunked\r\n\r\n")
LATE = ("<Error><Code>InternalError</Code><Message>We encountered an internal error. Please try "
        "&quot;again&quot; &amp; again.</Message><RequestId>RID</RequestId></Error>")
SAID = 'We encountered an internal error. Please try "again" & again.'
GOOD = "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"
COPIED = "<CopyObjectResult><ETag>x</ETag></CopyObjectResult>"


def chunk(text):
    return {"send": f"{len(text):x}\r\n{text}\r\n"}


def late(document, blanks):
    """An answer that was begun before anybody knew how it would end."""
    wait = [{"sleep_ms": 50}, chunk(blanks)]
    return [{"read": "body"}, {"send": CHUNKED}, chunk(XML), *wait, *wait,
            # the document in two chunks, cut within a tag
            chunk(document[:10]), chunk(document[10:]), {"send": "0\r\n\r\n"}]


SCRIPT = {
    "complete": late(LATE, " "), "complete-long": late(LATE, " " * 1500),
    "complete-good": late(GOOD, " "),
    "copy": [{"answer": 200, "body": XML + LATE}], "copy-good": [{"answer": 200, "body": COPIED}],
    "part": [{"answer": 200, "body": XML + "\n  " + LATE}],
    # somebody's object, that looks so
    "download": [{"answer": 200, "body": LATE}], "missing": [{"answer": 404}],
}
# key: operation, status, is_error, error_code, error_message
WANTED = {
    "complete": ("CompleteMultipartUpload", 200, True, "InternalError", SAID),
    # nothing but blanks was kept: that it failed is known, how is not
    "complete-long": ("CompleteMultipartUpload", 200, True, None, None),
    "complete-good": ("CompleteMultipartUpload", 200, False, None, None),
    "copy": ("CopyObject", 200, True, "InternalError", SAID),
    "copy-good": ("CopyObject", 200, False, None, None),
    "part": ("UploadPartCopy", 200, True, "InternalError", SAID),
    "download": ("GetObject", 200, False, None, None),
    "missing": ("GetObject", 404, True, "NoSuchKey", "as the script says"),
}


def errors(scheme):
    bucket = program.bucket_for(SCRIPT, "support")
    with Tracer(["--bucket", bucket]) as tracer, Tracer(["--bucket", bucket, "-x"]) as failed:
        done = subprocess.run(
            [harness.PYTHON, str(HERE / "workload_errors.py"),
             f"{scheme}://127.0.0.1:{program.server().ports[scheme]}",
             harness.certificates().ca, bucket], capture_output=True, text=True, timeout=60,
            env=harness.clean_env(AWS_EC2_METADATA_DISABLED="true"))
        expect(done.returncode == 0, f"the client: {done.stderr[-1000:]}")
        rows = harness.check_rows(tracer.wait(len(WANTED)), n=len(WANTED), state="complete")
        failures = failed.wait(sum(wanted[2] for wanted in WANTED.values()))
    told = {call["key"]: call for call in map(json.loads, done.stdout.splitlines())}
    for row in rows:
        got = tuple(row[name] for name in
                    ("operation", "status_code", "is_error", "error_code", "error_message"))
        key = row["key"]
        expect(got == WANTED[key], f"{key}: {got}, not {WANTED[key]}")
        # botocore reads all of it
        expect(row["is_error"] == told[key]["failed"],
               f"{key}: botocore says {told[key]}, the row {got}")
        if row["error_code"] and told[key]["code"]:
            expect((row["error_code"], row["error_message"]) ==
                   (told[key]["code"], told[key]["message"]), f"{key}: botocore says {told[key]}")
    expect(program.keys(failures) == sorted(k for k, wanted in WANTED.items() if wanted[2]),
           f"-x shows {program.keys(failures)}")


@test
def errors_inside_a_200_over_https():
    errors("https")


@test
def errors_inside_a_200_over_http():
    errors("http")


# --- --support-bundle -----------------------------------------------------

SLOW_MS = {"slow-a": 900, "slow-b": 600, "slow-c": 300}
FAST = 23
SLOWEST = 3


def traffic(bucket):
    """Reports of requests, of which some are slow, some fail and one is never answered."""
    lines = ["open 0", f"repeat {FAST}", f"head 0 GET /{bucket}/k{{i}}", "send 0", "recv 0 rest",
             "again"]
    for key in (*SLOW_MS, "bad-a", "bad-b"):
        lines += [f"head 0 GET /{bucket}/{key}", "send 0", "recv 0 rest"]
    return program.client([*lines, f"head 0 GET /{bucket}/dropped", "send 0", "recv 0 end",
                           "close 0"], "https")


def bundle_script():
    script = {key: [{"sleep_ms": ms}, {"answer": 200}] for key, ms in SLOW_MS.items()}
    return {**script, "bad-a": [{"answer": 403}], "bad-b": [{"answer": 503}],
            "dropped": [{"close": True}]}


def blocks(text):
    """[(heading, {label: value})] of a bundle."""
    found = []
    for block in text.split("\n\n")[1:]:
        heading, *lines = block.splitlines()
        found.append((heading, {line[2:18].rstrip(): line[20:] for line in lines}))
    return found


def check_choice(chosen, shown):
    """The slowest first, the failed after them, each once. chosen: (key, latency ms) in order;
    shown: how many were asked for."""
    keys = [key for key, _ in chosen]
    expect(len(set(keys)) == len(keys), f"twice: {keys}")
    missing = {"bad-a", "bad-b", "dropped"} - set(keys)
    expect(not missing, f"failed and not there: {missing}")
    slowest = [ms for _, ms in chosen[:shown]]
    expect(len(slowest) == shown and slowest == sorted(slowest, reverse=True),
           f"not the slowest first: {chosen}")
    # a request that was left out took at least as long as the server let it wait
    for key, ms in SLOW_MS.items():
        expect(key in keys[:shown] or slowest[-1] >= ms, f"{key} is not there: {chosen}")


@test
def a_bundle_for_people():
    bucket = program.bucket_for(bundle_script(), "support")
    path = harness.scratch() / "bundle.txt"
    with Tracer(["--bucket", bucket, "--support-bundle", SLOWEST, "-o", path],
                output=()) as tracer:
        reports = {r["target"].rsplit("/", 1)[1]: r for r in traffic(bucket)}
        expect(path.read_text() == "", "something is shown before the end")
    text, n = path.read_text(), len(reports)
    expect(f"\nrequests: {n}, failed: 3; " in text, f"not {n} requests: {text[:500]}")
    found = blocks(text)
    check_choice([(facts["key"], float(facts["latency (ms)"])) for _, facts in found], SLOWEST)
    expect([heading for heading, _ in found[:SLOWEST]] ==
           [f"slowest {i + 1}" for i in range(SLOWEST)], f"{found[:SLOWEST]}")
    expect([heading for heading, _ in found[SLOWEST:]] ==
           [f"failed {i + 1}" for i in range(len(found) - SLOWEST)], f"{found[SLOWEST:]}")
    for _, facts in found:
        report, key = reports[facts["key"]], facts["key"]
        wanted = {
            "bucket": bucket, "operation": "GetObject", "in access logs": "REST.GET.OBJECT",
            "method": "GET", "path": f"/{bucket}/{key}",
            "endpoint": f"127.0.0.1:{program.server().ports['https']}",
            "peer": f"127.0.0.1:{program.server().ports['https']}",
            "HTTP status": str(report["status"]) if report["status"] else "-",
            "x-amz-request-id": "-" if key == "dropped" else program_rid(key),
            "error code": {"bad-a": "AccessDenied", "bad-b": "SlowDown"}.get(key, "-"),
            "error message": "as the script says" if key.startswith("bad") else "-",
            "state": "no_response" if key == "dropped" else "complete",
        }
        got = {label: facts.get(label) for label in wanted}
        expect(got == wanted, f"{key}: {got}, not {wanted}")
        expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", facts["time (UTC)"]),
               f"time: {facts}")
        expect(re.fullmatch(r"127\.0\.0\.1:\d+", facts["source"]), f"source: {facts}")
    expect(re.search(rf"GetObject +{n} +3 ", tracer.stderr), f"no summary: {tracer.stderr}")


def program_rid(key):
    return "RID" + re.sub("[^A-Z0-9]", "", key.upper())


@test
def a_bundle_of_rows():
    """The same requests as JSON, on standard output; filters hold as for rows."""
    bucket = program.bucket_for(bundle_script(), "support")
    with Tracer(["--bucket", bucket, "--support-bundle", SLOWEST]) as tracer:
        reports = traffic(bucket)
        rows = harness.check_rows(tracer.stop())
    check_choice([(row["key"], row["latency_ms"]) for row in rows], SLOWEST)
    expect(len(rows) < len(reports), "all requests are there")
    with Tracer(["--bucket", bucket, "--support-bundle", 100, "--status", "5xx"]) as tracer:
        traffic(bucket)
        rows = harness.check_rows(tracer.stop())
    expect(program.keys(rows) == ["bad-b"], f"not what the filter lets through: {rows}")


@test
def a_bundle_of_nothing():
    status, out, err = run_tracer(["--support-bundle", 3, "-d", ".2", "--bucket", "no-such"])
    expect(status == 0 and "requests: 0, failed: 0\n" in out and not blocks(out), f"{out} {err}")
    status, out, err = run_tracer(["--support-bundle", 3, "-d", ".2", "--bucket", "no-such",
                                   "-o", "/dev/full"])
    expect("No space left on device" in err and "1 output errors" in err, err)
    status, out, err = run_tracer(["--support-bundle", "many"], timeout=20)
    expect(status == 2 and "--support-bundle" in err and not out, f"{status} {err}")
