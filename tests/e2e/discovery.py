# SPDX-License-Identifier: Apache-2.0
"""Which programs are seen: libraries of any place, name and mount namespace, whenever they
come; programs with a library inside; only the processes that were asked for. A request that
is made too early for the probes is a missing row."""
import contextlib
import glob
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import time

import harness
import program
from harness import Tracer, brief, expect, fail, in_real_time, run_tracer, test
from program import bucket_for, client_argv, curl, gets, keys, of, one_sentence

N = 23


def find(name):
    """The system's own copy of a library."""
    found = [p for p in glob.glob(f"/usr/lib/*-linux-gnu/{name}") + glob.glob(f"/usr/lib64/{name}")]
    expect(found, f"this machine has no {name}")
    return pathlib.Path(os.path.realpath(found[0]))


def copy(name, directory):
    """A private copy of the system's libssl: a file of its own, its own inode."""
    where = harness.scratch() / directory
    where.mkdir(exist_ok=True)
    return pathlib.Path(shutil.copy(find("libssl.so.3"), where / name))


@contextlib.contextmanager
def running(argv, **more):
    process = subprocess.Popen(list(map(str, argv)), text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=harness.clean_env(**more))
    try:
        yield process
        process.stdin.close()
        expect(process.wait(100) == 0, f"{argv[0]}: exit status {process.returncode}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def dlclient():
    return running([harness.PYTHON, harness.LAB / "dlclient.py"])


def ask(process, library, bucket, key, n=1):
    """n requests of a dlclient with that library."""
    for i in range(n):
        port = program.server().ports["https"]
        process.stdin.write(f"{library} {port} /{bucket}/{key}{i}\n")
        process.stdin.flush()
        answer = process.stdout.readline().strip()
        expect(answer == "200", f"dlclient: {answer or process.wait(100)}")


def names(key, n=N):
    return sorted(f"{key}{i}" for i in range(n))


def await_rows(tracer, wanted, where):
    """Waits for the rows of these keys. The library is attached to while its first user goes on,
    so that this one's requests can come too early on a busy machine: then, and only then, a
    missing row is a matter of time."""
    try:
        return tracer.wait(len(wanted), where=where)
    except harness.Failure as failure:
        seen = set(keys(tracer.matching(where)))
        expect(tracer.alive and seen < set(wanted), f"{failure}, of others: {seen - set(wanted)}")
        raise harness.Timing(f"{failure}: {sorted(set(wanted) - seen)[:5]}") from None


def check(tracer, bucket, wanted, via="openssl"):
    """Exactly these keys, each once."""
    rows = await_rows(tracer, wanted, of(bucket))
    harness.check_rows(rows, n=len(wanted), via=via, status=200, state="complete")
    expect(keys(rows) == sorted(wanted), brief(rows))
    return rows


# --- libraries of any place ------------------------------------------------

@test
@in_real_time
def opened_after_the_start():
    """A program that runs already opens a library whose name says nothing."""
    bucket, library = bucket_for(), copy("_bundle.cpython-311.so", "private")
    with dlclient() as process, Tracer(["--bucket", bucket]) as tracer:
        ask(process, library, bucket, "a", N)
        check(tracer, bucket, names("a"))


@test
@in_real_time
def two_copies_at_once():
    bucket = bucket_for()
    one, two = copy("libssl.so.3", "one"), copy("libssl-of-another-build.so", "two")
    with dlclient() as process, Tracer(["--bucket", bucket]) as tracer:
        for i in range(N):
            ask(process, one, bucket, f"one{i}-")
            ask(process, two, bucket, f"two{i}-")
            ask(process, "libssl.so.3", bucket, f"system{i}-")
        check(tracer, bucket, [f"{k}{i}-0" for k in ("one", "two", "system") for i in range(N)])


@test
@in_real_time
def replaced_on_disk():
    """A library upgraded under a running client: the old one and the new one are both seen, by
    a tracer that was there before and by one that comes after."""
    bucket, library = bucket_for(), copy("libssl.so.3", "upgraded")
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(dlclient())
        ask(old, library, bucket, "unseen")
        before = stack.enter_context(Tracer(["--bucket", bucket]))
        ask(old, library, bucket, "old", N)
        os.rename(copy("libssl.so.3.new", "upgraded"), library)
        ask(old, library, bucket, "deleted", N)
        after = stack.enter_context(Tracer(["--bucket", bucket]))
        new = stack.enter_context(dlclient())
        ask(new, library, bucket, "new", N)
        ask(old, library, bucket, "still", N)
        late = names("new") + names("still")
        check(before, bucket, names("old") + names("deleted") + late)
        check(after, bucket, late)


@test
@in_real_time
def written_over_in_place():
    """The same inode holds another library: probed where its functions are now. Nobody has it
    mapped meanwhile: that would crash without a tracer, too."""
    bucket, library = bucket_for(), copy("libssl.so.3", "rewritten")
    library.write_bytes(find("libgnutls.so.30").read_bytes())
    with Tracer(["--bucket", bucket]) as tracer:
        with running([harness.PYTHON, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])",
                      library]):
            pass
        time.sleep(0.3)  # attaching and detaching take their time
        inode = library.stat().st_ino
        library.write_bytes(find("libssl.so.3").read_bytes())
        time.sleep(0.3)
        expect(library.stat().st_ino == inode, "the file was not written over in place")
        with dlclient() as process:
            ask(process, library, bucket, "a", N)
        check(tracer, bucket, names("a"))


