#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What tracing costs: `sudo make bench` (about four minutes; BENCH_QUICK=1: one).

A client in C asks a server in C for objects over TLS keep-alive in a closed loop: the next request
goes out when the last answer is whole. Both are on 127.0.0.1. Where there is one connection they
share one CPU and the tracer's process has the others, so nothing overlaps: every microsecond that a
tracer adds to a call shows in the throughput, and what its process uses is told apart ("CPU us").
With many connections all of them compete for all CPUs. No network hides anything, so this is the
worst case; a real request takes milliseconds.

The columns run in turns, A B C D A B C D ..., each tracer started and stopped in every round. Hosts
like this one change their speed by two within seconds, so a traced load is compared with an
untraced one right beside it, and "kept" is the median of these ratios; a peer is compared by what
it kept of its own. Who watches TLS libraries only leaves a program alone that carries its own: under
such a tracer short loads of the client and of client-static, the same text with a libssl inside,
alternate, and how the two compare when nobody traces is measured in the same way, and taken out.
Where system calls are watched, too, untraced loads run right before and after. "of best" is the
best round divided by the best untraced one: where the two differ much, the machine was busy. All
raw numbers are printed.
Absolute numbers say more about the machine than about the tracer; only ratios are compared with
targets, and a missed target is printed, not failed: the exit status is 1 only when something could
not be measured at all.

All tracers watch the whole machine. The server carries its own libssl (server-static) and so is not
probed, like one on another machine; with "server probed" it uses the system's, and pays as well.

  s3slower            ./s3slower -o /dev/null: all TLS libraries and all system calls, a line of
                      text a request
  s3slower openssl    the same with --mode openssl: what the peers do, and so what is judged
  s3slower json       ./s3slower --json -o /dev/null: 31 fields a request
  empty probes        a BPF program of two instructions at every point of "s3slower openssl", and
                      nobody who listens: what the kernel takes for itself, on this machine. What
                      these lose no tracer with such probes can keep
  bpftrace            uprobes on SSL_write and SSL_read, one line a request: pid, comm, latency,
                      status, and the first line of what was asked: enough to say which request
                      was slow. It parses nothing: less work than ours
  bpftrace times      the same without the last two: it says that something was slow, not what.
                      Not a peer, but the least that two probes with their returns cost there
  sslsniff            Debian's sslsniff-bpfcc -g -n to /dev/null, one event a call, with the header
                      tree of probes/include in place of kernel headers

