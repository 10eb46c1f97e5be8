# SPDX-License-Identifier: Apache-2.0
"""Nothing secret in any output. Servers write down what the clients of this run told them in
confidence, the harness keeps all that any tracer wrote, and the last test searches the one for
the other."""
import collections
import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import bystanders
import harness
import program
from harness import Tracer, expect, run_tracer, test

HERE = harness.ROOT / "tests" / "e2e"
SECRET_KEY = "q7Zr/wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLE"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ=="
SHOWN = 20  # characters of a secret that nobody may see: a text can be cut off
SHORTEST = 12  # what is shorter is a stand-in
SIGNATURES = {"AWS4-HMAC-SHA256": "signature of version 4", "AWS": "signature of version 2"}
HEADERS = {
    "x-amz-security-token": "session token",
    "x-amz-server-side-encryption-customer-key": "key of SSE-C",
    "x-amz-server-side-encryption-customer-key-md5": "MD5 of it",
    "x-amz-copy-source-server-side-encryption-customer-key": "key of SSE-C of a copy's source",
    "x-amz-copy-source-server-side-encryption-customer-key-md5": "MD5 of that",
}
PARAMS = {
    "x-amz-signature": "signature of version 4 in a URL",
    "signature": "signature of version 2 in a URL",
    "x-amz-security-token": "session token in a URL",
}
KINDS = {*SIGNATURES.values(), *HEADERS.values(), *PARAMS.values(), "secret key"}


def seen():
    """The secrets of this run, by kind: those that servers were told, and a few that only
    clients knew."""
    secrets = collections.defaultdict(set)
    secrets["secret key"].add(SECRET_KEY)
    secrets["session token"] |= {TOKEN, bystanders.SECRET}
    with open(harness.seen()) as file:
        for line in map(json.loads, file):
            for name, value in line["headers"].items():
                if name == "authorization":
                    scheme, _, rest = value.partition(" ")
                    value = re.split("Signature=|:", rest)[-1].strip()
                    name = SIGNATURES.get(scheme, "other authorization")
                secrets[HEADERS.get(name, name)].add(value)
            for name, value in parse_qsl(urlsplit(line["target"]).query):
                if name.lower() in PARAMS:
                    # parse_qsl() takes a plus for a blank; signers encode it
                    secrets[PARAMS[name.lower()]].add(value)
    return {kind: kept for kind, values in secrets.items()
            if (kept := {value for value in values if len(value) >= SHORTEST})}


def forms(secret):
    """What to look for: as it is, and percent-encoded; the beginning will do."""
    return {form[:SHOWN] for form in (secret, unquote(secret), quote(secret, safe=""))}


def leaks(secrets, where):
    """(kind, file) of each secret in any file below where."""
    kinds = {form: kind for kind, values in secrets.items() for value in values
             for form in forms(value)}
    with tempfile.NamedTemporaryFile("w") as patterns:
        patterns.write("\n".join(kinds))
        patterns.flush()
        done = subprocess.run(["grep", "-raoF", "-f", patterns.name, str(where)], text=True,
                              capture_output=True, env={**os.environ, "LC_ALL": "C"})
    expect(done.returncode in (0, 1), f"grep: {done.stderr}")
    found = (line.partition(":") for line in done.stdout.splitlines())
    return {(kinds[form], pathlib.Path(path).name) for path, _, form in found}


# --- clients that have all kinds of secrets -------------------------------

OUTPUTS = {
    "table": ["--wide"], "simple": ["--output", "simple"], "csv": ["--output", "csv"],
    "json": ["--json"], "pending": ["--json", "--pending=.1"], "calls": ["--json", "--calls"],
    "fields": ["--json", "--fields", "cmdline,exe,user,cgroup"],
    "cmdline": ["--fields", "cmdline"], "http": ["--json", "--all-http"],
    "bundle": ["--support-bundle", "100"], "bundle rows": ["--json", "--support-bundle", "100"],
}
COPIED = "<CopyObjectResult><ETag>\"x\"</ETag></CopyObjectResult>"
CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n"


def workload(scheme, bucket):
    """Returns how many requests there were."""
    done = subprocess.run(
        [harness.PYTHON, str(HERE / "workload_confidential.py"),
         f"{scheme}://127.0.0.1:{program.server().ports[scheme]}", harness.certificates().ca,
         bucket, "--secret-key", SECRET_KEY, "--session-token", TOKEN],
        capture_output=True, text=True, timeout=60,
        env=harness.clean_env(AWS_EC2_METADATA_DISABLED="true"))
    expect(done.returncode == 0, f"the client: {done.stderr[-1000:]}")
    return int(done.stdout)