def apart(script):
    """A prefix: a mount namespace of its own, in which script prepares something."""
    return ["unshare", "-m", "sh", "-c", f'{script} && exec "$@"', "sh"]


def with_own_libssl():
    """... in which the system's libssl is a copy on a file system of its own."""
    library, where = find("libssl.so.3"), harness.scratch() / "mount"
    where.mkdir(exist_ok=True)
    return apart(f"mount -t tmpfs none {where} && cp {library} {where}/copy && "
                 f"mount --bind {where}/copy {library}")


@contextlib.contextmanager
def namespace():
    """A mount namespace in which libssl is a copy; a prefix for commands that run in it."""
    with running([*with_own_libssl(), "sh", "-c", "echo made; exec cat"]) as holder:
        expect(holder.stdout.readline() == "made\n", "a mount namespace cannot be made here")
        yield ["nsenter", "-t", holder.pid, "-m"]


def run_curl(prefix, bucket, key):
    done = subprocess.run([*map(str, prefix), *curl(bucket, key)], timeout=100,
                          env=harness.clean_env(), capture_output=True, text=True)
    expect(done.returncode == 0, f"curl: {done.stderr}")


@test
@in_real_time
def mount_namespaces_made_later():
    """Each has a library that nobody has seen. The kernel may take 20 ms and more to attach to
    what is mapped already, so the very first curl can be missed; the next ones never are."""
    bucket = bucket_for()
    with Tracer(["--bucket", bucket]) as tracer:
        for i in range(5):
            with namespace() as prefix:
                run_curl(prefix, bucket, f"first{i}")
                time.sleep(0.2)
                for k in range(3):
                    run_curl(prefix, bucket, f"next{i}-{k}")
        next_ones = [f"next{i}-{k}" for i in range(5) for k in range(3)]
        rows = await_rows(tracer, next_ones, lambda r: of(bucket)(r) and "next" in r["key"])
        first = [k for k in keys(tracer.matching(of(bucket))) if k.startswith("first")]
    harness.check_rows(rows, n=len(next_ones), via="openssl", status=200, state="complete")
    expect(keys(rows) == sorted(next_ones), brief(rows))
    expect(len(set(first)) == len(first), f"a request has two rows: {first}")
    print(f"# {len(first)} of 5 curls with a library never seen before have a row", flush=True)


def overlay():
    where = harness.scratch() / "overlay"
    where.mkdir(exist_ok=True)
    lower = find("libssl.so.3").parent
    return apart(f"mount -t tmpfs none {where} && mkdir {where}/up {where}/work && mount -t overlay "
                 f"-o lowerdir={lower},upperdir={where}/up,workdir={where}/work none {lower}")


