# SPDX-License-Identifier: Apache-2.0
"""Uploads in parts and downloads by ranges: what is said of the whole, against the client's own
clock. A busy machine may make anything last longer, so only what cannot be otherwise is asked for."""
import json
import subprocess

import clients
import harness
import program
from harness import Tracer, expect, test

HERE = harness.ROOT / "tests" / "e2e"
MIB = 1 << 20
PART = MIB // 4
STRAGGLER, SLEEP_MS, PARTS, THREADS = 17, 800, 37, 4
ETAG = {"ETag": '"e"'}
CREATED = [{"read": "body"}, {"answer": 200, "body": "<InitiateMultipartUploadResult><UploadId>up/1"
                                                     "</UploadId></InitiateMultipartUploadResult>"}]
# boto3 asks for it, and over TLS it does not go on without
BODY = [{"send": "HTTP/1.1 100 Continue\r\n\r\n"}, {"read": "body"}]
TAKEN = [*BODY, {"answer": 200, "headers": ETAG}]
BUSY = [*BODY, {"answer": 503}]
DONE = [{"read": "body"}, {"answer": 200, "body": "<CompleteMultipartUploadResult>"
                                                  "</CompleteMultipartUploadResult>"}]
GONE = [{"read": "body"}, {"answer": 204}]
KEYS = ("timestamp pid tid comm uid operation state bucket key endpoint region upload_id client_type"
        " several_processes duration_ms busy_ms gap_ms complete_ms longest_gap_ms parts"
        " retried_parts failed_parts part_requests failed_requests bytes throughput_mb_s concurrency"
        " max_concurrency median_part_ms slowest_part truncated lost").split()


