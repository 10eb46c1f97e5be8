# SPDX-License-Identifier: Apache-2.0
"""Every client that can be installed, over HTTPS and over HTTP: 100 % of its operations, once each.

A row of the table is a client, a cell one test: matrix.CLIENT_SCHEME. The server's access log is
the witness of every cell (witness.py); the client's own log (clientlog.py), where it keeps one, is
the second, and has the times. A cell states what is true of the client: it fails until the tracer
knows the client's TLS library.

    make e2e-matrix                       all of it
    tests/e2e/run.py matrix.curl_https    one cell"""
import collections
import functools

import clients
import witness
from harness import PYTHON, ROOT, check_rows, expect, fail, test

HERE = ROOT / "tests" / "e2e"
SHOWN = 12  # of the requests that are wrong

# What every client does at least.
BASIC = ("PutObject", "GetObject", "HeadObject", "DeleteObject")
MULTIPART = ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
LIST, LIST_V2 = ("ListObjects",), ("ListObjectsV2",)

# argv        the workload: it gets --endpoint URL --bucket NAME --iterations N
# via         what carries it over HTTPS
# type        the client_type of its rows
# operations  what it must have done, so that an idle client does not pass
# log         whether it keeps a client log
# endpoints   to how many servers it talks at the same time
# iterations  fewer where a client takes long to start
# env         more environment
# host        for those that choose the port by themselves: the name of a server on 443 and 80
Client = collections.namedtuple(
    "Client", "argv via type operations log endpoints iterations env host",
    defaults=(BASIC + MULTIPART + LIST_V2, True, 1, 3, {}, None))


def workload(name):
    return PYTHON, HERE / ("workload_%s.py" % name)


def node(name):
    return "node", HERE / "matrix" / (name + ".mjs")


def matrix(name):
    return PYTHON, HERE / "matrix" / (name + ".py")


def built(name, *arguments):
    return ROOT / "build" / "matrix" / name, *arguments


LOGS = {"PYTHONPATH": HERE}  # for clientlog.py

# Not here: MinIO's mc and warp, s5cmd: Debian 12 has no packages of them; they are Go like rclone.
CLIENTS = {
    "curl": Client(workload("curl"), "openssl", "curl"),
    "boto3": Client(workload("boto3"), "openssl", "boto3"),
    "awscli": Client(workload("awscli"), "openssl", "aws-cli", iterations=1),
    # These two send no User-Agent.
    "s3cmd": Client(workload("s3cmd"), "openssl", None, BASIC + MULTIPART + LIST, iterations=2),
    "asyncio": Client(matrix("asyncio_client"), "openssl", None, endpoints=2, env=LOGS),
    "curl_gnutls": Client((*matrix("libcurl"), "libcurl-gnutls.so.4"), "gnutls", "curl", env=LOGS),
    "curl_nss": Client((*matrix("libcurl"), "libcurl-nss.so.4"), "nss", "curl", env=LOGS),
    "node_aws_sdk": Client(node("aws_sdk"), "openssl", "aws-sdk-js", endpoints=2),
    "node_minio": Client(node("minio"), "openssl", "minio-js", log=False, endpoints=2),
    "go_stripped": Client(built("s3go-stripped"), "gotls", "go-http-client", endpoints=2),
    "go_static": Client(built("s3go-static"), "gotls", "go-http-client", endpoints=2),
    "go_pie": Client(built("s3go-pie"), "gotls", "go-http-client", endpoints=2),
    # Named among the command's words, as in s3slower -- rclone ...: a program that nobody has
    # seen before is looked at before it starts.
    "rclone": Client((*matrix("rclone"), "--program", "/usr/bin/rclone"), "gotls", "rclone", log=False, iterations=2),
    "wget": Client(matrix("wget"), "gnutls", "wget", log=False, iterations=2),
    "libs3": Client(matrix("libs3"), "gnutls", "libs3", BASIC + LIST, log=False,
                    iterations=2),
    "s3fs": Client(matrix("s3fs"), "gnutls", "s3fs", log=False, iterations=2),
    "awscrt": Client(matrix("awscrt_client"), "s2n", "aws-crt", log=False, iterations=2,
                     host="s3.localhost"),
}


def command(client, scheme, name, log):
    server = clients.server()
    env = {**server.environ(), "CLIENT_LOG": log, "NODE_EXTRA_CA_CERTS": server.ca, **client.env}
    endpoints, inside = server.witnessed(scheme)[:client.endpoints], []
    if client.host:
        endpoints = [scheme + "://" + client.host]
        inside = clients.knowing("%s %s\n" % (server.own_address, client.host))
    return list(map(str, [
        *inside, "/usr/bin/env", "-i", *("%s=%s" % pair for pair in env.items()), *client.argv,
        *(word for url in endpoints for word in ("--endpoint", url)),
        "--bucket", name, "--iterations", client.iterations]))


