# SPDX-License-Identifier: Apache-2.0
"""One TLS library after another, through a real client of it: every request once, with the
right name, status and sizes."""
import harness
import program
from harness import expect, json_rows, run_tracer, test

N = 23


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