@test
@in_real_time
def overlay_of_a_container():
    """Several files for stat(2), one for the kernel's probes: still one row a request."""
    try_it = subprocess.run([*overlay(), "true"], capture_output=True, text=True)
    if try_it.returncode:
        print(f"# this machine has no overlayfs: {try_it.stderr.strip()}", flush=True)
        return
    bucket = bucket_for()
    with Tracer(["--bucket", bucket]) as tracer:
        for i in range(N):
            prefix = overlay() if i % 2 else []
            run_curl(prefix, bucket, f"k{i}")
        check(tracer, bucket, names("k"))


def curls(n):
    """So many short curls in random order: the system's library, and one in a mount namespace
    made after the start."""
    bucket = bucket_for()
    order = [i % 2 for i in range(n)]
    random.Random(n).shuffle(order)
    with Tracer(["--bucket", bucket]) as tracer, namespace() as prefix:
        for i, own in enumerate(order):
            run_curl(prefix if own else [], bucket, f"k{i}")
        check(tracer, bucket, names("k", n))


@test
@in_real_time
def a_hundred_curls():
    curls(100)


@test(timeout=900)
@in_real_time
def a_thousand_curls():
    curls(1000)


# --- a library within a program --------------------------------------------

@test
def node():
    bucket = bucket_for([[{"answer": 200, "body": "x" * 4096}]] * N)
    argv = ["node", harness.LAB / "node.js", program.server().ports["https"],
            harness.certificates().ca, f"/{bucket}/k", N]
    with Tracer(["--bucket", bucket]) as tracer:
        with running(argv):
            pass
        for row in check(tracer, bucket, names("k")):
            expect(row["response_size"] == 4096, f"response_size {row['response_size']}")


@test
def static_program():
    """OpenSSL linked in; the file exports nothing and has kept its symbols."""
    binary = harness.scratch() / "static"
    lab = harness.LAB
    build = ["cc", "-static", "-I", harness.ROOT, "-D_GNU_SOURCE", "-pthread", "-o", binary,
             lab / "client.c", lab / "wire.c", "-lssl", "-lcrypto"]
    done = subprocess.run(list(map(str, build)), capture_output=True, text=True)
    expect(done.returncode == 0, f"cc: {done.stderr}")
    bucket = bucket_for()
    for order in ("tracer first", "program first"):
        key = order.split()[0]
        with contextlib.ExitStack() as stack:
            if order == "tracer first":
                tracer = stack.enter_context(Tracer(["--bucket", bucket]))
            process = stack.enter_context(running([binary, *client_argv("https")[1:]]))
            if order == "program first":
                tracer = stack.enter_context(Tracer(["--bucket", bucket]))
            # Others read their certificates first.
            attached = harness.scratch() / f"attached-{key}"
            process.stdin.write("\n".join([f"await {attached}", *gets(bucket, key=key)]))
            process.stdin.close()
            await_attached(tracer, binary)
            attached.touch()
            tracer.wait(N, where=of(bucket))
            rows = tracer.matching(of(bucket))
        harness.check_rows(rows, n=N, via="openssl", status=200, state="complete")
        expect(keys(rows) == names(key), brief(rows))


# --- by hand ---------------------------------------------------------------

@test
def library_by_hand():
    bucket, library = bucket_for(), copy("by-hand.so", "hand")
    with Tracer(["--bucket", bucket, "--library", f"openssl:{library}"]) as tracer:
        with dlclient() as process:
            ask(process, library, bucket, "a", N)
        check(tracer, bucket, names("a"))
    status, out, err = run_tracer(["--ebpf", "--library", f"openssl:{library}"])
    expect(status == 0 and f"{library}+0x" in out, f"--ebpf does not show it: {status} {err}")


@test
def wrong_libraries_are_one_sentence():
    text = harness.scratch() / "text"
    text.write_text("no library")
    library = copy("libssl.so.3", "wrong")
    for value, want in ((f"{library}", 2), (f"opensll:{library}", 2), (f"http:{library}", 2),
                        ("openssl:", 2), (f"openssl:{library}.none", 1), (f"openssl:{text}", 1),
                        (f"gnutls:{library}", 1), (f"openssl:{harness.scratch()}", 1),
                        ("openssl:/dev/zero", 1)):
        status, out, err = run_tracer(["--json", "--library", value], timeout=100)
        expect((status, out) == (want, ""), f"{value}: status {status}, not {want}; {out!r} {err}")
        one_sentence(err, value)


