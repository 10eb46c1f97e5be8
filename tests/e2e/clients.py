# SPDX-License-Identifier: Apache-2.0
"""Real clients against a real S3 server, judged by their own logs; and what is not S3."""
import collections
import functools
import json
import os
import subprocess
import tempfile

import clientlog
import correlate
import harness
from bystanders import Bystanders
from harness import PYTHON, check_rows, expect, fail, json_rows, run_tracer, test
from s3server import S3Server

HERE = harness.ROOT / "tests" / "e2e"
KEPT = harness.ROOT / "build" / "e2e"  # each run's client log and trace, for correlate.py
N = 23
TRACED_S = 400  # a workload takes a minute at most, unless the machine is busy
VIA = {"https": "openssl", "http": "http"}
OBJECTS = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload",
           "GetObject", "HeadObject", "CopyObject", "DeleteObject", "DeleteObjects")

Client = collections.namedtuple("Client", "operations type")
CLIENTS = {
    "boto3": Client((*OBJECTS, "ListObjectsV2", "ListObjects", "HeadBucket"), "boto3"),
    "awscli": Client((*OBJECTS, "ListObjectsV2"), "aws-cli"),
    "curl": Client((*OBJECTS, "ListObjectsV2"), "curl"),
    # s3cmd sends no User-Agent
    "s3cmd": Client((*OBJECTS, "ListObjects", "GetBucketLocation"), None),
}
FOLDERS = ("boto3", "curl", "aws", "s3cmd", "matrix")

_server = None


def server():
    """One server for all tests of this module, started by the first that needs it."""
    global _server
    if _server is None:
        _server = S3Server()
        _server.__enter__()
    return _server


def stop_server():
    if _server is not None:
        _server.__exit__()


harness.AFTER.append(stop_server)


def curl(*args):
    """A signed curl that is not traced, for preparing."""
    subprocess.run(["curl", "-sSf", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user",
                    "S3RVER:S3RVER", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
                    "-o", "/dev/null", *args], env=server().environ(), check=True)


def new_bucket(name):
    """A bucket with an object in each client's folder: s3rver answers 500 when a batch delete, or
    two deletes at the same time, empty a folder."""
    url = server().url("http") + "/" + name
    curl("-X", "PUT", url)
    for folder in FOLDERS:
        curl("-X", "PUT", "--data-binary", "keep", "%s/%s/keep" % (url, folder))


def kept(name):
    """Fresh paths for the client log and the trace of the run of that name."""
    KEPT.mkdir(parents=True, exist_ok=True)
    paths = KEPT / (name + ".client.jsonl"), KEPT / (name + ".trace.jsonl")
    for path in paths:
        path.unlink(missing_ok=True)
    return paths


def command(workload, log, *args, prefix=(), **env):
    """The command line of a workload with its whole environment, so that the tracer's does not
    matter."""
    env = {**server().environ(), "CLIENT_LOG": str(log), **env}
    return [*prefix, "/usr/bin/env", "-i", *("%s=%s" % pair for pair in env.items()),
            PYTHON, str(HERE / ("workload_%s.py" % workload)), *map(str, args)]


def knowing(hosts):
    """The prefix of a command that runs with this text as its /etc/hosts."""
    path = harness.scratch() / "hosts"
    path.write_text(hosts)
    return ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(path)]


def traced(options, argv, trace, timeout):
    """s3slower --json OPTIONS -- ARGV: its rows, which are also kept."""
    done = run_tracer(["--json", *options, "--", *argv], timeout=timeout)
    trace.write_text(done.stdout)
    expect(done.status == 0, "exit status %s, stderr: %s" % (done.status, done.stderr[-2000:]))
    return json_rows(done.stdout)


def judge(name, log, rows):
    """The client's log against the rows; the client's log itself."""
    done = clientlog.read(log)
    report = correlate.Report(done, rows)
    if not report.ok:
        print(report, flush=True)
        fail("%d of %d operations are wrong, missing or extra: %s"
             % (len(report.problems), len(done), "; ".join(report.problems[:3])))
    print("# %s: %d operations, %d rows: No missing operations" % (name, len(done), len(rows)),
          flush=True)
    return done


