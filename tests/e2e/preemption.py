# SPDX-License-Identifier: Apache-2.0
"""Clients that take one CPU from each other all the time, two of them as real-time processes:
where the kernel can be preempted, in the middle of our programs. (`make e2e-kernels` boots one
that can; elsewhere they only share the CPU.)"""
import os
import subprocess

import harness
from harness import Tracer, expect, test

SERVER = harness.ROOT / "build" / "bench" / "server-static"  # nobody can probe it
PULSE = harness.LAB_BIN / "pulse"
SECONDS = os.environ.get("PREEMPTION_SECONDS", "2")
# What each asks for, its pause in microseconds, and its priority, 0: none
CLIENTS = ((1024, 200, 0), (1025, 200, 0), (4000, 300, 50), (3000, 700, 60))


def on_one_cpu(argv):
    cpu = {max(os.sched_getaffinity(0))}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=harness.clean_env(),
                            preexec_fn=lambda: os.sched_setaffinity(0, cpu))


@test(timeout=600)
def everyone_has_its_own_bytes():
    certs = harness.certificates()
    server = on_one_cpu([SERVER, certs.cert, certs.key, "600"])
    try:
        port = server.stdout.readline().strip()
        bucket = f"pulse-{os.getpid()}-"
        with Tracer(["--mode", "openssl", "--perf-pages", 8192, "--bucket", bucket + "*"]) as tracer:
            clients = [on_one_cpu([PULSE, port, SECONDS, str(size), f"{bucket}{size}",
                                   str(pause), str(priority)])
                       for size, pause, priority in CLIENTS]
            sent = [int(c.communicate(timeout=300)[0] or 0) for c in clients]
            tracer.wait(sum(sent))
            tracer.stop()
    finally:
        server.kill()
        server.wait()
    for (size, *_), n in zip(CLIENTS, sent):
        rows = tracer.matching(lambda r: r["bucket"] == f"{bucket}{size}")
        expect(n > 23, f"the client of {size} bytes sent {n} requests")
        harness.check_rows(rows, n=n, status=200, state="complete")
        wrong = [r for r in rows if r["response_size"] != size]
        expect(not wrong, f"{len(wrong)} of {n} rows have another size: {wrong[:2]}")
        keys = {r["key"] for r in rows}
        expect(keys == {f"{size}/{i}" for i in range(n)}, f"keys of {size} are not its own")
    expect(len(tracer.rows) == sum(sent), f"{len(tracer.rows)} rows of {sum(sent)} requests")
