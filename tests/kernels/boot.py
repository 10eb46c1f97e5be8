#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boots the kernels that Debian has for this release, and runs end-to-end tests on each; with
arguments, on those only whose names contain one of them.

A kernel's package is only unpacked, never installed. qemu emulates the machine, so no
virtualisation is needed, and everything takes ten times as long: the tests are a few. The host's
files are the guest's, read-only, under an overlay in its memory; for another processor, those of
a directory that was made for it (arm64.py). The newest kernel is told to be preemptible everywhere
(preempt=full); the newest real-time one is, and its spin locks sleep (PREEMPT_RT). Ends with
"N passed, N failed"."""
import collections
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import golang  # noqa: E402
import arm64  # noqa: E402

WORK = ROOT / "build" / "kernels"
MEMORY_MB = 2000
BOOT_S = 900  # and all of its tests
LAST_WORDS = 40  # lines that are shown of one that does not end: the kernel's own among them

# Whatever can differ: the verifier's rules for each program, how it is attached, how events come.
TESTS = ("program.either_buffer", "program.command_and_its", "cases.01-expect-python",
         "libraries.gnutls_send", "libraries.nss_send", "libraries.s2n_send", "golang.stripped_pie",
         "http2.eight_in_parallel", "names.curl_waits")
# ... and what only a preemptible one does; of another processor its registers, system calls and
# functions are what matters.
TESTS_X86 = (*TESTS, "preemption.")
TESTS_ARM64 = (*TESTS, "tlsonly.openssl", "tlsonly.gnutls", "tlsonly.s2n", "tlsonly.nss")

# Kernels of a later version, and what they are told.
LATER = ((r"linux-image-[0-9.]+\+deb[0-9]+-amd64-unsigned", "preempt=full"),
         (r"linux-image-[0-9.]+\+deb[0-9]+-rt-amd64-unsigned", ""))

# In this order: each needs those before it.
MODULES = ("drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_modern_dev",
           "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci", "fs/netfs/netfs",
           "fs/fscache/fscache", "net/9p/9pnet", "net/9p/9pnet_virtio", "fs/9p/9p",
           "fs/overlayfs/overlay")


# root: the directory that the guest has as its own, project: where this is in there; qemu: what
# its machine is.
Machine = collections.namedtuple("Machine", "root project busybox qemu console tests")

X86 = Machine(pathlib.Path("/"), ROOT, "/bin/busybox",
              ("qemu-system-x86_64", "-smp", "1"), "ttyS0", TESTS_X86)
ARM64 = Machine(arm64.WORK / "root", "/" + arm64.TREE, arm64.WORK / "root" / "bin" / "busybox",
                ("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2"),
                "ttyAMA0", TESTS_ARM64)


class Failure(Exception):
    """One sentence."""


def output(*argv, **more):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def newest(pattern):
    """The names of packages that match, of the last version: one or none."""
    found = output("apt-cache", "search", "--names-only", f"^{pattern}$").split()
    return sorted((x for x in found if re.fullmatch(pattern, x)),
                  key=lambda x: [int(n) for n in re.findall(r"\d+", x)])[-1:]


def packages():
    """(package, what its kernel is told): the release's own kernel, and the newest of a later
    version that it has, of each kind."""
    own = re.findall(r"Depends: (linux-image-\S+)", output("apt-cache", "depends", "linux-image-amd64"))
    if not own:
        raise Failure("apt-cache knows no linux-image-amd64")
    return [(own[0], ""), *((name, options) for pattern, options in LATER for name in newest(pattern))]


def current_packages():
    """The same, of up-to-date lists, unless all of them are here: old versions go away."""
    try:
        names = packages()
        if all((WORK / name / "done").exists() for name, _ in names):
            return names
    except Failure:
        pass
    output("apt-get", "update", "-qq")
    return packages()


def unpack(package):
    """Where it is unpacked."""
    where = WORK / package
    if not (where / "done").exists():
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir(parents=True)
        output("apt-get", "download", "-q", package, cwd=where, stderr=subprocess.DEVNULL)
        for file in where.glob("*.deb"):
            output("dpkg-deb", "-x", str(file), str(where))
            file.unlink()
        (where / "done").touch()
    return where


def only(paths, what):
    found = list(paths)
    if not found:
        raise Failure(f"there is no {what}")
    return found[0]


GUEST = """\
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PREEMPTION_SECONDS=8
mount -t tracefs none /sys/kernel/tracing
echo "kernel $(uname -r)"
cd '{project}' && exec /usr/bin/python3 tests/e2e/run.py {tests}
"""


def initial_files(machine, kernel):
    """A cpio archive: busybox, modules, and what is run in the guest."""
    where = WORK / "initial"
    shutil.rmtree(where, ignore_errors=True)
    for name in ("bin", "mod", "proc", "sys", "dev", "lower", "over", "root"):
        (where / name).mkdir(parents=True)
    shutil.copy(machine.busybox, where / "bin" / "busybox")
    (where / "bin" / "sh").symlink_to("busybox")
    shutil.copy(HERE / "init", where)
    (where / "init").chmod(0o755)
    (where / "guest.sh").write_text(GUEST.format(
        project=machine.project, tests=" ".join(machine.tests)))
    (where / "modules").write_text("\n".join(os.path.basename(m) for m in MODULES))
    tree = only(kernel.glob("**/lib/modules/*/kernel"), "module in the package")
    for name in MODULES:
        for file in (tree / f"{name}.ko", tree / f"{name}.ko.xz"):
            if file.exists():
                shutil.copy(file, where / "mod")
    for file in (where / "mod").glob("*.xz"):
        output("unxz", str(file))
    names = "".join(f"{path.relative_to(where)}\n" for path in sorted(where.rglob("*")))
    archive = WORK / "initial.cpio"
    with open(archive, "wb") as out:
        subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], input=names.encode(), stdout=out,
                       stderr=subprocess.DEVNULL, cwd=where, check=True)
    return archive


def boot(machine, name, kernel, options):
    """Runs the tests there, and says what they say. Returns how many passed and failed; None if
    the machine stopped before they ended."""
    image = only(kernel.glob("boot/vmlinuz-*"), f"kernel in {name}")
    initial = initial_files(machine, kernel)
    argv = ["timeout", "--kill-after=5", str(BOOT_S), *machine.qemu, "-m", str(MEMORY_MB),
            "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot",
            "-nic", "none", "-kernel", str(image), "-initrd", str(initial),
            "-append", f"console={machine.console} quiet mitigations=off {options}",
            "-fsdev", f"local,id=host,path={machine.root},security_model=none,readonly=on,"
                      "multidevs=remap",
            "-device", "virtio-9p-pci,fsdev=host,mount_tag=host"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    result, last = None, collections.deque(maxlen=LAST_WORDS)
    try:
        for line in process.stdout:
            line = line.strip()
            last.append(line)
            sums = re.fullmatch(r"(\d+) passed, (\d+) failed", line)
            if sums:
                result = int(sums[1]), int(sums[2])
            elif re.match(r"(kernel|ok|FAIL|#) ?", line):
                print(f"{image.name.removeprefix('vmlinuz-')}: {line}", flush=True)
    finally:
        process.terminate()  # timeout passes it on
        process.wait()
    if not result:
        print(f"# {name}: the tests did not end; its last words:", *last, sep="\n#  ", flush=True)
    return result


def machines():
    """What can be booted: (machine, name, what it is told, what makes it ready and returns the
    directory of its kernel's package)."""
    for package, options in current_packages():
        yield X86, package, options, lambda package=package: unpack(package)
    yield ARM64, "arm64", "", arm64.prepare


def main(patterns):
    passed = failed = 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        golang.build("stripped_pie")  # a compiler takes very long there
        for machine, name, options, prepare in machines():
            if patterns and not any(pattern in name for pattern in patterns):
                continue
            kernel = prepare()
            # One boot of dozens stopped, and no test had said that anything is wrong: its last
            # words are shown, and what stops twice has failed.
            some = boot(machine, name, kernel, options) or boot(machine, name, kernel, options)
            if not some:
                print(f"FAIL {name}: it stopped twice before its tests ended")
            passed, failed = [a + b for a, b in zip((passed, failed), some or (0, 1))]
    except (Failure, OSError, subprocess.CalledProcessError) as error:
        print(f"FAIL kernels: {error}")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or not passed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
