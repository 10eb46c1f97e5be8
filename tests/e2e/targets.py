# SPDX-License-Identifier: Apache-2.0
"""Whose requests they are: the targets file, its labels, and facts of the process."""
import csv
import io
import os
import pathlib
import pwd
import re
import subprocess
import time

import harness
from harness import (PYTHON, Tracer, brief, expect, fail, in_real_time, json_rows, run_tracer,
                     test)
from program import bucket_for, counters, curl, one_sentence, server

HEADER = "x-amz-content-sha256: UNSIGNED-PAYLOAD"
GET = """
import http.client, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
for i in range(int(sys.argv[3])):
    c.request("GET", f"/{sys.argv[2]}/{i}", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    c.getresponse().read()
"""


def python(bucket, n=1, more=()):
    return [PYTHON, "-c", GET, str(server().ports["http"]), bucket, str(n), *more]


def wget(bucket):
    return ["wget", "-q", "-O", "/dev/null", "--header", HEADER,
            f"http://127.0.0.1:{server().ports['http']}/{bucket}/k"]


def run(argv, **more):
    """Runs a client to its end; its process id."""
    client = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              env=harness.clean_env(), **more)
    err = client.communicate(timeout=100)[1]
    expect(client.returncode == 0, f"{argv[0]}: exit status {client.returncode}: {err!r}")
    return client.pid


def write(name, text):
    """A whole file at once, put in the place of what was there."""
    path = harness.scratch() / name
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)
    return path


def target(name, kind, value, labels="{}"):
    return f"  - id: {name}\n    match: [{{type: {kind}, value: '{value}'}}]\n    labels: {labels}\n"


def row_of(tracer, pid):
    rows = tracer.wait(1, where=lambda r: r["pid"] == pid)
    expect(len(rows) == 1, f"{len(rows)} rows of process {pid}: {brief(rows)}")
    return harness.check_rows(rows)[0]


def is_labelled(row, name, labels):
    # Of a process that is gone when the tracer comes to it, nothing is known.
    harness.expect_in_time(row["target"] or not name, f"{row['comm']} {row['pid']}: no label")
    expect((row["target"], row["labels"]) == (name, labels),
           f"{row['comm']}: target {row['target']}, labels {row['labels']}; not {name}, {labels}")


@test
@in_real_time
def labels_by_every_match():
    """A process that lives for a few milliseconds is labelled in its first row."""
    bucket = bucket_for()
    path = write("match.yml", "targets:\n" + target("by-exe", "exe_basename", "wget", "{x: e}")
                 + target("by-cmdline", "cmdline_substring", f"{bucket} 1 nightly", "{x: c}")
                 + target("by-comm", "comm", "curl", "{x: m, y: z}"))
    with Tracer(["--bucket", bucket, "--targets", path]) as tracer:
        for _ in range(5):
            is_labelled(row_of(tracer, run(wget(bucket))), "by-exe", {"x": "e"})
            is_labelled(row_of(tracer, run(python(bucket, 1, ["nightly"]))), "by-cmdline",
                        {"x": "c"})
            for scheme in ("http", "https"):
                is_labelled(row_of(tracer, run(curl(bucket, scheme=scheme))), "by-comm",
                            {"x": "m", "y": "z"})
        is_labelled(row_of(tracer, run(python(bucket))), None, None)


@test
def a_process_from_before_is_labelled():
    bucket = bucket_for()
    path = write("before.yml", "targets:\n" + target("early", "cmdline_substring", bucket))
    wait = "import sys; sys.stdin.read(1)\n" + GET
    argv = python(bucket)
    argv[2] = wait
    client = subprocess.Popen(argv, stdin=subprocess.PIPE, env=harness.clean_env())
    try:
        with Tracer(["--bucket", bucket, "--targets", path]) as tracer:
            client.communicate(b"x", timeout=100)
            is_labelled(row_of(tracer, client.pid), "early", {})
    finally:
        if client.poll() is None:
            client.kill()
            client.wait()


