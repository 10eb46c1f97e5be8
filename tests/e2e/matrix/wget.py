#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""wget, unsigned, which can do every method."""
import os
import re

from tool import LARGE, PART, SMALL, file_of, insist, read, repeat, run, url

SERVER_ERROR = 8  # wget's exit status for an HTTP error


def wget(*args, status=0):
    return run("wget", "-q", "--no-config", "--tries=1", "-O", "-", "--ca-certificate",
               os.environ["SSL_CERT_FILE"], "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
               *args, status=status)


def multipart(args, where, key, data):
    text = wget("--method=POST", url(args, key, "?uploads"))
    upload = re.search(rb"<UploadId>([^<]+)", text).group(1).decode()
    piece, etags = os.path.join(where, "part"), []
    for number, at in enumerate(range(0, len(data), PART), 1):
        with open(piece, "wb") as f:
            f.write(data[at:at + PART])
        head = wget("--save-headers", "--method=PUT", "--body-file=" + piece,
                    url(args, key, "?partNumber=%d&uploadId=%s" % (number, upload)))
        etags.append(re.search(rb"(?im)^etag: *(\S+)", head).group(1).decode())
    wget("--method=POST", "--body-data=<CompleteMultipartUpload>%s</CompleteMultipartUpload>"
         % "".join("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>" % part
                   for part in enumerate(etags, 1)), url(args, key, "?uploadId=" + upload))


def iteration(args, where, i):
    prefix = "matrix/%02d/" % i
    small, large, none = (prefix + n for n in ("small file", "large", "none"))
    path = file_of(where, "small", SMALL + i)
    big = read(file_of(where, "big", LARGE))

    wget("--method=PUT", "--body-file=" + path, url(args, small))
    multipart(args, where, large, big)
    # Two of one process, on one connection.
    insist(wget(url(args, small), url(args, large)) == read(path) + big,
           "read something else than was written")
    wget("--method=HEAD", url(args, small))
    wget(url(args, query="?list-type=2&prefix=" + prefix))
    wget(url(args, none), status=SERVER_ERROR)
    for key in large, small:
        wget("--method=DELETE", url(args, key))


repeat(iteration)
