#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a request costs with each TLS library, and Go's, beside an empty probe at the same points.

A client asks for 1 KiB over one kept connection, in a closed loop, pinned to one CPU with its
server. Its own CPU time is what counts, in the kernel or out of it: probes run there, and what
else happens on the machine does not - but for the speed of the CPU, which on a shared one is
now this, now that: so the best fifth of each loop counts, and what is added is the difference
to the untraced loop of the same round. In turns:

  untraced   nothing is attached
  empty      a BPF program of two instructions at every point that s3slower would plant in this
             library: what the kernel takes for itself
  s3slower   ./s3slower --mode LIBRARY: the points with our programs, and a line for each request

The numbers are microseconds of CPU a request, medians over the rounds. "ratio" is what s3slower
adds divided by what the empty program adds, "?" where that is lost in the noise. All raw numbers
are printed. A Go program has no return probes: each of its return instructions has one like the
entry's. With arguments, only these libraries are measured.
"""
import glob
import mmap
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import bench
from bench import CPUS, ROOT, S3SLOWER, Unmeasured, child, environment

LAYER = ROOT / "build" / "lab" / "layer"
ROUNDS = 3 if bench.QUICK else 9
LOOP_S = 0.3 if bench.QUICK else 0.4
NOISE_US = 0.5
EXTENSION = glob.glob("/usr/lib/python3/dist-packages/_awscrt*.so")
PYTHON = glob.glob("/usr/lib/*-linux-gnu/libpython3.*.so.1.0")
GO = bench.BIN / "goloop"
# What the names of its files begin with, and the client.
LIBRARIES = {"openssl": ("libssl.so", [LAYER, "openssl"]),
             "gnutls": ("libgnutls.so", [LAYER, "gnutls"]),
             "nss": ("libssl3.so", [LAYER, "nss"]),
             "s2n": ("_awscrt", [LAYER, "s2n"]),
             "gotls": (GO.name, [GO])}


def tracing(library):
    """A library is found where it is installed, a program when it runs: too late for us."""
    by_hand = ["--library", f"gotls:{GO}"] if library == "gotls" else []
    return [S3SLOWER, "--mode", library, *by_hand]


def words_of(library, server):
    """What runs the client, once more each time."""
    client = LIBRARIES[library][1]
    more = [str(server.port), "loop"] if client[0] == LAYER else [str(server.port)]
    return [*client, *more, str(LOOP_S), "/bucket/1024/key"]


def loop(library, server):
    """Microseconds of the client's CPU that a request takes in the best fifth of the time."""
    one = {CPUS[-1]}
    os.sched_setaffinity(server.process.pid, one)
    env = environment()
    if EXTENSION and PYTHON:
        env.update(S2N_LIBRARY=EXTENSION[0], PYTHON_LIBRARY=PYTHON[0])
    process = subprocess.Popen(words_of(library, server), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env,
                               preexec_fn=child(one))
    out, err = process.communicate("\n", timeout=30)
    if process.returncode:
        raise Unmeasured(f"{library}: the client ended with {process.returncode}: {err.strip()}")
    return int(out.split("\n")[1].split()[2]) / 1000


def with_empty(library, server):
    path, where = bench.points(tracing(library), LIBRARIES[library][0])
    process = subprocess.Popen([bench.BIN / "empty", path, *(x for p in where for x in p)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=environment(),
                               preexec_fn=child())
    try:
        if not process.stdout.readline():
            raise Unmeasured(f"{library}: the empty program: {process.stderr.read().strip()}")
        return loop(library, server)
    finally:
        process.communicate()


def with_ours(library, server):
    column = bench.Column("s3slower", [*tracing(library), "-o", "/dev/null"])
    with bench.Tracer(column) as tracer:
        tracer.pin(CPUS[:-1] or CPUS)
        took = loop(library, server)
        tracer.stop()
        if not tracer.counted("shown"):
            raise Unmeasured(f"{library}: s3slower saw no request")
    return took


def measure(library, server):
    untraced, empty, ours = [], [], []
    for _ in range(ROUNDS):
        untraced.append(loop(library, server))
        empty.append(with_empty(library, server))
        ours.append(with_ours(library, server))
    by_empty, by_ours = (statistics.median(x - base for x, base in zip(column, untraced))
                         for column in (empty, ours))
    ratio = f"{by_ours / by_empty:.2f}" if by_empty >= NOISE_US else "?"
    medians = [statistics.median(column) for column in (untraced, empty, ours)]
    print("{:8} {:9.1f} {:8.1f} {:9.1f} {:12.1f} {:14.1f} {:>6}".format(
        library, *medians, by_empty, by_ours, ratio), flush=True)
    return [(name, " ".join(f"{x:.1f}" for x in numbers)) for name, numbers in
            (("untraced", untraced), ("empty", empty), ("s3slower", ours))]


def main():
    if os.geteuid():
        sys.exit("bench: tracing needs root: sudo make bench")
    print("Cost of a request with each TLS library, us of the client's CPU")
    print(f"{'':8} {'untraced':>9} {'empty':>8} {'s3slower':>9} {'empty adds':>12} "
          f"{'s3slower adds':>14} {'ratio':>6}")
    raw, status, server = {}, 0, None
    with tempfile.TemporaryDirectory(prefix="s3slower-bench.") as temp:
        bench.TEMP = pathlib.Path(temp)
        held = None
        try:
            server = bench.Server("server-static", *bench.certificate())
            if EXTENSION:  # s3slower finds it where a program has it mapped
                with open(EXTENSION[0], "rb") as file:
                    held = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ | mmap.PROT_EXEC)
            for library in sys.argv[1:] or LIBRARIES:
                try:
                    raw[library] = measure(library, server)
                except Unmeasured as why:
                    print(f"{library:8} NOT MEASURED: {why}")
                    status = 1
        except Unmeasured as why:
            print(f"NOT MEASURED: {why}")
            status = 1
        finally:
            if server:
                server.stop()
            if held:
                held.close()
    for library, columns in raw.items():
        for name, numbers in columns:
            print(f"  {library} {name}: {numbers}")
    return status


if __name__ == "__main__":
    sys.exit(main())
