#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The AWS CLI doing every S3 operation ITERATIONS times, on a bucket that exists.

Each command is a process of its own, JOBS of them at a time; the CLI's plug-in
mechanism loads clientlog.py into it, which records what it does."""
import argparse
import concurrent.futures
import json
import os
import subprocess
import tempfile

MIB = 1 << 20
SMALL, LARGE = 1021, 11 * MIB + 7
AWS = "/usr/bin/aws"
JOBS = 3
CONFIG = """\
[default]
s3 =
  addressing_style = {style}
  multipart_threshold = 5MB
  multipart_chunksize = 5MB
[plugins]
cli_legacy_plugin_path = {here}
log = clientlog
"""


class Cli:
    def __init__(self, endpoint, bucket, where):
        self.endpoint, self.bucket, self.where = endpoint, bucket, where

    def run(self, *args, refused=False, **env):
        done = subprocess.run([AWS, "--endpoint-url", self.endpoint, *args],
                              env={**os.environ, **env}, capture_output=True, cwd=self.where)
        if (done.returncode != 0) != refused:
            raise SystemExit("aws %s: status %d, %s"
                             % (" ".join(args), done.returncode, done.stderr.decode()))

    def api(self, operation, *args, **more):
        self.run("s3api", operation, "--bucket", self.bucket, *args, **more)


def iteration(cli, i):
    """The s3 commands do several requests in one process, which takes the CLI a second to start:
    cp is PutObject and a multipart upload, sync is ListObjectsV2 and GetObject, whole and in
    ranges, mv is HeadObject, CopyObject and DeleteObject."""
    prefix = "aws/%02d/" % i
    folder = "s3://%s/%s" % (cli.bucket, prefix)
    here, back = (os.path.join(cli.where, "%s.%d" % (name, i)) for name in ("here", "back"))
    os.mkdir(here)
    with open(os.path.join(here, "small"), "wb") as f:
        f.write(os.urandom(SMALL + i))
    os.link(os.path.join(cli.where, "big"), os.path.join(here, "large file"))

    cli.run("s3", "cp", "--quiet", "--recursive", here, folder)
    cli.run("s3", "sync", "--quiet", folder, back)
    cli.run("s3", "mv", "--quiet", folder + "small", folder + "copy")
    cli.api("get-object", "--key", prefix + "none", back + ".none", refused=True)
    cli.api("get-object", "--key", prefix + "copy", back + ".none", refused=True,
            AWS_ACCESS_KEY_ID="NOBODY")
    cli.api("delete-objects", "--delete", json.dumps({"Objects": [{"Key": prefix + "large file"}]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--iterations", type=int, default=23)
    parser.add_argument("--style", choices=("path", "virtual"), default="path")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as where:
        config = os.path.join(where, "config")
        with open(config, "w") as f:
            f.write(CONFIG.format(style=args.style, here=os.path.dirname(os.path.abspath(__file__))))
        os.environ["AWS_CONFIG_FILE"] = config
        with open(os.path.join(where, "big"), "wb") as f:
            f.write(os.urandom(LARGE))
        cli = Cli(args.endpoint, args.bucket, where)
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            for _ in pool.map(lambda i: iteration(cli, i), range(args.iterations)):
                pass


if __name__ == "__main__":
    main()
