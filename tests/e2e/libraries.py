# SPDX-License-Identifier: Apache-2.0
"""One TLS library after another, through a real client of it: every request once, with the
right name, status and sizes."""
import contextlib
import glob
import mmap
import subprocess
import time

import harness
import program
from harness import Tracer, brief, expect, fail, json_rows, run_tracer, test

N = 23
PUT = 100_000
WAIT_MS = 50
SLOW = [{"read": "body"}, {"sleep_ms": WAIT_MS}, {"answer": 200}]
EXTENSION = "/usr/lib/python3/dist-packages/_awscrt*.so"  # carries s2n


def wget(*arguments):
    return ["wget", "-q", "--no-config", "--tries=1", "-O", "/dev/null", "--ca-certificate",
            harness.certificates().ca, "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
            *arguments]


def url(bucket, key, scheme):
    return f"{scheme}://127.0.0.1:{program.server().ports[scheme]}/{bucket}/{key}"


def seen(command, n, via, status):
    """The rows of a command: n of them, whole, through that layer."""
    code, out, err = run_tracer(["--json", "--", *command])
    rows = json_rows(out)
    harness.check_rows(rows, n=n, via=via, status=status, state="complete")
    return code, rows, err


def gets_and_puts(scheme, via):
    bucket = program.bucket_for([[{"answer": 200, "body": "x" * 4096}]] * N)
    code, rows, err = seen(wget(*(url(bucket, f"k{i}", scheme) for i in range(N))), N, via, 200)
    expect(code == 0, f"wget: {code}: {err}")
    expect(sorted(r["key"] for r in rows) == sorted(f"k{i}" for i in range(N)), harness.brief(rows))
    for row in rows:
        expect((row["operation"], row["bucket"]) == ("GetObject", bucket), harness.brief([row]))
        expect(row["response_size"] == 4096, f"response_size {row['response_size']}")
        expect(row["client_type"] == "wget", f"client_type {row['client_type']}")

    body = harness.scratch() / "body"
    body.write_bytes(b"GET /like-a-request HTTP/1.1\r\n\r\n" + b"y" * 100_000)
    bucket = program.bucket_for()
    code, rows, err = seen(wget("--method=PUT", f"--body-file={body}", url(bucket, "up", scheme)),
                           1, via, 200)
    expect(code == 0, f"wget: {code}: {err}")
    expect(rows[0]["operation"] == "PutObject", harness.brief(rows))
    expect(rows[0]["request_size"] == body.stat().st_size, f"{rows[0]['request_size']} bytes")

    bucket = program.bucket_for([[{"answer": 404}]])
    code, rows, err = seen(wget(url(bucket, "none", scheme)), 1, via, 404)
    expect(code == 8, f"wget says 8 for a 404, not {code}: {err}")
    expect(rows[0]["is_error"], harness.brief(rows))


@test
def gnutls_wget_https():
    gets_and_puts("https", "gnutls")


@test
def gnutls_wget_http():
    gets_and_puts("http", "http")


# --- a client that talks through the library of its choice -----------------

def layer(library, *words):
    return [str(harness.LAB_BIN / "layer"), library, str(program.server().ports["https"]), *words]


@contextlib.contextmanager
def mapped(path):
    """A program that has the file mapped as code, as its next user will."""
    with open(path, "rb") as file, \
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ | mmap.PROT_EXEC) as it:
        yield it


def s2n_env():
    python = glob.glob("/usr/lib/*-linux-gnu/libpython3.*.so.1.0")
    return {"S2N_LIBRARY": glob.glob(EXTENSION)[0], "PYTHON_LIBRARY": python[0]}


def with_tracer(args, command, n, env=None, where=None):
    """Runs a command while a tracer of these arguments does: its output, and n rows."""
    with Tracer(args) as tracer:
        done = subprocess.run(command, env=harness.clean_env(**(env or {})), capture_output=True,
                              text=True, timeout=200)
        expect(done.returncode == 0, f"{command[0]}: {done.returncode}: {done.stderr}")
        try:
            tracer.wait(n, where=where)
        except harness.Failure as failure:
            tracer.stop()
            fail(f"{failure}: {brief(tracer.matching(where))}; {tracer.stderr}")
        time.sleep(0.3)
        tracer.stop()
    return done.stdout, tracer.matching(where)


def waited(row):
    """The server lets a client wait that has sent all of the PUT's body."""
    if row["key"] == "up":
        expect(row["ttfb_ms"] >= WAIT_MS, f"the client waited longer: {row}")