# --- which processes -------------------------------------------------------

@test
def attach_to_a_process():
    """Its rows only; with --follow those of its children, too: born before and after."""
    bucket = bucket_for()
    shell = ["sh", "-c", 'sh -c "read x; $1; true" sh "$1" & '  # this one is there already
             'while read key; do $(echo "$1" | sed "s/before/$key/"); done; wait', "sh"]
    fetch = " ".join(curl(bucket, "before")).replace("-H x-amz-content-sha256: UNSIGNED-PAYLOAD",
                                                     "-H x-amz-content-sha256:UNSIGNED-PAYLOAD")
    for follow in (True, False):
        with running([*shell[:3], shell[3], fetch]) as process, \
                Tracer(["--bucket", bucket], output=(
                    "attach", "--json", "--pid", str(process.pid),
                    *(["--follow"] if follow else []))) as tracer:
            for i in range(3):
                process.stdin.write(f"after{i}\n")
                process.stdin.flush()
            process.stdin.close()
            process.wait(100)
            time.sleep(0.3)
            tracer.stop()
        rows = tracer.matching(of(bucket))
        want = ["after0", "after1", "after2"] if follow else []
        expect([k for k in keys(rows) if k != "before"] == want, f"follow {follow}: {brief(rows)}")


@test
def attach_to_one_with_a_connection():
    mine, other = bucket_for(), bucket_for()
    with running(client_argv("https")) as a, running(client_argv("https")) as b, \
            Tracer(["--pid", a.pid], output=("attach", "--json")) as tracer:
        for process, bucket in ((a, mine), (b, other)):
            process.stdin.write("\n".join(gets(bucket)))
            process.stdin.close()
        tracer.wait(N)
    harness.check_rows(tracer.rows, n=N, pid=a.pid)


@test
def attach_to_nobody():
    for args, want in ((["attach", "--pid", "4194303"], 1), (["attach"], 2),
                       (["attach", "--pid", "some-name"], 2), (["--follow"], 2),
                       (["--watch", "12"], 2)):
        status, out, err = run_tracer(["--json", *args] if args[0] != "attach" else
                                      [*args, "--json"], timeout=100)
        expect((status, out) == (want, ""), f"{args}: status {status}, not {want}: {out!r} {err}")
        one_sentence(err, args)


@test
def watch_programs_by_name():
    """Those that run, and those that start later; nobody else."""
    bucket = bucket_for()
    named = [harness.scratch() / name for name in ("s3-watch-a", "s3-watch-b")]
    for path in named:
        shutil.copy(harness.LAB_BIN / "client", path)
    with running([named[0], *client_argv("https")[1:]]) as early, \
            Tracer(["--bucket", bucket, "--watch", "s3-watch-a,s3-watch-b"]) as tracer, \
            running([named[1], *client_argv("https")[1:]]) as late, \
            running(client_argv("https")) as other:
        for process, key in ((early, "early"), (late, "late"), (other, "other")):
            process.stdin.write("\n".join(gets(bucket, key=key)))
            process.stdin.close()
        tracer.wait(2 * N, where=of(bucket))
        time.sleep(0.3)
    rows = tracer.matching(of(bucket))
    harness.check_rows(rows, n=2 * N)
    expect(keys(rows) == sorted(names("early") + names("late")), brief(rows))


# --- the end of it ---------------------------------------------------------