def cell(client, scheme, name):
    log, trace = clients.kept(name)
    clients.new_bucket(name)
    before = len(clients.server().access_log())
    rows = clients.traced([], command(client, scheme, name, log), trace, clients.TRACED_S)

    lines = witness.served(clients.server(), before)
    done = collections.Counter(witness.meaning(line)[0] for line in lines)
    idle = [operation for operation in client.operations if not done[operation]]
    expect(not idle and any(line["status"] == 404 for line in lines),
           "the client did not do its work, but %s" % dict(done))
    found = witness.problems(lines, rows)
    if found:
        print("\n".join(found[:SHOWN]), flush=True)
        fail("%d of %d requests are wrong, missing or extra (of %d rows): %s"
             % (len(found), len(lines), len(rows), "; ".join(found[:3])))

    short = witness.too_short(lines, rows)
    expect(not short, "in the median the rows are %.3f ms shorter than the server's own wait" % short)
    check_rows(rows, via="http" if scheme == "http" else client.via, state="complete")
    types = {row["client_type"] for row in rows}
    expect(types == {client.type}, "client_type is %s, not %s" % (types, client.type))
    if client.log:
        clients.judge(name, log, rows)
    known = sum(row.get("peer_port") is not None for row in rows)
    print("# %s: %d requests, %d peers known" % (name, len(rows), known), flush=True)


for _name, _client in CLIENTS.items():
    for _scheme in ("https", "http"):
        test(functools.partial(cell, _client, _scheme,
                               "matrix-%s-%s" % (_name.replace("_", "-"), _scheme)),
             name="matrix.%s_%s" % (_name, _scheme))


# --- the witness itself --------------------------------------------------

def example():
    """Lines of the access log, and the rows that a faultless tracer would have made of them."""
    steps = [("PutObject", "PUT", "/b/a%20b", "a b", 200, 1000, 0), ("GetObject", "GET", "/b/c", "c", 200, 0, 500),
             ("HeadObject", "HEAD", "/b/c", "c", 200, 0, 0), ("GetObject", "GET", "/b/d", "d", 404, 0, 9),
             ("ListObjectsV2", "GET", "/b?list-type=2", None, 200, 0, 400),
             ("UploadPart", "PUT", "/b/e?partNumber=1&uploadId=f", "e", 200, 700, 0)]
    lines, rows = [], []
    for n, (operation, method, uri, key, status, sent, got) in enumerate(steps):
        lines.append(dict(method=method, uri=uri, host="h:1", status=status, request_id="id%d" % n,
                          header_time="0.010" if n else "-",
                          content_length=str(sent or ""), response_length=str(got), copy_source="",
                          server_address="127.0.0.1", server_port=1, client_address="127.0.0.1",
                          client_port=1000 + n))
        rows.append(dict(operation=operation, bucket="b", key=key, method=method, path=uri,
                         endpoint="h:1", status_code=status, host_id="host-id%d" % n, via="http",
                         request_id="id%d" % n, request_size=sent, response_size=got,
                         peer_address="127.0.0.1", peer_port=1, local_address=None,
                         local_port=1000 + n, latency_ms=12.0))
    return lines, rows


# How the trace is spoiled, and the first word of what the witness must say of it.
SPOILED = {
    "a hole": (lambda lines, rows: rows.pop(1), "missing"),
    "a duplicate": (lambda lines, rows: rows.append(dict(rows[1])), "2 times"),
    "a request that nobody made": (lambda lines, rows: lines.pop(1), "extra"),
    **{"another " + name: (lambda lines, rows, name=name, value=value: rows[1].update({name: value}),
                           "wrong")
       for name, value in dict(operation="HeadObject", bucket="c", key="C", method="HEAD", path="/b/C",
                               endpoint="h", status_code=206, host_id="host-id2", request_size=1,
                               response_size=499, peer_address="127.0.0.2", peer_port=2,
                               local_address="::1", local_port=1002).items()},
}


@test
def witness_complains():
    lines, rows = example()
    found = witness.problems(lines, rows)
    expect(not found, "a faultless trace is refused: %s" % found)
    expect(not witness.too_short(lines, rows), "a faultless trace is too short")
    for row in rows:
        row["latency_ms"] = 8.0
    expect(witness.too_short(lines, rows) == 1, "rows that are too short were not noticed")
    for what, (spoil, word) in SPOILED.items():
        lines, rows = example()
        spoil(lines, rows)
        found = witness.problems(lines, rows)
        expect(len(found) == 1 and found[0].startswith(word + ":"),
               "%s was not noticed as such: %s" % (what, found))
