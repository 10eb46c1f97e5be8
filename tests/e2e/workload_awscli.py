#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The AWS CLI doing every S3 operation ITERATIONS times, on a bucket that exists.

Each command is a process of its own, LANES of them at a time. In the first iteration that is
/usr/bin/aws; it takes a second to start, so in the others it is a fork that has the CLI loaded.
The CLI's plug-in mechanism loads clientlog.py, which records what it does."""
import argparse
import json
import os
import sys
import tempfile

import awscli.clidriver

import lanes

MIB = 1 << 20
SMALL, LARGE = 1021, 11 * MIB + 7
AWS = "/usr/bin/aws"
LANES = 2
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
        self.driver = awscli.clidriver.create_clidriver()
        self.fresh = False  # whether to start the program itself

    def main(self):
        return self.driver.main(sys.argv[1:])

    def run(self, *args, refused=False, **env):
        argv = [AWS, "--endpoint-url", self.endpoint, *args]
        status, said = lanes.run(None if self.fresh else self.main, argv, env)
        if (status != 0) != refused:
            raise SystemExit("aws %s: status %d, %s" % (" ".join(args), status, said))

    def api(self, operation, *args, **more):
        self.run("s3api", operation, "--bucket", self.bucket, *args, **more)


def iteration(cli, i):
    """The s3 commands do several requests in one process, which takes the CLI a second to start:
    cp is PutObject and a multipart upload, sync is ListObjectsV2 and GetObject, whole and in
    ranges, mv is HeadObject, CopyObject and DeleteObject."""
    cli.fresh = i == 0
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
        if not lanes.spread(lambda i: iteration(cli, i), args.iterations, LANES):
            sys.exit("not every command did what it must")


if __name__ == "__main__":
    main()
