#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The command-line tool of libs3, a C library over libcurl and GnuTLS. It never uploads in parts."""
import os
import sys
from urllib.parse import urlsplit

from tool import LARGE, SMALL, file_of, insist, read, repeat, run


def iteration(args, where, i):
    url = urlsplit(args.endpoint)
    env = {"S3_HOSTNAME": url.netloc, "S3_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
           "S3_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"]}
    options = ["-r", "0", *(["-u"] if url.scheme == "http" else [])]

    def s3(*words):
        return run("s3", *options, *words, env=env)

    folder = "%s/matrix/%02d-" % (args.bucket, i)
    small, large, none = (folder + n for n in ("small file", "large", "none"))
    for key, size in ((small, SMALL + i), (large, LARGE)):
        path = file_of(where, "there", size)
        s3("put", key, "filename=" + path)
        insist(s3("get", key) == read(path), "read something else than was written")
    s3("head", small)
    s3("list", args.bucket, "prefix=matrix/")
    s3("get", none)  # it says so, and ends with 0
    s3("delete", large)
    s3("delete", small)


# It knows only the system's certificates: here ours are.
if os.environ.get("MOUNTS") != "private":
    os.environ["MOUNTS"] = "private"
    os.execvp("unshare", ["unshare", "-m", "sh", "-c",
                          'mount --bind "$0" /etc/ssl/certs && exec "$@"',
                          os.path.dirname(os.environ["SSL_CERT_FILE"]), sys.executable, *sys.argv])
repeat(iteration)