@test
@in_real_time
def first_match_wins():
    bucket = bucket_for()
    path = write("first.yml", "targets:\n" + target("one", "cmdline_substring", "/no-such/")
                 + target("two", "comm", "curl", "{n: '2'}")
                 + target("three", "exe_basename", "curl", "{n: '3'}"))
    with Tracer(["--bucket", bucket, "--targets", path]) as tracer:
        is_labelled(row_of(tracer, run(curl(bucket))), "two", {"n": "2"})


@test
@in_real_time
def only_targets_hides_the_others():
    bucket = bucket_for()
    path = write("only.yml", "targets:\n" + target("mine", "exe_basename", "curl"))
    with Tracer(["--bucket", bucket, "--targets", path, "--only-targets"]) as tracer:
        run(python(bucket, 7))
        run(curl(bucket))
        tracer.stop()
    expect([r["comm"] for r in tracer.rows] in (["curl"], []), f"rows: {brief(tracer.rows)}")
    harness.expect_in_time(tracer.rows, "no label, no row")
    count = counters(tracer.stderr)
    expect(count["filtered out"] >= 7, f"others' rows are not counted as filtered: {count}")


def wait_for_label(tracer, bucket, name, labels, seconds=60):
    """Sends requests until one of them has that label."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        row = row_of(tracer, run(curl(bucket)))
        if row["target"] == name:
            return is_labelled(row, name, labels)
    return fail(f"after {seconds} s the target is still {row['target']}, not {name}")


@test
def a_changed_file_is_read_again():
    bucket = bucket_for()
    path = write("change.yml", "targets:\n" + target("old", "comm", "curl", "{v: '1'}"))
    with Tracer(["--bucket", bucket, "--targets", path]) as tracer:
        wait_for_label(tracer, bucket, "old", {"v": "1"})
        write("change.yml", "targets:\n" + target("renamed", "comm", "curl", "{v: '2'}"))
        wait_for_label(tracer, bucket, "renamed", {"v": "2"})
        path.write_text("targets:\n" + target("rewritten", "comm", "curl"))
        wait_for_label(tracer, bucket, "rewritten", {})
        expect("stay as they were" not in tracer.stderr, f"stderr: {tracer.stderr!r}")


@test
def a_long_lived_process_gets_its_new_label():
    """What was found for a process before is void."""
    bucket = bucket_for()
    path = write("long.yml", "targets:\n" + target("a", "exe_basename", "python3.11")
                 + target("a", "exe_basename", os.path.basename(os.path.realpath(PYTHON))))
    argv = python(bucket)
    argv[2] = GET.replace("for i in range(int(sys.argv[3])):", "for i in sys.stdin:\n    i = i.strip()")
    client = subprocess.Popen(argv, stdin=subprocess.PIPE, env=harness.clean_env())
    try:
        with Tracer(["--bucket", bucket, "--targets", path]) as tracer:
            for i, name in enumerate(("a", "b", "c")):
                write("long.yml", "targets:\n" + target(name, "cmdline_substring", bucket))
                for n in range(1, 200):
                    client.stdin.write(f"{i}-{n}\n".encode())
                    client.stdin.flush()
                    row = tracer.wait(1, where=lambda r, k=f"{i}-{n}": r["key"] == k)[0]
                    if row["target"] == name:
                        break
                expect(row["target"] == name, f"the target stays {row['target']}, not {name}")
    finally:
        client.stdin.close()
        client.wait(100)


@test
def a_link_that_leads_elsewhere_is_read_again():
    """As configuration is changed in a container: one rename of a link to a directory."""
    bucket = bucket_for()
    where = harness.scratch() / "configmap"
    for version in ("v1", "v2"):
        (where / version).mkdir(parents=True)
        (where / version / "targets.yml").write_text(
            "targets:\n" + target(version, "comm", "curl"))
    (where / "data").symlink_to("v1")
    (where / "targets.yml").symlink_to("data/targets.yml")
    with Tracer(["--bucket", bucket, "--targets", where / "targets.yml"]) as tracer:
        wait_for_label(tracer, bucket, "v1", {})
        (where / "data.new").symlink_to("v2")
        (where / "data.new").rename(where / "data")
        wait_for_label(tracer, bucket, "v2", {})


@test
@in_real_time
def a_broken_file_changes_nothing():
    bucket = bucket_for()
    path = write("broken.yml", "targets:\n" + target("good", "comm", "curl", "{v: '1'}"))
    said = f"s3slower: {path}, line 2: there is no key 'macth' in a target"

    def complaints():
        return [line for line in tracer.stderr.splitlines() if line.startswith(said)]

    with Tracer(["--bucket", bucket, "--targets", path]) as tracer:
        wait_for_label(tracer, bucket, "good", {"v": "1"})
        write("broken.yml", "targets:\n  - macth: x\n")
        deadline = time.monotonic() + 60
        while not complaints() and time.monotonic() < deadline:
            time.sleep(0.02)
        expect(complaints(), f"a broken file is not told: {tracer.stderr!r}")
        for _ in range(3):
            is_labelled(row_of(tracer, run(curl(bucket))), "good", {"v": "1"})
        write("broken.yml", "targets:\n" + target("mended", "comm", "curl"))
        wait_for_label(tracer, bucket, "mended", {})
        tracer.stop()
    expect(len(complaints()) == 1, f"it is told {len(complaints())} times: {tracer.stderr!r}")


@test
def a_bad_file_is_one_sentence():
    for text, says in (("targets:\n  - id: x\n", "line 2: "), ("targets: [", "line "),
                       ("targets:\n- id: x\n  match_type: comm\n  match_value: y\n"
                        "  labels:\n    bucket: b\n", "line 6: "), ("", "'targets'")):
        path = write("bad.yml", text)
        status, out, err = run_tracer(["--json", "--targets", path], timeout=100)
        expect((status, out) == (2, ""), f"{text!r}: exit status {status}, stdout {out!r}")
        expect(f"{path}, line " in one_sentence(err, text) and says in err, f"{text!r}: {err!r}")
    for path in ("/no-such-file", "/dev/null", "/tmp"):
        status, out, err = run_tracer(["--json", "--targets", path], timeout=100)
        expect((status, out) == (2, ""), f"{path}: exit status {status}, stdout {out!r}")
        expect(path in one_sentence(err, path), err)
    for args, says in ((["--only-targets"], "--targets"),
                       (["--fields", "uid,cmdlin"], "did you mean cmdline?")):
        status, out, err = run_tracer(args, timeout=100)
        expect((status, out) == (2, ""), f"{args}: exit status {status}, stdout {out!r}")
        expect(says in one_sentence(err, args), err)


# --- facts of the process ---------------------------------------------------

def knows(row):
    harness.expect_in_time(row["cmdline"] is not None, f"{row['comm']} {row['pid']}: no command line")


def own_cgroup():
    """What we expect of a child of ours: as s3slower-json(5) says."""
    lines = [line.split(":", 2) for line in
             pathlib.Path("/proc/self/cgroup").read_text().splitlines()]
    unified = [path for number, what, path in lines if number == "0" and not what and path != "/"]
    others = [path for _, _, path in lines if path != "/"]
    return (unified + others + ["/"])[0]


FIELDS = "uid,user,ppid,exe,cmdline,cgroup,container"


@test
@in_real_time
def fields_of_real_clients():
    bucket = bucket_for()
    container = re.search(r"[0-9a-f]{64}", own_cgroup())
    with Tracer(["--bucket", bucket, "--fields", FIELDS]) as tracer:
        for argv in (curl(bucket), curl(bucket, scheme="http"), wget(bucket), python(bucket)):
            row = row_of(tracer, run(argv))
            exe = os.path.realpath(subprocess.check_output(["which", argv[0]], text=True).strip())
            line = re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), row["cmdline"] or "")
            want = {"uid": 0, "user": pwd.getpwuid(0).pw_name, "ppid": os.getpid(), "exe": exe,
                    "cgroup": own_cgroup(), "container": container and container[0]}
            knows(row)
            for key, value in want.items():
                expect(row[key] == value, f"{argv[0]}: {key} is {row[key]!r}, not {value!r}")
            expect(line == " ".join(argv), f"{argv[0]}: cmdline is {row['cmdline']!r}")
            expect("target" not in row and "labels" not in row, f"{argv[0]}: a target in {row}")
        nobody = pwd.getpwnam("nobody")
        row = row_of(tracer, run(python(bucket), user=nobody.pw_uid))
        expect((row["uid"], row["user"]) == (nobody.pw_uid, "nobody"),
               f"uid {row['uid']}, user {row['user']}")


@test
@in_real_time
def secrets_on_command_lines_are_masked():
    bucket = bucket_for()
    argv = curl(bucket, key="k?X-Amz-Signature=hushhush&X-Amz-Security-Token=hushhush&a=b",
                scheme="http", more=["-H", "Authorization: AWS4 hushhush", "-u", "me:hushhush"])
    with Tracer(["--bucket", bucket, "--fields", "cmdline"]) as tracer:
        rows = [row_of(tracer, run(argv)),
                row_of(tracer, run(python(bucket, 1, ["--secret-key", "hushhush", "--token=hushhush",
                                                      "AWS_SECRET_ACCESS_KEY=hushhush"])))]
    for row in rows:
        knows(row)
        expect("hush" not in str(row) and row["cmdline"].count("***") >= 3,
               f"cmdline is {row['cmdline']!r}")
    expect("&a=b" in rows[0]["cmdline"], f"too much is masked: {rows[0]['cmdline']!r}")


@test
@in_real_time
def the_container_of_a_cgroup():
    """A control group with a container's name, where this machine lets us make one."""
    ident = os.urandom(32).hex()
    groups = [pathlib.Path(base) / f"docker-{ident}.scope"
              for base in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
              if os.path.exists(f"{base}/cgroup.procs")]
    bucket = bucket_for()
    for group in groups:
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            with Tracer(["--bucket", bucket, "--fields", "container,cgroup"]) as tracer:
                script = f'echo $$ > {group}/cgroup.procs && exec "$@"'
                row = row_of(tracer, run(["sh", "-c", script, "sh", *curl(bucket)]))
            harness.expect_in_time(row["cgroup"] is not None, f"pid {row['pid']}: no control group")
            expect(row["container"] == ident and row["cgroup"].endswith(group.name),
                   f"container {row['container']}, cgroup {row['cgroup']}")
        finally:
            group.rmdir()
        return
    print("# no control group can be made here: the container was not looked for")


@test
@in_real_time
def other_outputs_and_a_command():
    bucket = bucket_for()
    path = write("outputs.yml", "targets:\n" + target("job", "comm", "curl", "{a: b, c: d}"))
    args = ["--targets", path, "--fields", "ppid"]
    for output, piece in (("table", r" curl +job +\d+ +GetObject "), ("simple", r" target=job$")):
        status, out, err = run_tracer(["--output", output, *args, "--", *curl(bucket)])
        expect(status == 0 and re.search(piece, out, re.M), f"{output}: {status} {out!r} {err!r}")
    status, out, err = run_tracer(["--output", "csv", *args, "--", *curl(bucket)])
    rows = list(csv.DictReader(io.StringIO(out)))
    expect(len(rows) == 1, f"csv: {out!r} {err!r}")
    expect((rows[0]["target"], rows[0]["labels"]) == ("job", "a=b;c=d"), f"csv: {rows[0]}")
    status, out, err = run_tracer(["--json", *args, "--", *curl(bucket)])
    rows = json_rows(out)
    expect(len(rows) == 1, f"{len(rows)} rows: {err}")
    is_labelled(rows[0], "job", {"a": "b", "c": "d"})