def served_since(before):
    """What nginx answered since its log had that many lines."""
    return [(line["method"], line["status"]) for line in server().access_log()[before:]]


def operations(client, scheme):
    name = "%s-%s" % (client, scheme)
    log, trace = kept(name)
    new_bucket(name)
    before = len(server().access_log())
    argv = command(client, log, "--endpoint", server().url(scheme), "--bucket", name,
                   "--iterations", N)
    rows = traced([], argv, trace, TRACED_S)
    check_rows(rows, via=VIA[scheme], state="complete")
    done = judge(name, log, rows)

    counts = collections.Counter(line["operation"] for line in done)
    for operation in CLIENTS[client].operations:
        expect(counts[operation] >= N, "only %d %s" % (counts[operation], operation))
    statuses = collections.Counter(line["status"] for line in done)
    expect(statuses[404] >= N and statuses[403] >= N, "statuses are %s" % statuses)
    types = {row["client_type"] for row in rows}
    expect(types == {CLIENTS[client].type}, "client_type is %s" % types)
    if scheme == "https":
        served = collections.Counter(served_since(before))
        seen = collections.Counter((row["method"], row["status_code"]) for row in rows)
        expect(served == seen, "nginx served %s, the rows are %s" % (served, seen))


for _client in CLIENTS:
    for _scheme in VIA:
        test(functools.partial(operations, _client, _scheme),
             name="clients.%s_%s" % (_client, _scheme), timeout=900)


# --- virtual-hosted style ------------------------------------------------

@test
def curl_virtual_hosted():
    name = "curl-virtual"
    log, trace = kept(name)
    new_bucket(name)
    port = server().https_port
    argv = command("curl", log, "--endpoint", server().url("https", "s3.localhost"), "--bucket",
                   name, "--iterations", 3, "--style", "virtual",
                   "--address", "127.0.0.1:%d" % port)
    rows = traced(["--endpoint", "s3.localhost:%d" % port], argv, trace, TRACED_S)
    judge(name, log, check_rows(rows, via="openssl"))
    expect({row["endpoint"] for row in rows} == {"s3.localhost:%d" % port},
           "endpoint is %s" % {row["endpoint"] for row in rows})


@test
def boto3_virtual_hosted_in_a_mount_namespace():
    """Host names under localhost do not resolve: a private /etc/hosts knows them. The library is
    first used in a mount namespace that is made after the tracer's start."""
    name = "boto3-virtual"
    log, trace = kept(name)
    new_bucket(name)
    inside = knowing("127.0.0.1 localhost s3.localhost %s.s3.localhost\n" % name)
    for scheme in VIA:
        log.unlink(missing_ok=True)
        argv = command("boto3", log, "--endpoint", server().url(scheme, "s3.localhost"),
                       "--bucket", name, "--iterations", 3, "--style", "virtual", prefix=inside)
        rows = traced(["--endpoint", "*.s3.localhost"], argv, trace, TRACED_S)
        judge("%s %s" % (name, scheme), log, check_rows(rows, via=VIA[scheme]))


# --- who is a client -----------------------------------------------------