def is_attached(tracer, library):
    """Whether the tracer holds a link to functions of this file."""
    for info in pathlib.Path(f"/proc/{tracer.pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            if re.search(rf"^path:\s*{re.escape(str(library))}\b", info.read_text(), re.M):
                return True
    return False


POLL = ("7 ", "271 ", "73 ")     # poll, ppoll, by architecture: the thread that reads events
EPOLL = ("232 ", "281 ", "22 ")  # epoll_wait, epoll_pwait: the one that attaches


def await_attached(tracer, library):
    """Until the tracer has attached to all of the file that it attaches to, and waits for more."""
    if not is_attached(tracer, find("libssl.so.3")):  # this kernel does not say
        time.sleep(2)
        return
    until(f"attaching to {library}", lambda: is_attached(tracer, library) and is_idle(tracer))


def is_idle(tracer):
    waits = []
    for task in pathlib.Path(f"/proc/{tracer.pid}/task").iterdir():
        try:
            waits.append((task / "syscall").read_text())
        except OSError:
            pass  # a thread that ended
    return all(any(wait.startswith(calls) for wait in waits) for calls in (POLL, EPOLL))


def until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            fail(f"{what}: not after {seconds} s")
        time.sleep(0.05)


@test
@in_real_time
def detached_when_nobody_uses_it():
    bucket, library = bucket_for(), copy("libssl.so.3", "passing")
    with Tracer(["--bucket", bucket, "--detach-after", 1]) as tracer:
        if not is_attached(tracer, find("libssl.so.3")):
            print("# this kernel does not say what a link is attached to", flush=True)
            return
        for again in range(2):
            with dlclient() as process:
                ask(process, library, bucket, f"a{again}", N)
                await_attached(tracer, library)
                time.sleep(3)
                expect(is_attached(tracer, library), "it is let go although it is used")
                ask(process, library, bucket, f"b{again}", 1)
            until("detaching", lambda: not is_attached(tracer, library))
        expect(is_attached(tracer, find("libssl.so.3")), "the system's library is let go")
        check(tracer, bucket, names("a0") + names("a1") + ["b00", "b10"])


@test
@in_real_time
def kept_while_a_child_uses_it():
    """A child uses what its parent opened, and the parent ends."""
    bucket, library = bucket_for(), copy("libssl.so.3", "inherited")
    script = ("import os, sys; sys.argv = sys.argv[1:]; import ctypes; "
              "ctypes.CDLL(sys.argv[1]); os.fork() and os._exit(0); "
              "exec(open(sys.argv[0]).read())")
    argv = [harness.PYTHON, "-c", script, harness.LAB / "dlclient.py", library]
    with Tracer(["--bucket", bucket, "--detach-after", 1]) as tracer, running(argv) as process:
        process.wait(100)
        ask(process, library, bucket, "a")
        time.sleep(4)
        ask(process, library, bucket, "b", N)
        check(tracer, bucket, names("a", 1) + names("b"))


@test
def nothing_stays_attached():
    bucket, library = bucket_for(), copy("libssl.so.3", "ended")
    for how in (signal.SIGINT, signal.SIGKILL):
        with dlclient() as process:
            tracer = Tracer(["--bucket", bucket], status=None)
            ask(process, library, bucket, "a")
            await_attached(tracer, library)
            ask(process, library, bucket, "b", N)
            tracer.wait(N, where=lambda r: of(bucket)(r) and r["key"].startswith("b"))
            ids = set()
            for info in pathlib.Path(f"/proc/{tracer.pid}/fdinfo").iterdir():
                with contextlib.suppress(OSError):
                    ids.update(re.findall(r"^prog_id:\s*(\d+)", info.read_text(), re.M))
            tracer.process.send_signal(how)
            tracer.process.wait(harness.EXIT_S)
            tracer.kill()
            expect(ids, "no BPF program was found: nothing proven")
            until("the programs' end",
                  lambda: not any(program.program_exists(int(i)) for i in ids))
            ask(process, library, bucket, "after", N)


@test
def coverage_is_said():
    """How many libraries, and in how many processes."""
    said = re.compile(r"^probing (\d+) librar(?:y|ies) in (\d+) process(?:es)?\b", re.M)

    def coverage():
        with Tracer() as tracer:
            pass
        match = said.search(tracer.stderr)
        expect(match, f"no such line: {tracer.stderr!r}")
        return tuple(map(int, match.groups()))

    library = copy("libssl.so.3", "counted")
    with dlclient() as process:
        ask(process, library, bucket_for(), "a")
        files, processes = coverage()
    expect(files >= 2 and processes >= 1, f"{files} libraries in {processes} processes")
    status, out, err = run_tracer(["-d", "0.1", "--mode", "http"])
    expect(status == 0 and not said.search(err), f"--mode http probes no library: {err}")
