# SPDX-License-Identifier: Apache-2.0
"""The look-up of a name that a connection waited for, against a name server that takes its time,
and as the client itself timed it."""
import functools
import glob
import os
import shutil
import socket
import struct
import threading
import time

import harness
import libraries
from connection import a_bucket, curl, each, of, traced, within
from harness import expect, test

HOST = "s3.test"
PORT = 53  # which resolv.conf cannot change: so an address that nobody else has
SERVER = f"127.{os.getpid() >> 16 & 255}.{os.getpid() >> 8 & 255}.{os.getpid() & 255 | 1}"
DELAY_MS = 300


def answer(server, query, client):
    """Every name is 127.0.0.1, and has no IPv6 address."""
    end = query.index(b"\0", 12) + 5
    asked = struct.unpack("!H", query[end - 4:end - 2])[0]
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton("127.0.0.1")
    records = [record] if asked == 1 else []
    time.sleep(DELAY_MS / 1000)
    server.sendto(query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) +
                  query[12:end] + b"".join(records), client)


@functools.cache
def serve():
    """A name server, to the end of this run."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((SERVER, PORT))

    def loop():
        while True:
            query, client = server.recvfrom(512)
            threading.Thread(target=answer, args=(server, query, client), daemon=True).start()
    threading.Thread(target=loop, daemon=True).start()


def asking(*command):
    """The command, which asks our name server, and nobody else."""
    serve()
    scratch = harness.scratch()
    (scratch / "resolv.conf").write_text(f"nameserver {SERVER}\noptions timeout:30 attempts:1\n")
    (scratch / "nsswitch.conf").write_text("hosts: files dns\npasswd: files\ngroup: files\n")
    return ["unshare", "-m", "sh", "-c",
            'mount --bind "$0/resolv.conf" /etc/resolv.conf && '
            'mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf && exec "$@"',
            str(scratch), *map(str, command)]


def url(one, scheme):
    return f"{scheme}://{HOST}:{one.ports[scheme]}"


@test
def curl_waits_for_a_name():
    """In a thread of its own; and the second request has the connection."""
    one, bucket = a_bucket()
    for scheme in ("https", "http"):
        base = f"{url(one, scheme)}/{bucket}"
        rows, out = traced(asking(*curl("-w", "%{time_namelookup}\n", f"{base}/a",
                                        f"{base}/b")), 2)
        within(scheme, of(rows[0], "dns_ms"), DELAY_MS, float(out.split()[0]) * 1000)
        expect(of(rows[1], "dns_ms") is None, f"{scheme}: {rows[1]['connection']}")
        if (rows[0]["connection"]["tls_ms"] or 0) > of(rows[0], "dns_ms"):
            continue  # an emulated machine shakes hands longer than it waits: that is why
        expect(rows[0]["why"] == "dns" and rows[0]["why_ms"] >= DELAY_MS, f"{scheme}: {rows[0]}")


@test
def gnutls_too():
    one, bucket = a_bucket()
    rows, _ = traced(asking("wget", "-q", "--ca-certificate", harness.certificates().ca,
                            "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-O",
                            "/dev/null", f"{url(one, 'https')}/{bucket}/a"), 1)
    harness.check_rows(rows, via="gnutls")
    expect(of(rows[0], "dns_ms") >= DELAY_MS, f"{rows[0]['connection']}")


# argv: CA PORT PATH. Two connections, each with a look-up; prints how long each took, in ms.
# Another name is looked up in between.
PYTHON = r"""
import http.client, socket, ssl, sys, time
ca, port, path = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
original = socket.getaddrinfo
def timed(host, *args, **more):
    t0 = time.monotonic()
    result = original(host, *args, **more)
    print((time.monotonic() - t0) * 1000)
    original("other.test", 443)
    return result
socket.getaddrinfo = timed
for i in range(2):
    c = http.client.HTTPSConnection("s3.test", int(port), context=context)
    for k in range(2):
        c.request("GET", f"{path}{i}{k}", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        c.getresponse().read()
"""


@test
def each_connection_its_own():
    one, bucket = a_bucket()
    rows, out = traced(asking(harness.PYTHON, "-c", PYTHON, harness.certificates().ca,
                              one.ports["https"], f"/{bucket}/k"), 4)
    said = [float(ms) for ms in out.split()]
    for row, ms in zip(rows[::2], said):
        within("a connection's first", of(row, "dns_ms"), DELAY_MS, ms)
    expect(each(rows[1::2], "dns_ms") == [None] * 2, f"{each(rows, 'dns_ms')}")


# argv: CA PORT PATH. Prints how long it waited until the name was known, in ms.
NODE = r"""
const [ca, port, path] = process.argv.slice(1), https = require('https');
const begun = process.hrtime.bigint();
const request = https.get({ host: 's3.test', port, path, ca: require('fs').readFileSync(ca),
  headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }, (r) => r.resume());
request.on('socket', (s) => s.on('lookup', () =>
  console.log(Number(process.hrtime.bigint() - begun) / 1e6)));
"""


@test
def node_too():
    """Whose descriptors and handshakes are not seen."""
    one, bucket = a_bucket()
    rows, out = traced(asking("node", "-e", NODE, harness.certificates().ca,
                              one.ports["https"], f"/{bucket}/k"), 1)
    within("Node.js", of(rows[0], "dns_ms"), DELAY_MS, float(out))


@test
def another_c_library():
    """Not the system's: as in a container. Python looks addresses up, too."""
    one, bucket = a_bucket()
    where = harness.scratch() / "libc"
    where.mkdir()
    (system,) = glob.glob("/lib/*-linux-gnu/libc.so.6")
    with libraries.mapped(shutil.copy(system, where)):
        rows, _ = traced(["env", f"LD_LIBRARY_PATH={where}", harness.PYTHON, "-c",
                          "import http.client, sys\n"
                          "c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))\n"
                          "c.request('GET', sys.argv[2],\n"
                          "          headers={'x-amz-content-sha256': 'UNSIGNED-PAYLOAD'})\n"
                          "c.getresponse().read()",
                          str(one.ports["http"]), f"/{bucket}/k"], 1)
    expect(of(rows[0], "dns_ms") is not None, f"{rows[0]['connection']}")


# argv: PORT PATH. Connects to an address, without asking anybody for one.
ADDRESS = r"""
import http.client, socket, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
c.sock = socket.socket()
c.sock.connect(("127.0.0.1", int(sys.argv[1])))
c.request("GET", sys.argv[2], headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
c.getresponse().read()
"""


@test
def unknown_names():
    """A proxy's name is not the host's; nobody looked one up; nobody is to look at that."""
    one, bucket = a_bucket()
    by_proxy = ["env", f"http_proxy={url(one, 'http')}", *curl(f"http://s3.localhost/{bucket}/k")]
    by_address = [harness.PYTHON, "-c", ADDRESS, str(one.ports["http"]), f"/{bucket}/k"]
    for command, *flags in ((asking(*by_proxy),), (by_address,),
                            (asking(*curl(f"{url(one, 'http')}/{bucket}/k")), "--no-dns")):
        rows, _ = traced(command, 1, *flags)
        expect(of(rows[0], "dns_ms") is None and of(rows[0], "connect_ms") is not None,
               f"{command[-1]} {flags}: {rows[0]['connection']}")