Tracer CPU is user and system time by the scheduler's own account, which is exact where utime and
stime are sampled (/proc/PID/task/*/schedstat), over a load and the 0.15 s after it.
"""
import collections
import ctypes
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build" / "bench"
S3SLOWER = ROOT / "s3slower"
QUICK = os.environ.get("BENCH_QUICK", "") not in ("", "0")

ROUNDS = 3 if QUICK else 11  # of the load that is judged
TURNS = 2 if QUICK else 3     # of the others
LOAD_S = 0.35 if QUICK else 0.6
PAIRS = 4 if QUICK else 6     # of short loads, in a round
PAIR_S = 0.1                  # each of them
BYSTANDER_S = 0.1 if QUICK else 0.3
STARTS = 3 if QUICK else 7
EXACT = 4000 if QUICK else 20000  # requests of the run whose rows are counted

READY = "Tracing S3 requests"
READY_S = 30
STOP_S = 30
PEER_STOP_S = 8  # sslsniff can swallow a SIGINT
SETTLE_S = 0.15  # the tracer's last drain
SERVER_S = 900   # the servers end by themselves after this
SMALL, LARGE = 1024, 1 << 20
MANY = 8
WIDTH = 100

CPUS = sorted(os.sched_getaffinity(0))
LIBC = ctypes.CDLL(None)
TEMP = None  # this run's directory


class Unmeasured(Exception):
    """One sentence: what could not be measured, and why."""


# --- processes -------------------------------------------------------------

def child(cpus=None):
    """Between fork and exec: end with us, listen to SIGINT whatever the shell said, run there."""
    def prepare():
        LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if cpus:
            os.sched_setaffinity(0, cpus)
    return prepare


def environment(**more):
    """Nothing that points a program elsewhere or sets the tracer."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("S3SLOWER", "BCC_", "BPFTRACE_", "LD_", "PYTHON"))}
    env.update(more)
    return env


def status_kb(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def cpu_ns(pid):
    """CPU of all threads of the process."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass  # a thread that ended
    return total


def attached(pid):
    """How many perf events and BPF links the process has open."""
    n = 0
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            n += any(kind in os.readlink(fd) for kind in ("perf_event", "bpf_link"))
        except OSError:
            pass
    return n


class Server:
    """build/bench/NAME, serving."""

    def __init__(self, name, cert, key):
        self.process = subprocess.Popen([BIN / name, cert, key, str(SERVER_S)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        env=environment(), preexec_fn=child())
        line = self.process.stdout.readline()
        if not line:
            raise Unmeasured(f"anything: build/bench/{name} did not start")
        self.port = int(line)

    def stop(self):
        self.process.kill()
        self.process.wait()


def certificate():
    cert, key = TEMP / "cert.pem", TEMP / "key.pem"
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                           "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                           "/CN=localhost", "-keyout", key, "-out", cert],
                          capture_output=True, text=True)
    if made.returncode:
        raise Unmeasured(f"anything: openssl makes no certificate: {made.stderr.strip()}")
    return cert, key


def run_client(server, connections, size, bucket, seconds=LOAD_S, requests=10_000_000,
               client="client"):
    """One load; what the client says of it, with its rate."""
    one = {CPUS[-1]} if connections == 1 else set(CPUS)
    os.sched_setaffinity(server.process.pid, one)  # threads of new connections inherit it
    done = subprocess.run([BIN / client, str(server.port), str(connections), str(seconds),
                           str(requests), str(size), bucket], capture_output=True, text=True,
                          env=environment(), preexec_fn=child(one), timeout=120)
    if done.returncode:
        raise Unmeasured(f"a load: the client ended with {done.returncode}: {done.stderr.strip()}")
    out = json.loads(done.stdout)
    out["rate"] = out["measured"] / out["seconds"]
    return out


def run_bystander():
    done = subprocess.run([BIN / "bystander", str(BYSTANDER_S)], capture_output=True, text=True,
                          env=environment(), preexec_fn=child(), timeout=60)
    if done.returncode:
        raise Unmeasured("the bystander: it ended with %d" % done.returncode)
    return json.loads(done.stdout)


# --- tracers ----------------------------------------------------------------

class Column:
    """Something that may be traced with. argv None: nothing. events: perf events and BPF links
    that the process has open once it traces; 0: it says so on stderr. peer: ours is compared with
    it. calls: it watches system calls, too, so nobody goes untraced beside it. empty: its probes
    do nothing, and so does its process."""

    def __init__(self, name, argv=None, events=0, env=None, rows=None, peer=True, calls=False,
                 empty=False):
        self.calls, self.empty = calls, empty
        self.name, self.argv, self.events, self.env, self.rows = name, argv, events, env or {}, rows
        self.ours = argv is not None and argv[0] == S3SLOWER
        self.peer = peer and argv is not None and not self.ours
        self.failed = None  # why it is left out


class Tracer:
    """A column's process, from the start to the end of tracing."""

    def __init__(self, column, output=os.devnull):
        self.column, self.summary = column, ""
        argv = [str(output) if a == "OUTPUT" else str(a) for a in column.argv]
        self.err = open(TEMP / "stderr", "w+")
        out = open(output if "OUTPUT" not in column.argv else os.devnull, "wb")
        before = time.monotonic()
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE if column.empty else subprocess.DEVNULL, stdout=out,
            env=environment(**column.env), cwd=TEMP,
            stderr=subprocess.PIPE if column.ours else self.err, preexec_fn=child())
        out.close()
        try:
            if column.ours:
                self._wait_said()
            else:
                self._wait_attached()
        except BaseException:
            self.kill()
            raise
        self.start_s = time.monotonic() - before
        self.pid = self.process.pid

    def _wait_said(self):
        said = []
        for line in self.process.stderr:  # unbuffered enough: a line is seen when it is written
            said.append(line.decode(errors="replace"))
            if READY in said[-1]:
                return
        self._fail("".join(said))

    def _wait_attached(self):
        """The peers' own words are buffered: count what they have opened."""
        deadline, last, since = time.monotonic() + READY_S, 0, time.monotonic()
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self._fail(self._said())
            n = attached(self.process.pid)
            if n != last:
                last, since = n, time.monotonic()
            elif n >= self.column.events and time.monotonic() - since > 0.3:
                return
            time.sleep(0.02)
        self._fail(f"not tracing after {READY_S} s. " + self._said())

    def _said(self):
        return (TEMP / "stderr").read_text(errors="replace")

    def _fail(self, said):
        lines = [line for line in said.strip().splitlines() if "rror" in line] or \
            said.strip().splitlines()[-1:]
        raise Unmeasured(f"{self.column.name}: it did not start: "
                         + ("; ".join(lines[:3]) or "it said nothing"))

    def load(self, *args, **kwargs):
        """One load under this tracer, with the tracer's CPU."""
        return self.during(args[1], lambda: run_client(*args, **kwargs))

    def pin(self, cpus):
        """All its threads run there; one that ends meanwhile needs no CPU."""
        for task in os.listdir(f"/proc/{self.pid}/task"):
            try:
                os.sched_setaffinity(int(task), cpus)
            except ProcessLookupError:
                pass

    def during(self, connections, loads):
        """What that returns, with the tracer's CPU meanwhile."""
        others = CPUS[:-1] if connections == 1 else CPUS
        self.pin(others or CPUS)
        before = cpu_ns(self.pid)
        out = loads()
        time.sleep(SETTLE_S)
        out["tracer_us"] = (cpu_ns(self.pid) - before) / 1000
        return out

    def stop(self):
        """SIGINT and the end; the seconds that took."""
        before = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        status = self._end_of_ours() if self.column.ours else self._end_of_peer()
        took = time.monotonic() - before
        if not self.column.ours:
            self.summary = self._said()
        self.err.close()
        if self.column.ours and status:
            raise Unmeasured(f"{self.column.name}: exit status {status}")
        return took

    def _end_of_ours(self):
        said = []
        reader = threading.Thread(target=lambda: said.append(self.process.stderr.read()))
        reader.start()
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Unmeasured(f"{self.column.name}: it did not end in {STOP_S} s") from None
        reader.join()
        self.summary = said[0].decode(errors="replace")
        return status

    def _end_of_peer(self):
        deadline = time.monotonic() + PEER_STOP_S
        while time.monotonic() < deadline:
            try:
                return self.process.wait(1)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGINT)
        self.kill()
        return None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.err.close()

    def counted(self, what):
        """A number of the summary: "12 shown, 0 lost"."""
        for part in self.summary.replace("\n", ", ").split(", "):
            if part.endswith(" " + what) and part.split()[0].isdigit():
                return int(part.split()[0])
        return None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.kill()
        elif self.process.poll() is None:
            self.stop()


BPFTRACE = """\
uprobe:LIB:SSL_write {
	if (*(uint32 *)uptr(arg1) == 0x20544547) {
		@ssl[tid] = arg0;
		@entered[tid] = nsecs;
		@line[tid] = str(arg1);
	}
}
uretprobe:LIB:SSL_write /@ssl[tid]/ {
	if ((int32)retval > 0) {
		@start[pid, @ssl[tid]] = @entered[tid];
		@asked[pid, @ssl[tid]] = @line[tid];
	}
	delete(@ssl[tid]);
	delete(@entered[tid]);
	delete(@line[tid]);
}
uprobe:LIB:SSL_read {
	@reader[tid] = arg0;
	@into[tid] = arg1;
}
uretprobe:LIB:SSL_read /@reader[tid]/ {
	$start = @start[pid, @reader[tid]];
	if ((int32)retval > 0 && $start) {
		printf("%d %s %d us %s %s\\n", pid, comm, (nsecs - $start) / 1000,
			str(@into[tid] + 9, 4), @asked[pid, @reader[tid]]);
		delete(@start[pid, @reader[tid]]);
		delete(@asked[pid, @reader[tid]]);
	}
	delete(@reader[tid]);
	delete(@into[tid]);
}
"""

BPFTRACE_TIMES = """\
uprobe:LIB:SSL_write {
	if (*(uint32 *)uptr(arg1) == 0x20544547) { @ssl[tid] = arg0; @entered[tid] = nsecs; }
}
uretprobe:LIB:SSL_write /@ssl[tid]/ {
	if ((int32)retval > 0) { @start[pid, @ssl[tid]] = @entered[tid]; }
	delete(@ssl[tid]);
	delete(@entered[tid]);
}
uprobe:LIB:SSL_read { @reader[tid] = arg0; }
uretprobe:LIB:SSL_read /@reader[tid]/ {
	$start = @start[pid, @reader[tid]];
	if ((int32)retval > 0 && $start) {
		printf("%d %s %d us\\n", pid, comm, (nsecs - $start) / 1000);
		delete(@start[pid, @reader[tid]]);
	}
	delete(@reader[tid]);
}
"""


def json_rows(path, bucket):
    keys, bad = collections.Counter(), 0
    with open(path, errors="replace") as f:
        for line in f:
            row = json.loads(line)
            if row["bucket"] == bucket:
                keys[row["key"]] += 1
                bad += row["status_code"] != 200 or row["state"] != "complete"
    return len(keys), f"{sum(keys.values()) - len(keys)} twice, {bad} not whole"


def table_rows(path, bucket):
    """TIME PID COMM OP LAT(ms) STATUS WHY BUCKET ENDPOINT PATH"""
    paths, bad = collections.Counter(), 0
    with open(path, errors="replace") as f:
        for line in f:
            row = line.split()
            if len(row) == 10 and row[7] == bucket:
                paths[row[9]] += 1
                bad += row[5] != "200"
    return len(paths), f"{sum(paths.values()) - len(paths)} twice, {bad} not whole"


def bpftrace_rows(path, _bucket):
    with open(path, errors="replace") as f:
        lines = f.readlines()
    lost = sum(int(line.split()[1]) for line in lines if line.startswith("Lost "))
    return sum(" bench-client " in line for line in lines), f"it says it lost {lost}"


def sslsniff_rows(path, _bucket):
    with open(path, errors="replace") as f:
        return sum(line.startswith("READ/RECV") and " bench-client " in line for line in f), ""


def libssl():
    """The libssl that the client uses."""
    out = subprocess.run(["ldd", BIN / "client"], capture_output=True, text=True).stdout
    for line in out.splitlines():
        if "libssl" in line and "=>" in line:
            return line.split()[2]
    raise Unmeasured("anything: the client uses no shared libssl")


def points(tracing, library):
    """Where that s3slower would plant its probes in the library whose file is called so:
    (file, [(offset, "entry"|"return"), ...])."""
    out = subprocess.run([*tracing, "--ebpf"], capture_output=True, text=True,
                         env=environment()).stdout
    found = {}
    for line in out.splitlines():
        if not line.startswith(("// tls_", "// go_")):
            continue
        _, program, where, kind = line.split()
        if program.startswith("go_"):
            kind = "entry"  # of the instruction
        path, offset = where.rsplit("+", 1)
        if os.path.basename(path).startswith(library) and "/proc/" not in path:
            found.setdefault(path, []).append((offset, kind))
    if not found:
        raise Unmeasured(f"{library}: it is not on this machine")
    # What programs load is installed; somebody may have a copy mapped.
    return min(found.items(), key=lambda item: (not item[0].startswith(("/usr/", "/lib")), item[0]))


def empty_probes():
    """build/bench/empty, at every point of --mode openssl in the installed libssl."""
    path, where = points([S3SLOWER, "--mode", "openssl"], "libssl.so")
    return Column("empty probes", [BIN / "empty", path, *(x for p in where for x in p)],
                  len(where), peer=False, empty=True)


def columns():
    ours = [S3SLOWER, "-o", "OUTPUT"]
    script, times = TEMP / "peer.bt", TEMP / "times.bt"
    script.write_text(BPFTRACE.replace("LIB", libssl()))
    times.write_text(BPFTRACE_TIMES.replace("LIB", libssl()))
    tree = TEMP / "kernel"
    shutil.copytree(ROOT / "probes" / "include", tree / "include")
    (tree / "include/linux/ptrace.h").write_text("#include <uapi/linux/ptrace.h>\n")
    (tree / "include/linux/sched.h").write_text(
        "#define TASK_COMM_LEN 16\n#define min(a, b) ((a) < (b) ? (a) : (b))\n")
    buffers = os.cpu_count()
    every = [
        Column("untraced"),
        Column("s3slower", ours, rows=table_rows, calls=True),
        Column("s3slower openssl", ours + ["--mode", "openssl"], rows=table_rows),
        Column("s3slower json", ours + ["--json"], rows=json_rows, calls=True),
        empty_probes(),
        Column("bpftrace", ["bpftrace", script], 4 + buffers, rows=bpftrace_rows),
        Column("bpftrace times", ["bpftrace", times], 4 + buffers, rows=bpftrace_rows, peer=False),
        Column("sslsniff", ["sslsniff-bpfcc", "-g", "-n"], 4 + 2 * buffers,
               {"BCC_KERNEL_SOURCE": str(tree)}, rows=sslsniff_rows),
    ]
    for column in every:
        if column.argv and not shutil.which(column.argv[0]):
            column.failed = f"{column.name}: {column.argv[0]} is not there"
    return every


# --- tables -----------------------------------------------------------------

def say(text=""):
    print(text, flush=True)


def heading(text):
    say()
    say(text)
    say("-" * min(len(text), WIDTH))


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def show(value, form):
    return "-" if value is None else format(value, form)


def of_best(values, base):
    """The best round against the best untraced round: what a busy machine disturbs least."""
    best, of = (max((v for v in some if v), default=None) for some in (values, base))
    return best / of if best and of else None


def bases(results, column, key):
    """What ran untraced beside a column: its own neighbours, or the round's."""
    return results[column.name].get(key + " beside") or results["untraced"][key]


def ratios(values, base):
    return [v / b if v is not None and b else None for v, b in zip(values, base)]


def kept_each(results, column, key):
    """What a column kept of the untraced throughput, round by round."""
    pairs = results[column.name].get(key + " pairs")
    if pairs:
        alike = median([v for of in results["untraced"][key + " pairs"] if of for v in of])
        return [median(of) / alike if of else None for of in pairs]
    return ratios(results[column.name][key], bases(results, column, key))


def throughput(results, title, key, every):
    """One line a column: the raw numbers of the rounds, and what they say."""
    heading(title)
    rounds = ROUNDS if key == "one" else TURNS
    say(f"{'':17}" + "".join(f"{i + 1:>8}" for i in range(rounds))
        + f"{'median':>9}{'kept':>8}{'of best':>9}{'added us':>10}{'CPU us':>8}")
    for column in every:
        values = results[column.name][key][:rounds]
        if not any(values):
            continue
        base = bases(results, column, key)[:rounds]
        line = f"{column.name:17}" + "".join(f"{show(v, '.0f'):>8}" for v in values) \
            + f"{show(median(values), '.0f'):>9}"
        if column.argv:
            each = kept_each(results, column, key)[:rounds]
            added = [(1 - part) / v * 1e6 if v and part else None for v, part in zip(values, each)]
            line += f"{show(median(each), '.3f'):>8}" \
                f"{show(of_best(values, base), '.3f'):>9}{show(median(added), '.1f'):>10}" \
                f"{show(median(results[column.name][key + ' cpu']), '.2f'):>8}"
        say(line)
        if column.argv and key + " beside" in results[column.name]:
            beside_it = "  untraced beside" if column.calls else "  unprobed beside"
            say(f"{beside_it:17}" + "".join(f"{show(v, '.0f'):>8}" for v in base)
                + f"{show(median(base), '.0f'):>9}")


# --- the sections -----------------------------------------------------------

LOADS = (
    # key, server, connections, size
    ("many", "elsewhere", MANY, SMALL),
    ("large", "elsewhere", 1, LARGE),
    ("both", "here", 1, SMALL),
)
CALLS = ("read", "write", "getppid")


def one_turn(column, servers, mine, number):
    """All loads under one tracer, or none."""
    def loads(load):
        sent, cpu_us = 0, 0
        for key, server, connections, size in LOADS:
            out = load(servers[server], connections, size, "bench")
            mine[key][number] = out["rate"]
            if "tracer_us" in out:
                mine[key + " cpu"][number] = out["tracer_us"] / out["sent"]
                cpu_us += out["tracer_us"]
            sent += out["sent"]
        return sent, cpu_us

    if column.argv is None:
        loads(run_client)
        mine["calls"][number] = run_bystander()
        return
    with Tracer(column) as tracer:
        if column.ours:
            time.sleep(SETTLE_S)
            mine["rest"][number] = status_kb(tracer.pid, "VmRSS") / 1024
        sent, cpu_us = loads(tracer.load)
        mine["peak"][number] = status_kb(tracer.pid, "VmHWM") / 1024
        if column.ours:
            mine["calls"][number] = run_bystander()
            time.sleep(SETTLE_S)
        mine["exit"][number] = tracer.stop()
        shown = tracer.counted("shown")
        if column.ours and not shown:
            raise Unmeasured(f"{column.name}: it showed no request of {sent}")
        if column.ours:
            mine["sent"][number], mine["shown"][number] = sent, shown
            mine["lost"][number] = tracer.counted("lost")
            mine["shown %"][number] = 100 * min(1, shown / sent)
            mine["row us"][number] = cpu_us / shown


def one_load(servers, **kwargs):
    return run_client(servers["elsewhere"], 1, SMALL, "bench", **kwargs)


def in_pairs(servers):
    """Short loads in turn: of the client that may be traced, and of the one that never is.
    "pairs": the first one's rate by the mean of the two beside it."""
    traced, untraced, sent = [], [], 0
    for i in range(PAIRS + 1):
        out = one_load(servers, seconds=PAIR_S, client="client-static")
        untraced.append(out["rate"])
        if i < PAIRS:
            out = one_load(servers, seconds=PAIR_S)
            traced.append(out["rate"])
            sent += out["sent"]
    return {"rate": median(traced), "beside": median(untraced), "sent": sent,
            "pairs": [2 * v / (a + b) for v, a, b in zip(traced, untraced, untraced[1:])]}


def between(servers, column):
    """A load under the column's tracer, between two without."""
    before = one_load(servers)["rate"]
    with Tracer(column) as tracer:
        time.sleep(SETTLE_S)
        out = tracer.during(1, lambda: one_load(servers))
        tracer.stop()
    out["beside"] = (before + one_load(servers)["rate"]) / 2
    return out


def in_pairs_under(servers, column):
    with Tracer(column) as tracer:
        time.sleep(SETTLE_S)
        out = tracer.during(1, lambda: in_pairs(servers))
        tracer.stop()
    return out


def beside(every, servers):
    """The load that is judged: one connection, and what goes untraced beside it."""
    results = {c.name: collections.defaultdict(lambda: [None] * ROUNDS) for c in every}

    for number in range(ROUNDS):
        for column in every:
            if column.failed:
                continue
            mine = results[column.name]
            progress(f"1 connection, round {number + 1} of {ROUNDS}: {column.name}")
            try:
                if column.argv is None:
                    out = in_pairs(servers)
                else:
                    out = (between if column.calls else in_pairs_under)(servers, column)
                    mine["one beside"][number] = out["beside"]
                    mine["one cpu"][number] = out["tracer_us"] / out["sent"]
            except Unmeasured as why:
                column.failed = str(why)
                continue
            mine["one"][number] = out["rate"]
            if "pairs" in out:
                mine["one pairs"][number] = out["pairs"]
            if column.argv and not column.ours and not column.empty \
                    and mine["one cpu"][number] < 0.05:
                column.failed = f"{column.name}: it used no CPU under load, so it saw nothing"
    return results


def pairs(results, every):
    """Every ratio that "kept" is made of."""
    say("\nEach pair: the client's rate by the unprobed one's beside it, round by round")
    for column in every:
        for i, of in enumerate(results[column.name].get("one pairs", [])):
            if of:
                say(f"{column.name if i == 0 else '':17}" + "".join(f"{v:7.3f}" for v in of))


def turns(every, servers, results):
    for number in range(TURNS):
        for column in every:
            if column.failed:
                continue
            progress(f"round {number + 1} of {TURNS}: {column.name}")
            if other_tracers():  # ours is not there yet
                results["untraced"]["disturbed"][number] = True
            try:
                one_turn(column, servers, results[column.name], number)
            except Unmeasured as why:
                column.failed = str(why)
            except (OSError, subprocess.TimeoutExpired) as why:
                column.failed = f"{column.name}: {why}"
    return results


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text:60}\r")
        sys.stderr.flush()


def exact_rows(every, servers):
    """A row for each request? Counted in the output itself, by keys that nobody else uses."""
    heading("2. Rows: is there one for every request?")
    say(f"{'':18}{'connections':>12}{'requests':>10}{'rows':>10}{'lost':>8}{'%':>9}  remarks")
    whole = {}
    for column in every:
        if not column.rows or column.failed:
            continue
        for n_connections in (1, MANY):
            bucket = f"rows-{os.getpid()}-{n_connections}"
            path = TEMP / "rows"
            progress(f"rows: {column.name}")
            try:
                with Tracer(column, path) as tracer:
                    out = tracer.load(servers["elsewhere"], n_connections, SMALL, bucket, 30, EXACT)
                    time.sleep(SETTLE_S if column.ours else 1)
                    tracer.stop()
                n, remarks = column.rows(path, bucket)
            except Unmeasured as why:
                column.failed = str(why)
                break
            finally:
                path.unlink(missing_ok=True)
            if column.name == "sslsniff":
                lost = sum(int(line.split()[2]) for line in tracer.summary.splitlines()
                           if line.startswith("Possibly lost "))
                remarks = f"it says it lost {lost}"
            say(f"{column.name:18}{n_connections:12}{out['sent']:10}{n:10}"
                f"{show(tracer.counted('lost'), 'd'):>8}{100 * n / out['sent']:9.2f}  {remarks}")
            whole[column.name, n_connections] = 100 * n / out["sent"]
    return whole


def starts(ours):
    heading(f"3. Start and end: {STARTS} times s3slower -o /dev/null")
    warm, cold, end, rest = [], [], [], []
    no_cache = Column("s3slower, no cache", ours.argv, env={"S3SLOWER_CACHE": "none"})
    for i in range(STARTS):
        progress(f"start {i + 1} of {STARTS}")
        with Tracer(no_cache) as tracer:
            cold.append(tracer.start_s)
            tracer.stop()
        with Tracer(ours) as tracer:
            warm.append(tracer.start_s)
            time.sleep(SETTLE_S)
            rest.append(status_kb(tracer.pid, "VmRSS") / 1024)
            end.append(tracer.stop())
    for name, values, form in (('exec to "Tracing", compiling, s', cold, ".3f"),
                               ("the same, programs from the cache, s", warm, ".3f"),
                               ("SIGINT to the end of the process, s", end, ".3f"),
                               ("resident at rest, MB", rest, ".2f")):
        say(f"{name:41}" + "".join(f"{v:>7{form}}" for v in values)
            + f"  median {median(values):{form}}")
    return cold, warm, rest


def bystander(results, every):
    heading("4. A bystander's system calls, ns each: nothing of S3, no TLS")
    say(f"{'':30}" + "".join(f"{'round ' + str(i + 1):>9}" for i in range(TURNS))
        + f"{'median':>9}{'ratio':>9}{'added':>9}")
    out = {}
    for call in CALLS:
        base = [c and c[call] for c in results["untraced"]["calls"]][:TURNS]
        for column in every:
            values = [c and c[call] for c in results[column.name]["calls"]][:TURNS]
            if not any(values):
                continue
            ratio = median(ratios(values, base))
            added = median([v - b if v and b else None for v, b in zip(values, base)])
            out[column.name, call] = ratio
            say(f"{call:10}{column.name:20}" + "".join(f"{show(v, '.0f'):>9}" for v in values)
                + f"{show(median(values), '.0f'):>9}"
                + (f"{show(ratio, '.2f'):>9}{show(added, '.0f'):>9}" if column.argv else ""))
    return out


def connections(n):
    return f"{n} connection{'' if n == 1 else 's'}"


class Verdicts:
    def __init__(self):
        self.lines, self.missing = [], []

    def add(self, what, value, form, target=None, least=True, unit="", but="", missed=""):
        """target None: told, not judged. but: what makes "met" worth less; missed: what makes
        "MISSED" no fault of ours."""
        if value is None:
            self.missing.append(what)
            self.lines.append((what, "-", "", "NOT MEASURED"))
            return
        goal = "" if target is None else f"{'>=' if least else '<'} {target:g}{unit}"
        met = "" if target is None else \
            "met" + but if (value >= target if least else value < target) else "MISSED" + missed
        self.lines.append((what, format(value, form) + unit, goal, met))

    def print(self):
        say(f"{'what':64}{'measured':>11}{'target':>11}  verdict")
        for what, value, goal, met in self.lines:
            say(f"{what:64}{value:>11}{goal:>11}  {met}".rstrip())


def judge(results, every, whole, cold, warm, rest, calls):
    verdicts = Verdicts()
    peers = [c for c in every if c.peer and any(results[c.name]["one"])]
    modes = [c for c in every if c.ours]
    empty = [c for c in every if c.empty and any(results[c.name]["one"])]

    def kept(column, key):
        return median(kept_each(results, column, key))

    def against(column, key, others=peers):
        """What it kept against the better of the others: that which it beats by less. The best
        of a round would be the luckiest one, and change from round to round."""
        return min((median(ratios(kept_each(results, column, key), kept_each(results, p, key)))
                    for p in others if any(results[p.name][key])), default=None)

    floor = kept(empty[0], "one") if empty else None
    for column in modes:
        like = column.name == "s3slower openssl"  # for like: the peers see TLS only
        shown = whole.get((column.name, 1))
        but = "" if shown is None or shown > 99.9 else ", lossy"
        for key, what, judged in (("one", "1 KiB, 1 connection", like),
                                  ("many", f"1 KiB, {connections(MANY)}", False),
                                  ("both", "1 KiB, server probed", False),
                                  ("large", "1 MiB, 1 connection", False)):
            verdicts.add(f"{column.name}: times the better peer, {what}", against(column, key),
                         ".2f", 2 if judged else None, but=but)
            for least in (c for c in every if like and c.argv and not c.ours and not c.peer
                          and any(results[c.name][key])):
                verdicts.add(f"{column.name}: times {least.name}, {what}",
                             against(column, key, [least]), ".2f")
            verdicts.add(f"{column.name}: kept of untraced, {what}", kept(column, key), ".3f",
                         0.8 if judged else None, but=but,
                         missed=f", empty probes keep {floor:.3f}" if floor else "")
            if key == "one":
                verdicts.add(f"{column.name}: the same, best round of best round",
                             of_best(results[column.name][key], results["untraced"][key]), ".3f")
    for column in modes:
        verdicts.add(f"{column.name}: tracer CPU a row, all loads of a turn",
                     median(results[column.name]["row us"]), ".2f", unit=" us")
    for column in modes:
        for n in (1, MANY):
            verdicts.add(f"{column.name}: requests that have a row, {connections(n)}",
                         whole.get((column.name, n)), ".2f", 100, unit=" %")
        verdicts.add(f"{column.name}: requests that have a row, all loads of a turn",
                     median(results[column.name]["shown %"]), ".2f", 100, unit=" %")
    verdicts.add(f'start to "{READY}", compiling', median(cold), ".3f", 0.5, False, " s")
    verdicts.add("the same, programs from the cache", median(warm), ".3f", 0.5, False, " s")
    verdicts.add("resident at rest", median(rest), ".2f", 10, False, " MB")
    verdicts.add("resident at most, after all loads",
                 max((v for c in modes for v in results[c.name]["peak"] if v), default=None), ".2f",
                 unit=" MB")
    for call in CALLS:
        verdicts.add(f"s3slower: a bystander's {call}(), times its untraced cost",
                     calls.get(("s3slower", call)), ".2f")
    heading("Verdict (ratios are medians of each round's own ratio)")
    verdicts.print()
    return verdicts


def other_tracers():
    names = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            comm = (entry / "comm").read_text().strip() if entry.name.isdigit() else ""
        except OSError:
            continue
        if comm in ("s3slower", "bpftrace", "sslsniff-bpfcc"):
            names.append(comm)
    return names


def busy():
    """Shares of CPU time in use and stolen, over a second."""
    def read():
        return [int(v) for v in open("/proc/stat").readline().split()[1:9]]
    a = read()
    time.sleep(1)
    d = [y - x for x, y in zip(a, read())]
    return 100 * (1 - (d[3] + d[4]) / max(1, sum(d))), 100 * d[7] / max(1, sum(d))


def measure():
    began = time.monotonic()
    every = columns()
    cert, key = certificate()
    used, stolen = busy()
    say(f"s3slower bench{' (quick)' if QUICK else ''}: {time.strftime('%Y-%m-%d %H:%M')}, "
        f"{platform.system()} {platform.release()}, {len(CPUS)} CPUs, {ROUNDS} rounds of "
        f"{LOAD_S:g} s a load")
    say(f"before we began: load {os.getloadavg()[0]:.2f}, CPUs {used:.0f} % in use, "
        f"{stolen:.0f} % stolen by the host"
        + (f"; OTHER TRACERS RUN: {', '.join(other_tracers())}" if other_tracers() else ""))
    servers = {}
    try:
        servers["elsewhere"] = Server("server-static", cert, key)
        servers["here"] = Server("server", cert, key)
        results = beside(every, servers)
        turns(every, servers, results)
        mine = [c for c in every if c.ours]
        for c in every:
            if c.failed:
                say(f"LEFT OUT: {c.failed}")
        disturbed = sum(map(bool, results["untraced"]["disturbed"]))
        if disturbed:
            say(f"DISTURBED: somebody else's tracer ran in {disturbed} of {TURNS} rounds")
        throughput(results, "1a. Requests per second, 1 KiB over TLS, 1 keep-alive connection",
                   "one", every)
        pairs(results, every)
        throughput(results, f"1b. The same, {MANY} connections", "many", every)
        throughput(results, "1c. The same, 1 connection, server probed, too", "both", every)
        say("\nkept: of the untraced throughput. added us: to a request. CPU us: of the tracer"
            " process,\ndivided by the requests. What a tracer loses costs it nothing: see 2.")
        whole = exact_rows(every, servers)
        heading("2b. Memory, MB, and what the summaries of the turns above said")
        for name, key in (("resident at rest", "rest"), ("resident at most", "peak")):
            for column in every:
                values = results[column.name][key]
                if any(values):
                    say(f"{name:18}{column.name:18}"
                        + "".join(f"{show(v, '.2f'):>9}" for v in values[:TURNS])
                        + f"   median {median(values):.2f}")
        for name, key, form in (("requests sent", "sent", "d"), ("rows shown", "shown", "d"),
                                ("lost", "lost", "d"), ("rows shown, %", "shown %", ".2f"),
                                ("tracer us a row", "row us", ".2f")):
            for column in mine:
                say(f"{name:18}{column.name:18}"
                    + "".join(f"{show(v, form):>9}" for v in results[column.name][key][:TURNS]))
        cold, warm, rest = starts(mine[0])
        calls = bystander(results, every)
        throughput(results, "5. Requests per second, 1 MiB over TLS, 1 connection", "large", every)
        verdicts = judge(results, every, whole, cold, warm, rest, calls)
    finally:
        for server in servers.values():
            server.stop()
    say()
    if other_tracers():
        say("Other tracers run on this machine now: " + ", ".join(other_tracers()))
    for column in every:
        if column.failed:
            say(f"LEFT OUT: {column.failed}")
    for what in verdicts.missing:
        say(f"NOT MEASURED: {what}")
    say(f"{time.monotonic() - began:.0f} s.")
    return 1 if verdicts.missing else 0


def main():
    global TEMP
    if os.geteuid():
        sys.exit("bench: tracing needs root: sudo make bench")
    TEMP = pathlib.Path(tempfile.mkdtemp(prefix="s3slower-bench."))
    try:
        return measure()
    except Unmeasured as why:
        say(f"NOT MEASURED: {why}")
        return 1
    finally:
        shutil.rmtree(TEMP, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
