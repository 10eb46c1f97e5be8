# SPDX-License-Identifier: Apache-2.0
"""The doctor: what it says of this machine is what the machine is, and it says why not where it
cannot; the line at the start of a run."""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess

import harness
from harness import Tracer, expect, fail, run_tracer, test

N = 23
S3_PORTS = (9000, 8333, 3900, 7480, 8080)
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]

# Connects to a port, says so, and stays: argv is the port, then a file to map, if any.
CONNECTED = r"""
import mmap, socket, sys
port, *files = sys.argv[1:]
s = socket.create_connection(("127.0.0.1", int(port)))
files = [open(f, "rb") for f in files]
maps = [mmap.mmap(f.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC) for f in files]
print("up", flush=True)
sys.stdin.readline()
"""

# The same in C, with a text that a library leaves in the programs it is linked into.
HOLDER = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
const char library[] = "/root/.cargo/registry/src/index/rustls-0.21.7/src/conn.rs";
int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[argc - 1]))};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return 1;
	puts("up");
	fflush(stdout);
	return getchar() == library[0];
}
"""


@contextlib.contextmanager
def listener():
    """A port where S3 could be served."""
    for port in S3_PORTS:
        try:
            with socket.create_server(("127.0.0.1", port)):
                yield port
                return
        except OSError:
            continue
    fail(f"none of the ports {S3_PORTS} is free")


@contextlib.contextmanager
def running(argv):
    process = subprocess.Popen(list(map(str, argv)), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, env=harness.clean_env())
    try:
        expect(process.stdout.readline() == "up\n", f"{argv[0]} did not start")
        yield process
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def diagnosis(*args, status=0, prefix=(), timeout=100):
    got, out, err = run_tracer(["doctor", "--json", *args], prefix=prefix, timeout=timeout)
    expect(got == status, f"doctor: exit status {got}, not {status}: {err}")
    expect(err == "", f"stderr: {err!r}")
    expect(out.count("\n") == 1, f"not one line: {out!r}")
    return json.loads(out)


@test
@harness.in_real_time
def this_machine():
    said = diagnosis()
    expect(said["works"] is True, said["verdict"])
    machine = {f["name"]: f for f in said["machine"]}
    expect(os.uname().release in machine["kernel"]["detail"], machine["kernel"])
    expect(f"{os.cpu_count()} CPUs" in machine["kernel"]["detail"], machine["kernel"])
    for name, finding in machine.items():
        expect(not finding["needed"] or finding["available"], f"{name}: {finding}")
    expect(machine["BTF"]["available"] == os.access("/sys/kernel/btf/vmlinux", os.R_OK), "BTF")
    expect("libbcc.so" in machine["libbcc"]["detail"], machine["libbcc"])
    for name, most in (("probe_us_emulated", 100), ("probe_us_stepped", 1000)):
        expect(0 < said[name], f"{name}: {said[name]}")
        harness.expect_in_time(said[name] < most, f"{name}: {said[name]}")


@test
def for_people():
    status, out, err = run_tracer(["doctor"])
    expect((status, err) == (0, ""), f"{status} {err!r}")
    lines = out.splitlines()
    for line in ("This machine", "Libraries", "Processes with TLS that cannot be seen"):
        expect(line in lines, f"no {line!r} in {out}")
    expect(lines[-1] == "Tracing works on this machine.", lines[-1])


@test
def a_running_client_and_its_library():
    libssl = [p for p in pathlib.Path("/usr/lib").glob("*-linux-gnu/libssl.so.3")]
    expect(libssl, "no libssl.so.3 here")
    build_id = subprocess.run(["readelf", "-n", libssl[0]], capture_output=True, text=True).stdout
    with listener() as port, running([harness.PYTHON, "-c", "import ssl\n" + CONNECTED, port]) as p:
        for args in ((), ("--pid", p.pid)):
            said = diagnosis(*args)
            used = [x for x in said["libraries"]
                    if any(u == {"pid": p.pid, "comm": "python3"} for u in x["processes"])]
            expect([x["library"] for x in used] == ["openssl"], f"{args}: {said['libraries']}")
            expect(used[0]["path"] == str(libssl[0]), used[0]["path"])
            expect(used[0]["build_id"] in build_id, used[0]["build_id"])
            expect("send +0x" in used[0]["points"] and "receive +0x" in used[0]["points"], used)
            expect(used[0]["us_per_call"] > 0, used)
            expect(not [u for u in said["unseen"] if u["pid"] == p.pid], said["unseen"])
        expect(all(u["pid"] == p.pid for x in said["libraries"] for u in x["processes"]),
               "--pid shows others")


@test
def who_cannot_be_seen():
    """A process with Java's machine, and a program with rustls in it; in a run's first lines too."""
    scratch = harness.scratch()
    jvm, source, holder = scratch / "libjvm.so", scratch / "holder.c", scratch / "holder"
    shutil.copy("/bin/true", jvm)
    source.write_text(HOLDER)
    done = subprocess.run(["gcc", "-s", "-o", holder, source], capture_output=True, text=True)
    expect(done.returncode == 0, done.stderr)
    with listener() as port, running([harness.PYTHON, "-c", CONNECTED, port, jvm]) as java, \
            running([holder, port]) as rust:
        want = {java.pid: ("python3", "JSSE"), rust.pid: ("holder", "rustls")}
        said = diagnosis()
        got = {u["pid"]: (u["comm"], u["kind"]) for u in said["unseen"]}
        for pid, what in want.items():
            expect(got.get(pid) == what, f"{what}: {said['unseen']}")
        expect(all(len(u["reason"]) > 20 for u in said["unseen"]), said["unseen"])
        with Tracer(["-d", "0.3"]) as tracer:
            tracer.process.wait(100)
        line = [x for x in tracer.stderr.splitlines() if x.startswith("probing ")]
        expect(len(line) == 1, f"not one line of coverage: {tracer.stderr!r}")
        for pid, (comm, kind) in want.items():
            expect(f"{comm} {pid} ({kind})" in line[0], line[0])


@test(timeout=900)
@harness.in_real_time
def self_test():
    """Every library that is here: 23 of 23, and the two clocks agree."""
    said = diagnosis("--self-test", timeout=300)
    expect(said["works"], f"{said['verdict']}: {said['self_test']}")
    tests = {t["file"]: t for t in said["self_test"]}
    for file in ("sockets", "libssl.so.3", "libgnutls.so.30"):
        t = tests[file]
        expect(t["tried"] and (t["sent"], t["seen"], t["problem"]) == (N, N, ""), f"{t}")
        expect(0 <= t["clock_error_us"], f"{t}")
        harness.expect_in_time(t["clock_error_us"] <= 1000, f"{t}")
        expect(t["us_per_request"] > 0 and t["us_per_request_probed"] > 0, f"{t}")
    absent = tests["libssl.so.1.1"]
    expect(absent["tried"] or "cannot be loaded" in absent["problem"], f"{absent}")


@test
def without_rights():
    """Exit status 1, one sentence last, and nothing that looks like a fault of ours."""
    argv = [*NOBODY, harness.readable_by_all(harness.S3SLOWER), "doctor"]
    done = subprocess.run(argv, capture_output=True, text=True, env=harness.clean_env(), timeout=200)
    expect(done.returncode == 1, f"exit status {done.returncode}: {done.stderr}")
    expect(done.stderr == "", f"stderr: {done.stderr!r}")
    last = done.stdout.splitlines()[-1]
    expect(last.startswith("Tracing does not work, because ") and last.endswith("run as root."),
           last)
    expect("CAP_BPF" in last and last.count(". ") == 0, last)


@test
def wrong_questions():
    for args, status in ((["doctor", "--pid", "python3"], 2), (["doctor", "--pid", "4194000"], 1),
                         (["doctor", "--pid", "1", "--pid", "2"], 2), (["doctor", "--nonsense"], 2)):
        got, out, err = run_tracer(args)
        expect((got, out) == (status, ""), f"{args}: {got} {out!r} {err!r}")
        expect(err.startswith("s3slower: ") and err.count("\n") == 1, f"{args}: {err!r}")


@test
def words():
    expect(run_tracer(["version"]).stdout == run_tracer(["--version"]).stdout, "version")
    expect(run_tracer(["help"]).stdout == run_tracer(["--help"]).stdout, "help")
    status, out, _ = run_tracer(["run", "--json", "-d", "0.1"])
    expect(status == 0, f"run: {status} {out}")