def process_tree(pid):
    """A process and its children, which do not come and go here."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return {pid, *map(int, f.read().split())}


@test
def servers_make_no_rows():
    """The whole machine is looked at. boto3's requests are seen, those that nginx makes of them
    to s3rver are seen as nginx's own over plain HTTP, and neither server's answering is."""
    name = "whole-machine"
    log, trace = kept(name)
    new_bucket(name)
    nginx, s3rver = (process_tree(p.pid) for p in (server().nginx, server().s3rver))
    with harness.Tracer([]) as tracer:
        client = subprocess.Popen(command("boto3", log, "--endpoint", server().url("https"),
                                          "--bucket", name, "--iterations", 3))
        expect(client.wait(200) == 0, "the client's exit status is %s" % client.returncode)
        n = len(clientlog.read(log))
        tracer.wait(n, where=lambda row: row["pid"] == client.pid)
        rows = tracer.stop()
    trace.write_text("".join(json.dumps(row) + "\n" for row in rows))
    judge(name, log, check_rows([row for row in rows if row["pid"] == client.pid], via="openssl"))

    upstream = check_rows([row for row in rows if row["pid"] in nginx], n=n)
    by_nginx, by_client = (collections.Counter((row["operation"], row["key"], row["status_code"])
                                               for row in some)
                           for some in (upstream, tracer.matching(lambda r: r["pid"] == client.pid)))
    expect({row["via"] for row in upstream} == {"http"}, "nginx was seen inside TLS: "
           + harness.brief([row for row in upstream if row["via"] != "http"]))
    expect(by_nginx == by_client, "nginx asked s3rver otherwise than the client asked it: %s"
           % ((by_nginx - by_client) + (by_client - by_nginx)))
    answered = [row for row in rows if row["pid"] in s3rver]
    expect(not answered, "the server's side has rows: " + harness.brief(answered))


@test
def chosen_by_name_and_by_pid():
    """--comm and -p leave the other clients out, in the kernel."""
    name = "chosen"
    log, trace = kept(name)
    new_bucket(name)
    argv = command("curl", log, "--endpoint", server().url("http"), "--bucket", name,
                   "--iterations", 1)
    for options in (["--bucket", name, "--comm", "curl"], ["--bucket", name, "-p", "curl"]):
        log.unlink(missing_ok=True)
        with harness.Tracer(options) as tracer:
            subprocess.run(command("boto3", "/dev/null", "--endpoint", server().url("http"),
                                   "--bucket", name, "--iterations", 1), check=True, timeout=200)
            subprocess.run(argv, check=True, timeout=200)
            tracer.wait(len(clientlog.read(log)))
            rows = tracer.stop()
        judge("%s %s" % (name, " ".join(options)), log, rows)
        expect({row["comm"] for row in rows} == {"curl"}, harness.brief(rows))
    trace.write_text("".join(json.dumps(row) + "\n" for row in rows))


# --- S3 without an Authorization header, and what is not S3 ---------------

@test
def presigned_and_unsigned():
    """Signatures in the query string, both versions, and none at all: S3, and masked."""
    name = "presigned"
    log, trace = kept(name)
    new_bucket(name)
    rows = traced(["--endpoint", "localhost:%d" % server().https_port],
                  command("presigned", log, "--endpoint", server().url("https"),
                          "--bucket", name, "--iterations", N), trace, TRACED_S)
    judge(name, log, check_rows(rows, via="openssl"))
    secrets = (log.parent / "presigned.secrets").read_text().split()
    expect(len(secrets) >= 2 * N, "only %d signatures were made" % len(secrets))
    text = trace.read_text()
    for secret in secrets:
        expect(secret not in text, "a signature is in the output: " + secret)


@test
def not_s3():
    """An STS call with credentials from the instance metadata service, a Prometheus scrape and a
    health check, over HTTPS and HTTP: no row, and with --all-http one row each, without operation."""
    name = "bystanders"
    log, trace = kept(name)
    with Bystanders() as others:
        def run(*options):
            others.served.clear()
            rows = traced(options, command("bystanders", log, "--http", others.url("http"),
                                           "--https", others.url("https"), "--iterations", N,
                                           AWS_EC2_METADATA_DISABLED="false"), trace, TRACED_S)
            expect(len(others.served) >= 6 * N, "only %d requests were made" % len(others.served))
            return rows

        rows = run()
        expect(not rows, "rows of what is not S3: " + harness.brief(rows))
        rows = check_rows(run("--all-http"), state="complete")
        seen = collections.Counter((row["method"], row["path"]) for row in rows)
        expect(seen == collections.Counter(others.served),
               "served %s, seen %s" % (collections.Counter(others.served), seen))
        for row in rows:
            expect(row["operation"] is None and row["bucket"] is None and row["is_s3"] is False,
                   "%s %s is taken for %s of bucket %s"
                   % (row["method"], row["path"], row["operation"], row["bucket"]))
        expect(others.SECRET not in trace.read_text(), "a secret is in the output")


# --- the correlator itself -----------------------------------------------

MS = 1_000_000
START_NS = 1_700_000_000 * 10**9


def example():
    """A client log and the trace that a faultless tracer would have made of it."""
    log, rows = [], []
    steps = [("PutObject", "a", 200, 1000, 1000, 0), ("GetObject", "a", 200, 1000, 0, 1000),
             ("ListObjectsV2", None, 200, None, 0, 512), ("HeadObject", "b", 404, None, 0, 0),
             ("UploadPart", "c", 200, 5000, 5000, 0), ("UploadPart", "c", 200, 5000, 5000, 0)]
    for i in range(5 * len(steps)):
        operation, key, status, size, sent, got = steps[i % len(steps)]
        start = START_NS + i * 50 * MS
        log.append(dict(operation=operation, bucket="b", key=key, status=status, size=size,
                        start_ns=start, end_ns=start + 60 * MS, request_size=sent,
                        response_size=got, request_id="id%d" % i if i % 2 else None))
        if operation == "PutObject":  # as timed by curl
            log[-1].update(latency_max_ms=50.2)
        at = start + 5 * MS
        rows.append(dict(timestamp="2023-11-14T22:13:%09.6fZ" % (20 + (at - START_NS) / 1e9),
                         pid=1, comm="x", via="http", method="M", path="/", is_s3=True,
                         operation=operation, bucket="b", key=key, status_code=status,
                         state="complete", is_error=status >= 400, error_code=None,
                         request_size=sent, response_size=got, latency_ms=50.0,
                         request_id="id%d" % i if i % 2 else None))
    return log, rows


def change(**facts):
    return lambda log, rows: rows[7].update(facts)


# How the trace is spoiled, and the first word of what the correlator must say of it.
SPOILED = {
    "a hole": (lambda log, rows: rows.pop(7), "missing"),
    "a duplicate": (lambda log, rows: rows.append(dict(rows[7])), "extra"),
    "a request that nobody made": (lambda log, rows: log.pop(7), "extra"),
    "both": (lambda log, rows: (rows.pop(7), rows.append(dict(rows[12]))), "missing"),
    "operation": (change(operation="HeadObject"), "wrong"),
    "no operation": (change(operation=None), "wrong"),
    "bucket": (change(bucket="c"), "wrong"),
    "key": (change(key="A"), "wrong"),
    "status": (change(status_code=206), "wrong"),
    "size": (change(response_size=999), "wrong"),
    "request size": (change(request_size=1), "wrong"),
    "request id": (change(request_id="other"), "wrong"),
    "state": (change(state="partial"), "wrong"),
    "too long": (change(latency_ms=62.0), "wrong"),
    "too long for curl": (lambda log, rows: rows[6].update(latency_ms=50.4), "wrong"),
    "too early": (change(timestamp="2023-11-14T22:13:20.340000Z"), "wrong"),
    "another time": (change(timestamp="2023-11-14T22:14:20.000000Z"), "missing"),
    "empty trace": (lambda log, rows: rows.clear(), "missing"),
    "empty log": (lambda log, rows: log.clear(), "extra"),
    "nothing at all": (lambda log, rows: (log.clear(), rows.clear()), "wrong"),
}


def correlator_says(log, rows):
    """Exit status and output of correlate.py as a user runs it."""
    with tempfile.TemporaryDirectory() as where:
        paths = [os.path.join(where, name) for name in ("log", "trace")]
        for path, lines in zip(paths, (log, rows)):
            with open(path, "w") as f:
                f.writelines(json.dumps(line) + "\n" for line in lines)
        done = subprocess.run([PYTHON, str(HERE / "correlate.py"), *paths],
                              capture_output=True, text=True)
    return done.returncode, done.stdout


@test
def correlator_complains():
    log, rows = example()
    status, said = correlator_says(log, rows)
    expect(status == 0 and said.endswith("No missing operations\n"),
           "a faultless trace is refused: " + said)
    for what, (spoil, word) in SPOILED.items():
        log, rows = example()
        spoil(log, rows)
        status, said = correlator_says(log, rows)
        complaints = [line for line in said.splitlines() if line.startswith(word + ":")]
        expect(status == 1 and complaints and "No missing" not in said,
               "%s was not noticed: status %d, %s" % (what, status, said))
        if what in ("a hole", "a duplicate"):
            expect(said.count(": ") == 1, "%s: one complaint was due: %s" % (what, said))
