#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""s3cmd doing every S3 operation ITERATIONS times, on a bucket that exists.

Each command is a process of its own, LANES of them at a time: s3cmd_logged.py, started in the
first iteration, forked with s3cmd loaded in the others."""
import argparse
import os
import sys
import tempfile
from urllib.parse import urlsplit

import lanes
import s3cmd_logged

MIB = 1 << 20
SMALL, LARGE = 1021, 11 * MIB + 7
LANES = 2
CONFIG = """\
[default]
access_key = S3RVER
secret_key = S3RVER
host_base = {host}
host_bucket = {host}
use_https = {https}
ca_certs_file = {ca}
check_ssl_certificate = True
multipart_chunk_size_mb = 5
progress_meter = False
stats = False
"""


class S3cmd:
    def __init__(self, config, bucket, where):
        self.config, self.bucket, self.where = config, "s3://%s/" % bucket, where
        self.main = s3cmd_logged.program()
        self.fresh = False  # whether to start the program itself

    def run(self, *args, refused=False):
        argv = ["-c", self.config, *args]
        if self.fresh:
            status, said = lanes.run(None, [sys.executable, s3cmd_logged.__file__, *argv])
        else:
            status, said = lanes.run(self.main, [s3cmd_logged.S3CMD, *argv])
        if (status != 0) != refused:
            raise SystemExit("s3cmd %s: status %d, %s" % (" ".join(args), status, said))


def iteration(s3, i):
    s3.fresh = i == 0
    folder = s3.bucket + "s3cmd/%02d " % i
    small, large, copy, none = (folder + n for n in ("small file", "large", "copy", "none"))
    back = os.path.join(s3.where, "back.%d" % i)
    path = os.path.join(s3.where, "small.%d" % i)
    with open(path, "wb") as f:
        f.write(os.urandom(SMALL + i))

    s3.run("put", path, small)
    s3.run("put", os.path.join(s3.where, "big"), large)
    s3.run("get", "--force", large, back)
    s3.run("ls", folder)
    s3.run("cp", "--acl-private", large, copy)
    s3.run("get", "--force", none, back, refused=True)
    s3.run("get", "--force", small, back, "--access_key=NOBODY", refused=True)
    s3.run("del", small)
    s3.run("del", "--recursive", "--force", folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--iterations", type=int, default=23)
    args = parser.parse_args()
    url = urlsplit(args.endpoint)
    with tempfile.TemporaryDirectory() as where:
        config = os.path.join(where, "s3cfg")
        with open(config, "w") as f:
            f.write(CONFIG.format(host=url.netloc, https=url.scheme == "https",
                                  ca=os.environ["SSL_CERT_FILE"]))
        with open(os.path.join(where, "big"), "wb") as f:
            f.write(os.urandom(LARGE))
        s3 = S3cmd(config, args.bucket, where)
        if not lanes.spread(lambda i: iteration(s3, i), args.iterations, LANES):
            sys.exit("not every command did what it must")


if __name__ == "__main__":
    main()