@test
def every_kind_of_secret_meets_every_output():
    bucket = program.bucket_for({
        "echo*": [{"read": "body"}, {"echo": True}], "slow": [{"sleep_ms": 400}, {"answer": 200}],
        "put": [{"send": CONTINUE}, {"read": "body"}, {"answer": 200}],
        "copy": [{"answer": 200, "body": COPIED}], "": [{"echo": True}]}, "confidential")
    names, rows = list(OUTPUTS), []
    for names in (names[:4], names[4:8], names[8:]):
        with contextlib.ExitStack() as stack:
            paths, n = {}, 0
            for name in names:
                paths[name] = harness.scratch() / f"confidential.{name}"
                with open(paths[name], "wb") as file:
                    stack.enter_context(Tracer(["--bucket", bucket, *OUTPUTS[name]], output=(),
                                               stdout=file.fileno()))
            for scheme in ("https", "http"):
                n += workload(scheme, bucket)
        for name, path in paths.items():
            text = path.read_text()
            shown = len(re.findall(r"^  bucket  ", text, re.M)) if name == "bundle" else \
                sum(bucket in line for line in text.splitlines())
            expect(shown >= n, f"{name}: {shown} of {n} requests: {text[:2000]}")
            if name == "json":
                rows = harness.json_rows(text)
    echoes = [row for row in rows if row["error_code"] == "SignatureDoesNotMatch"]
    expect(len(echoes) == 2 * 7, f"{len(echoes)} echoes: {harness.brief(echoes)}")
    for row in echoes:
        expect(row["error_message"] and bucket in row["error_message"] and "***" in
               row["error_message"], f"no message without secrets: {row['error_message']}")


@test
def other_outputs():
    """What is looked at while a client that has secrets is there."""
    bucket = program.bucket_for([[{"hang": True}]], "confidential")
    argv = program.curl(bucket, "k?X-Amz-Signature=" + "c0ffee" * 10, more=(
        "-H", "x-amz-security-token: " + TOKEN, "--user", "AKIDEXAMPLE:" + SECRET_KEY,
        "--aws-sigv4", "aws:amz:us-east-1:s3"))
    client = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=harness.clean_env())
    try:
        for args in (["doctor"], ["doctor", "--json", "--pid", client.pid], ["--ebpf"],
                     ["--json", "-p", client.pid, "-d", ".2"]):
            done = run_tracer(args)
            expect(done.status == 0, f"{args}: {done.status}, {done.stderr}")
    finally:
        client.kill()
        client.wait()


# --- at the end -----------------------------------------------------------

@test
def a_planted_secret_is_found():
    """The search itself: each kind, alone in a file, in the ways in which it could be there."""
    secrets = seen()
    expect(KINDS <= secrets.keys(), f"never sent: {sorted(KINDS - secrets.keys())}")
    with tempfile.TemporaryDirectory() as where:
        where = pathlib.Path(where)
        (where / "clean").write_bytes(b"\xff\0 AKIDEXAMPLE us-east-1 *** \n" * 1000)
        expect(not leaks(secrets, where), f"found in nothing: {leaks(secrets, where)}")
        planted = set()
        for i, (kind, values) in enumerate(secrets.items()):
            secret = sorted(values)[0]
            for j, text in enumerate((secret, quote(secret, safe=""), json.dumps({"k": secret}),
                                      f"\x1b\0x{secret}y", secret[:SHOWN] + "...")):
                (where / f"{i}.{j}").write_text(f"before\n{text}\nafter")
                planted.add(f"{i}.{j}")
        found = {path for _, path in leaks(secrets, where)}
        expect(found == planted, f"not found: {sorted(planted - found)}, besides: "
                                 f"{sorted(found - planted)} of {list(secrets)}")


@test(timeout=300)
def nothing_secret_was_said():
    """In all that any tracer of this run wrote, wherever it went."""
    secrets = seen()
    expect(KINDS <= secrets.keys(), f"never sent: {sorted(KINDS - secrets.keys())}")
    files = list(harness.outputs().iterdir())
    size = sum(path.stat().st_size for path in files)
    expect(size > 0, "no tracer said anything")
    found = leaks(secrets, harness.outputs())
    expect(not found, f"{len(found)} leaks: {sorted(found)[:10]}")
    print("# %d secrets of %d kinds, %d outputs, %.1f MB: none" % (
        sum(map(len, secrets.values())), len(secrets), len(files), size / 1e6), flush=True)
