# SPDX-License-Identifier: Apache-2.0
"""A root directory for an emulated arm64 machine: Debian's packages of that architecture, only
unpacked, and this project, cross-built against them, in /s3slower."""
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "kernels" / "arm64"
TREE = "s3slower"  # in the root directory

# What is needed to build and to run; all that these depend on comes along.
PACKAGES = """
    linux-image-arm64 base-files busybox-static coreutils dash bash grep sed mount procps util-linux
    libc6-dev linux-libc-dev libbpfcc-dev libbpf-dev libelf-dev libcapstone-dev libjansson-dev
    libyaml-dev libnghttp2-dev libssl-dev libgcc-12-dev python3 python3-awscrt curl openssl
    libcurl3-gnutls libcurl3-nss nss-plugin-pem libpython3.11 nginx-light""".split()

APT = """\
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Install-Recommends "false";
Dir::State "{work}/state";
Dir::State::status "{work}/state/status";
Dir::Cache "{work}/cache";
"""


def run(*argv, **more):
    subprocess.run([str(a) for a in argv], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, **more)


def download():
    """The packages, with lists of their own: this machine's package manager learns nothing."""
    for path in ("state/lists/partial", "cache/archives/partial"):
        (WORK / path).mkdir(parents=True, exist_ok=True)
    (WORK / "state" / "status").touch()
    config = WORK / "apt.conf"
    config.write_text(APT.format(work=WORK))
    env = {**os.environ, "APT_CONFIG": str(config)}
    run("apt-get", "update", "-qq", env=env)
    run("apt-get", "install", "-qq", "-y", "--download-only", *PACKAGES, env=env)
    return sorted((WORK / "cache" / "archives").glob("*.deb"))


def unpack(packages, root):
    for name in ("lib", "bin", "sbin"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in packages:
        files = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)],
                                 stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", str(root)],
                       stdin=files.stdout, check=True)
        if files.wait():
            raise subprocess.CalledProcessError(files.returncode, files.args)
    for name in ("passwd", "group", "hosts", "resolv.conf", "nsswitch.conf"):  # what installing would have made
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    for name in ("dev/shm", "dev/pts", "var/log/nginx", "var/cache"):
        (root / name).mkdir(parents=True, exist_ok=True)


def build(root):
    """The same text, made for it. What a Go compiler makes is made here, too."""
    tree = root / TREE
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, symlinks=True,
                    ignore=lambda where, _: {"build", ".git", "s3slower"}
                    if where == str(ROOT) else set())
    compiler = f"aarch64-linux-gnu-gcc --sysroot={root}"
    env = {**os.environ, "CC": compiler, "GOARCH": "arm64"}
    run("make", "-s", f"-j{os.cpu_count()}", "-C", tree, f"CC={compiler}", "all", "lab", env=env)
    run("/usr/bin/python3", "-c", "import golang; golang.build('stripped_pie')",
        cwd=tree / "tests" / "e2e", env=env)


def prepare():
    """(root directory, kernel's directory: the same)"""
    root = WORK / "root"
    if not (WORK / "done").exists():
        shutil.rmtree(root, ignore_errors=True)
        unpack(download(), root)
        shutil.rmtree(WORK / "cache")
        (WORK / "done").touch()
    build(root)
    return root