def boto3(endpoint, bucket, key, size, what):
    """Runs the workload; what it says of itself."""
    done = subprocess.run(
        [harness.PYTHON, str(HERE / "workload_jobs.py"), endpoint, harness.certificates().ca, bucket,
         key, str(size), str(PART), str(THREADS), what],
        capture_output=True, text=True, timeout=90,
        env=harness.clean_env(AWS_EC2_METADATA_DISABLED="true"))
    expect(done.returncode == 0, f"the client's exit status is {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def lab(scheme):
    return f"{scheme}://127.0.0.1:{program.server().ports[scheme]}"


def check(job):
    """What is true of every job."""
    expect(sorted(job) == sorted(KEYS), f"keys are {sorted(job)}")
    name = f"{job['operation']} {job['key']}"
    total = job["busy_ms"] + job["gap_ms"] + (job["complete_ms"] or 0)
    expect(abs(total - job["duration_ms"]) < 1e-5, f"{name}: the times are not the duration: {job}")
    expect(job["busy_ms"] > 0 and job["gap_ms"] >= job["longest_gap_ms"] >= 0, f"{name}: {job}")
    expect(0 < job["concurrency"] <= job["max_concurrency"] + .001
           and 1 <= job["max_concurrency"] <= min(THREADS, job["part_requests"]),
           f"{name}: {job['concurrency']} at once, {job['max_concurrency']} at most")
    slowest = job["slowest_part"]
    expect(0 < job["median_part_ms"] <= slowest["latency_ms"] <= job["busy_ms"] + 1e-6,
           f"{name}: median {job['median_part_ms']}, slowest {slowest}")
    expect(abs(slowest["times_median"] - slowest["latency_ms"] / job["median_part_ms"]) < .001,
           f"{name}: {slowest}, the median is {job['median_part_ms']}")
    if job["throughput_mb_s"] is not None:
        rate = job["bytes"] / job["duration_ms"] / 1000
        expect(abs(job["throughput_mb_s"] - rate) < .001 + rate / 1e6,
               f"{name}: {job['throughput_mb_s']} MB/s, not {rate}")
    return job


def named_straggler(scheme):
    bucket = program.bucket_for({
        "*[?]uploads": CREATED, f"*partNumber={STRAGGLER}":
        [*BODY, {"sleep_ms": SLEEP_MS}, {"answer": 200, "headers": ETAG}],
        "*partNumber=*": TAKEN, "*uploadId=*": DONE}, "jobs")
    with Tracer(["--jobs", "--bucket", bucket]) as tracer:
        told = boto3(lab(scheme), bucket, "big", PARTS * PART - 7, "up")
        job = check(tracer.wait(1)[0])
        tracer.stop()
    expect(len(tracer.rows) == 1, f"{len(tracer.rows)} rows of one upload")
    expect((job["operation"], job["state"], job["bucket"], job["key"], job["upload_id"]) ==
           ("multipart_upload", "complete", bucket, "big", "up/1"), f"{job}")
    expect((job["parts"], job["part_requests"], job["failed_parts"], job["retried_parts"]) ==
           (PARTS, PARTS, 0, 0), f"{job}")
    expect(job["bytes"] == PARTS * PART - 7, f"{job['bytes']} bytes")
    expect(SLEEP_MS <= job["duration_ms"] <= told["took"],
           f"{job['duration_ms']} ms, the client says {told['took']}")
    expect(job["complete_ms"] is not None, f"no time to complete it: {job}")
    # What we say a part took lies within what the client says. If another one is named, then
    # it was slower than the server's sleep by the client's own clock.
    slowest = job["slowest_part"]
    own = told["parts"][str(slowest["number"])]
    expect(slowest["number"] == STRAGGLER or own >= SLEEP_MS,
           f"part {slowest['number']} is named, which took {own} ms for the client")
    expect(SLEEP_MS <= slowest["latency_ms"] <= own,
           f"the straggler took {slowest['latency_ms']} ms, the client says {own}")
    expect(slowest["status_code"] == 200 and slowest["request_id"] == "RIDBIG", f"{slowest}")
    expect(slowest["peer_address"] == "127.0.0.1"
           and slowest["peer_port"] == program.server().ports[scheme], f"{slowest}")


@test
def a_straggler_is_named_over_https():
    named_straggler("https")


@test
def a_straggler_is_named_over_http():
    named_straggler("http")


@test
def retried_aborted_and_left():
    retried = program.bucket_for([CREATED, TAKEN, BUSY, TAKEN, GONE], "jobs")
    left = program.bucket_for([CREATED, TAKEN, TAKEN], "jobs")
    with Tracer(["--jobs", "--bucket", f"{retried},{left}"]) as tracer:
        boto3(lab("http"), retried, "k", 100003, "abort")
        aborted = check(tracer.wait(1)[0])
        boto3(lab("http"), left, "k", 100003, "leave")
        tracer.stop()
    expect(len(tracer.rows) == 2, f"{len(tracer.rows)} rows of two uploads")
    expect((aborted["state"], aborted["parts"], aborted["part_requests"], aborted["retried_parts"],
            aborted["failed_requests"], aborted["failed_parts"]) == ("aborted", 2, 3, 1, 1, 0),
           f"{aborted}")
    expect(aborted["bytes"] == 2 * 100003, f"{aborted['bytes']} bytes")
    still = check(tracer.rows[1])
    expect((still["bucket"], still["state"], still["complete_ms"], still["parts"]) ==
           (left, "open", None, 2), f"{still}")


@test
def a_real_server():
    """boto3 and a real S3 server: up in parts, down by ranges, byte by byte."""
    bucket, size = "jobs-boto3", 4 * PART + 7
    clients.new_bucket(bucket)
    for scheme in ("https", "http"):
        with Tracer(["--jobs", "--bucket", bucket, "--comm", "python3"]) as tracer:
            url = clients.server().url(scheme)
            up, down = (boto3(url, bucket, scheme, size, what) for what in ("up", "down"))
            jobs = [check(job) for job in tracer.wait(2)]
            tracer.stop()
        expect([(j["operation"], j["state"]) for j in tracer.rows] ==
               [("multipart_upload", "complete"), ("ranged_download", "complete")], f"{jobs}")
        for job, told in zip(jobs, (up, down)):
            expect((job["parts"], job["bytes"], job["failed_parts"]) == (5, size, 0), f"{job}")
            expect(job["duration_ms"] <= told["took"], f"{job['duration_ms']} of {told['took']} ms")
            expect(job["client_type"] == "boto3", f"{job['client_type']}")
        part, piece = (job["slowest_part"] for job in jobs)
        expect(part["number"] in range(1, 6) and part["first_byte"] is None, f"{part}")
        expect(piece["number"] is None and piece["first_byte"] % (PART) == 0
               and piece["last_byte"] == min(piece["first_byte"] + PART, size) - 1, f"{piece}")
        expect(jobs[1]["upload_id"] is None and jobs[1]["complete_ms"] is None, f"{jobs[1]}")


@test
def aws_s3_cp():
    """The AWS CLI as it comes, up and down; and the jobs at the end of a run."""
    bucket, size = "jobs-cli", 17 * MIB
    clients.new_bucket(bucket)
    url = clients.server().url("https")
    here, back = harness.scratch() / "big", harness.scratch() / "back"
    here.write_bytes(b"x" * size)
    env = {**clients.server().environ()}
    with Tracer(["--bucket", bucket]) as tracer:
        for way in ((here, f"s3://{bucket}/big"), (f"s3://{bucket}/big", back)):
            subprocess.run(["aws", "s3", "cp", "--quiet", "--endpoint-url", url, *map(str, way)],
                           check=True, timeout=60, env=env)
        tracer.wait(6, 10, lambda row: row["operation"] in ("UploadPart", "GetObject")
                    and row["via"] == "openssl")
        tracer.stop()
    # nginx is a client of the real server, too, with jobs of its own
    expect("Multipart uploads: 2, ranged downloads: 2" in tracer.stderr, tracer.stderr)
    lines = [line.split() for line in tracer.stderr.splitlines() if line.endswith(" big")]
    found = sorted((word, line[line.index(word) + 1], line[line.index(word) + 3])
                   for line in lines for word in line if word.endswith("load") and "_" in word)
    expect(found == [("multipart_upload", "complete", "3")] * 2 +
           [("ranged_download", "complete", "3")] * 2, tracer.stderr)


@test
def no_jobs_with_holes():
    """What leaves out requests in the kernel leaves no whole jobs."""
    script = [CREATED, TAKEN, TAKEN, GONE]
    bucket = program.bucket_for(script * 3, "jobs")
    for args, listed in ((["--bucket", bucket], True),
                         (["--min-latency", ".001", "--bucket", bucket], False),
                         (["--no-summary", "--bucket", bucket], False)):
        with Tracer(args) as tracer:
            boto3(lab("http"), bucket, "k", 1000, "abort")
            tracer.wait(4)
            tracer.stop()
        expect(("Multipart uploads: 1, ranged downloads: 0" in tracer.stderr) == listed,
               f"{args}: {tracer.stderr}")


@test
def an_upload_id_that_drives_a_terminal():
    bucket = program.bucket_for([TAKEN], "jobs")
    for output in (("--output", "table"), ("--output", "simple"), ("--output", "csv"), ("--json",)):
        done = harness.run_tracer(
            ["--jobs", *output, "--bucket", bucket, "--", *program.curl(
                bucket, "k%1b%5d0;x%07?partNumber=1&uploadId=%1b%5b31mA%0aB%00%ff", "http",
                ("-T", "/etc/hostname"))])
        expect(done.status == 0, done.stderr)
        expect(not program.HOSTILE.search(done.stdout.encode()), f"{output}: {done.stdout!r}")
        expect("multipart_upload" in done.stdout and "open" in done.stdout, done.stdout)
    job = harness.json_rows(done.stdout)[0]
    expect(job["upload_id"] == "\\x1b[31mA\\x0aB\\x00\\xff", job["upload_id"])


@test
def slow_bodies():
    """--max-mbps: 2 MB that take half a second at least, and what is too small to be called slow."""
    slowly = [{"read": 1000000}, {"sleep_ms": 500}, {"read": "body"}, {"answer": 200}]
    bucket = program.bucket_for({"up": slowly, "down": [{"answer": 200, "body": 2000000}],
                                 "small": [{"answer": 200, "body": 1000000}]}, "jobs")
    with Tracer(["--max-mbps", "4.1", "--bucket", bucket]) as tracer:
        # the client itself waits between the first byte and the last, or the server does
        program.client(["open 0 rcvbuf=65536", *(line for key in ("down", "small") for line in (
            f"head 0 GET /{bucket}/{key}", "send 0", "recv 0 head size=200", "sleep 500",
            "recv 0 rest")), f"head 0 PUT /{bucket}/up length=2000000", "body 0 2000000", "send 0",
            "recv 0 rest", "close 0"], "https")
        tracer.wait(2)
        tracer.stop()
    rows = harness.check_rows(tracer.rows, n=2, state="complete")
    expect([row["key"] for row in rows] == ["down", "up"], harness.brief(rows))
    for row in rows:
        expect(0 < row["throughput_mb_s"] <= 4, f"{row['key']}: {row['throughput_mb_s']} MB/s")
