#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Files on an S3 bucket that s3fs has mounted. The mount is seen by this process alone."""
import os
import subprocess
import sys
import tempfile
import time

from tool import LARGE, SMALL, arguments, file_of, insist, read

MOUNT_SECONDS = 60


def mounted(at):
    return os.stat(at).st_dev != os.stat(os.path.dirname(at)).st_dev


def mount(args, where, at):
    passwd = os.path.join(where, "passwd")
    with open(passwd, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write("%s:%s" % (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]))
    # It takes the CA from CURL_CA_BUNDLE, but only after a handshake without it has failed.
    options = ("url=" + args.endpoint, "use_path_request_style", "passwd_file=" + passwd,
               "multipart_size=5", "singlepart_copy_limit=64",                "sigv4", "listobjectsv2", "tmpdir=" + where, "ensure_diskfree=0")
    s3fs = subprocess.Popen(["s3fs", args.bucket, at, "-f", "-o", ",".join(options)])
    deadline = time.monotonic() + MOUNT_SECONDS
    while not mounted(at):
        insist(s3fs.poll() is None, "s3fs ended, status %s" % s3fs.returncode)
        insist(time.monotonic() < deadline, "s3fs has not mounted")
        time.sleep(0.02)
    return s3fs


def iteration(at, where, i):
    # Not in a folder: s3fs would list it again and again, and s3rver answers 500 when it lists a
    # folder in which an upload is being completed.
    small, large, none = (os.path.join(at, "%02d-%s" % (i, n)) for n in ("small", "large", "none"))
    for path, size in ((small, SMALL + i), (large, LARGE)):
        data = read(file_of(where, "source", size))
        with open(path, "wb") as f:
            f.write(data)
        insist(read(path) == data, "read something else than was written")
    insist(os.path.basename(small) in os.listdir(at), "a file is not in its folder")
    insist(not os.path.exists(none), "there is a file that was never made")
    os.unlink(large)
    os.unlink(small)


def main():
    if os.environ.get("MOUNTS") != "private":
        os.environ["MOUNTS"] = "private"
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])
    args = arguments()
    with tempfile.TemporaryDirectory() as where:
        at = os.path.join(where, "bucket")
        os.mkdir(at)
        s3fs = mount(args, where, at)
        try:
            for i in range(args.iterations):
                iteration(at, where, i)
        finally:
            subprocess.run(["umount", at], check=True)
            s3fs.wait()


main()