def every_request(library, way, env=None, put="PUT"):
    """23 GETs, a PUT of 100 KB and a 404 over one connection, called in this way."""
    get = [{"answer": 200, "body": "x" * 4096}]
    bucket = program.bucket_for({"k*": get, "none": [{"answer": 404, "body": "n" * 77}],
                                 "up": SLOW})
    words = []
    for i in range(N):
        words += [way, "GET", f"/{bucket}/k{i}", "0"]
    words += [way, put, f"/{bucket}/up", str(PUT), way, "GET", f"/{bucket}/none", "0"]
    out, rows = with_tracer(["--bucket", bucket], layer(library, *words), N + 2, env,
                            program.of(bucket))
    expect(out.split() == ["200", "4096"] * N + ["200", "0", "404", "77"], f"the client: {out}")
    harness.check_rows(rows, n=N + 2, via=library, state="complete")
    for row in rows:
        name = row["key"]
        size = {"up": (PUT, 0), "none": (0, 77)}.get(name, (0, 4096))
        waited(row)
        expect((row["request_size"], row["response_size"]) == size,
               f"{name}: sizes {row['request_size']}, {row['response_size']}")
        expect(row["status_code"] == (404 if name == "none" else 200), brief([row]))
    expect(sorted(r["key"] for r in rows) == sorted([f"k{i}" for i in range(N)] + ["none", "up"]),
           brief(rows))


@test
def openssl_send():
    every_request("openssl", "send")


@test
def openssl_ex():
    every_request("openssl", "again")


@test
def gnutls_send():
    every_request("gnutls", "send")


@test
def gnutls_send2_and_recv_seq():
    every_request("gnutls", "again")


@test
def gnutls_corked():
    """What is sent while corked goes out by the same functions later: it counts once."""
    every_request("gnutls", "other")


@test
def gnutls_send_file():
    every_request("gnutls", "file")


@test
def nss_send():
    every_request("nss", "send")


@test
def nss_write():
    every_request("nss", "again")


@test
def nss_peek():
    every_request("nss", "other")


@test
def nss_is_not_every_descriptor():
    """NSPR writes a request to a pipe, a file and a plain socket: the socket's is seen, as
    plain HTTP."""
    bucket = program.bucket_for()
    command = layer("nss", "other", f"/{bucket}/k")
    command[2] = str(program.server().ports["http"])
    _, rows = with_tracer(["--bucket", bucket], command, 1, None, program.of(bucket))
    harness.check_rows(rows, n=1, via="http", status=200)
    _, rows = with_tracer(["--bucket", bucket, "--mode", "nss"], command, 0, None,
                          program.of(bucket))
    expect(not rows, f"rows of plain descriptors: {brief(rows)}")


@test
def s2n_send():
    with mapped(glob.glob(EXTENSION)[0]):
        every_request("s2n", "send", s2n_env())


@test
def s2n_sendv():
    with mapped(glob.glob(EXTENSION)[0]):
        every_request("s2n", "again", s2n_env())


@test
def s2n_sendv_with_offset():
    with mapped(glob.glob(EXTENSION)[0]):
        every_request("s2n", "other", s2n_env())


@test
def openssl_object_used_again():
    """An unanswered request on an SSL object, which then serves another connection."""
    for how in ("clear", "state"):
        bucket = program.bucket_for({"held": [{"hang": True}], "k": [{"answer": 200, "body": "x"}]})
        command = [str(harness.LAB_BIN / "reuse"), str(program.server().ports["https"]),
                   harness.certificates().ca, how, f"/{bucket}/held", f"/{bucket}/k"]
        _, rows = with_tracer(["--bucket", bucket], command, 2, None, program.of(bucket))
        harness.check_rows(rows, n=2, via="openssl")
        by = {r["key"]: r for r in rows}
        expect((by["held"]["state"], by["held"]["request_size"]) == ("no_response", 0),
               f"{how}: {brief(rows)}")
        expect((by["k"]["state"], by["k"]["status_code"]) == ("complete", 200),
               f"{how}: {brief(rows)}")


KTLS = """
import ctypes, os, socket, sys
ssl = ctypes.CDLL(sys.argv[1])
ssl.SSL_sendfile.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_size_t,
                             ctypes.c_int]
connection = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
it = ctypes.c_int(connection.fileno())
answer = ctypes.create_string_buffer(65536)
file = os.memfd_create("body")
os.write(file, b"GET /like-a-request HTTP/1.1\\r\\n\\r\\n" + b"y" * 99968)

def request(method, key, n=0):
    lines = [f"{method} /{sys.argv[3]}/{key} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {n}",
             "x-amz-content-sha256: UNSIGNED-PAYLOAD", "", ""]
    head = "\\r\\n".join(lines).encode()
    ssl.SSL_write(ctypes.byref(it), head, len(head))
    at = 0
    while at < n:
        at += ssl.SSL_sendfile(ctypes.byref(it), file, at, n - at, 0)
    got = ssl.SSL_read(ctypes.byref(it), answer, len(answer))
    assert answer.raw[:got].startswith(b"HTTP/1.1 200"), answer.raw[:got]

for i in range(int(sys.argv[4])):
    request("GET", f"k{i}")
request("PUT", "up", 100000)
ssl.SSL_free(ctypes.byref(it))
"""


