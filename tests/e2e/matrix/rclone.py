#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""rclone, configured by its environment."""
import os

from tool import LARGE, SMALL, file_of, insist, read, repeat, run


def iteration(args, where, i):
    ca = os.environ["SSL_CERT_FILE"]
    os.environ.pop("AWS_CA_BUNDLE", None)  # it wants a transport that rclone has made its own
    env = {"RCLONE_CONFIG": os.devnull, "RCLONE_CONFIG_S3_TYPE": "s3",
           "RCLONE_CONFIG_S3_PROVIDER": "Other", "RCLONE_CONFIG_S3_ENDPOINT": args.endpoint,
           "RCLONE_CONFIG_S3_REGION": "us-east-1", "RCLONE_CONFIG_S3_ENV_AUTH": "true",
           "RCLONE_CONFIG_S3_LIST_VERSION": "2"}

    def rclone(*words):
        return run(args.program, "--ca-cert", ca, "--retries", 1, "--low-level-retries", 1,
                   "--s3-no-check-bucket", "--s3-chunk-size", "5M", "--s3-upload-cutoff", "5M",
                   *words, env=env)

    folder = "s3:%s/matrix/%02d/" % (args.bucket, i)
    small, large, none = (folder + n for n in ("small file", "large", "none"))
    path, big = file_of(where, "small", SMALL + i), file_of(where, "big", LARGE)

    rclone("copyto", path, small)
    rclone("copyto", big, large)
    insist(rclone("cat", small) == read(path), "read something else than was written")
    rclone("copyto", large, os.path.join(where, "back"))
    rclone("lsf", folder)
    rclone("cat", none)  # it takes what is not there for an empty folder
    for key in large, small:
        rclone("deletefile", key)


repeat(iteration)