@test
def ktls_counts_once():
    """With kTLS the library's own system calls carry plain text, SSL_sendfile()'s as well."""
    library = str(harness.LAB_BIN / "libssl.so.ktls")
    bucket = program.bucket_for()
    script = harness.scratch() / "ktls.py"
    script.write_text(KTLS)
    command = [harness.PYTHON, str(script), library, str(program.server().ports["http"]), bucket,
               str(N)]
    with mapped(library):
        _, rows = with_tracer(["--bucket", bucket], command, N + 1, None, program.of(bucket))
    harness.check_rows(rows, n=N + 1, via="openssl", state="complete", status=200)
    sizes = sorted(r["request_size"] for r in rows)
    expect(sizes == [0] * N + [PUT], f"request sizes: {sizes}")
    expect(all(r["fd"] is not None for r in rows), "the descriptor was not learnt")


# --- real clients ------------------------------------------------------------

CRT = """
import sys
from awscrt import auth, http, io
port, ca, bucket, n = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
boot = io.ClientBootstrap(io.EventLoopGroup(1), io.DefaultHostResolver(io.EventLoopGroup(1)))
context = io.TlsContextOptions()
context.override_default_trust_store_from_path(None, ca)
tls = io.ClientTlsContext(context).new_connection_options()
tls.set_server_name("localhost")
connection = http.HttpClientConnection.new("127.0.0.1", port, boot, None, tls).result(100)

def request(method, key, body=None):
    headers = [("Host", "127.0.0.1"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
               ("User-Agent", "aws-sdk-cpp/1.0"), ("Content-Length", str(len(body or b"")))]
    import io as memory
    stream = connection.request(
        http.HttpRequest(method, f"/{bucket}/{key}", http.HttpHeaders(headers),
                         memory.BytesIO(body) if body else None),
        lambda **answer: print(answer["status_code"], flush=True), lambda **chunk: None)
    stream.activate()
    stream.completion_future.result(100)

for i in range(n):
    request("GET", f"k{i}")
request("PUT", "up", b"GET /like-a-request HTTP/1.1\\r\\n\\r\\n" + b"y" * 99968)
request("GET", "none")
connection.close().result(100)
"""


def real_client(via, command, env=None):
    """The same requests by a real client: 23 GETs, a PUT of 100 KB and a 404."""
    bucket = program.bucket_for({"k*": [{"answer": 200, "body": "x" * 4096}],
                                 "none": [{"answer": 404, "body": "n" * 77}],
                                 "up": SLOW})
    port, ca = str(program.server().ports["https"]), harness.certificates().ca
    out, rows = with_tracer(["--bucket", bucket], command + [port, ca, bucket, str(N)], N + 2, env,
                            program.of(bucket))
    expect(out.split() == ["200"] * (N + 1) + ["404"], f"the client: {out}")
    harness.check_rows(rows, n=N + 2, via=via, state="complete")
    put = [r for r in rows if r["key"] == "up"]
    expect(len(put) == 1 and put[0]["operation"] == "PutObject", brief(put))
    waited(put[0])
    expect(put[0]["request_size"] == PUT, f"request_size {put[0]['request_size']}")
    for row in rows:
        if row["key"] != "up":
            size = 77 if row["key"] == "none" else 4096
            expect(row["response_size"] == size, f"{row['key']}: {row['response_size']}")


@test
def s2n_crt():
    script = harness.scratch() / "crt.py"
    script.write_text(CRT)
    with mapped(glob.glob(EXTENSION)[0]):
        real_client("s2n", [harness.PYTHON, str(script)])


@test
def nss_curl():
    real_client("nss", [str(harness.LAB_BIN / "easy"), "libcurl-nss.so.4"])


@test
def gnutls_curl():
    real_client("gnutls", [str(harness.LAB_BIN / "easy"), "libcurl-gnutls.so.4"])


@test
def openssl_curl():
    real_client("openssl", [str(harness.LAB_BIN / "easy"), "libcurl.so.4"])


@test
def a_sandboxed_client_survives():
    """A seccomp sandbox that kills for every call but a few: probes come and go five times."""
    bucket = program.bucket_for({"s*": [{"answer": 200}]})
    client = subprocess.Popen(
        [str(harness.LAB_BIN / "sandboxed"), str(program.server().ports["https"]),
         harness.certificates().ca, f"/{bucket}/s"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=harness.clean_env())
    try:
        expect(client.stdout.readline() == "locked in\n", "it does not begin")
        seen = []
        for _ in range(5):
            with Tracer(["--bucket", bucket]) as tracer:
                tracer.wait(N)
                tracer.stop()
            expect(client.poll() is None, f"it is dead: {client.returncode}")
            seen += tracer.rows
        out = client.communicate(timeout=200)[0]
    finally:
        client.kill()
        client.wait()
    expect(client.returncode == 0, f"exit status {client.returncode}: {out}")
    asked, answered = (int(word) for word in out.split() if word.isdigit())
    expect(asked == answered and asked >= 5 * N, out)
    whole = [r for r in seen if r["state"] == "complete"]
    harness.check_rows(whole, via="openssl", status=200)
    keys = [r["key"] for r in whole]
    expect(len(whole) >= 5 * N and len(set(keys)) == len(keys), f"{len(whole)} rows of {asked}")
