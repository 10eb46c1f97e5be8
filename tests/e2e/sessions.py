# SPDX-License-Identifier: Apache-2.0
"""Whether a TLS handshake went on with an earlier session, against what the client's own library
says."""
import contextlib
import socket
import ssl
import threading

import harness
from connection import each, traced
from harness import expect, test

BUCKET = "sessions"


@contextlib.contextmanager
def tls_server(version, tickets=True, curve=None):
    """A server that knows one version of TLS, and one curve: a client that has guessed another is
    told to try again. Yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made = harness.certificates()
    context.load_cert_chain(made.cert, made.key)
    context.minimum_version = context.maximum_version = version
    if not tickets:
        context.options |= ssl.OP_NO_TICKET
    if curve:
        context.set_ecdh_curve(curve)

    def answer(near):
        with contextlib.suppress(OSError), context.wrap_socket(near, server_side=True) as s:
            head = b""
            while True:
                data = s.recv(65536)
                if not data:
                    s.unwrap()  # or the session is thrown away
                    return
                head += data
                if head.endswith(b"\r\n\r\n"):
                    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def serve():
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(near,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


REQUEST = (f"GET /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\n"
           "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nx-amz-date: 20260101T000000Z\r\n\r\n")

# argv: CA PORT. Three connections with a request each; the second one has no session. Prints what
# the library says of each: 1 or 0.
PYTHON = r"""
import socket, ssl, sys
context, session = ssl.create_default_context(cafile=sys.argv[1]), None
for i in range(3):
    s = context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[2]))),
                            server_hostname="127.0.0.1", session=session if i != 1 else None)
    s.sendall(REQUEST.encode())
    s.recv(65536)
    session = s.session
    print(int(s.session_reused))
    s.unwrap().close()
"""

# The same with GnuTLS.
GNUTLS = r"""
import ctypes, socket, sys
g = ctypes.CDLL("libgnutls.so.30")
pointer, AGAIN = ctypes.c_void_p, -28
class Datum(ctypes.Structure):
    _fields_ = [("data", pointer), ("size", ctypes.c_uint)]
g.gnutls_record_send.restype = g.gnutls_record_recv.restype = ctypes.c_ssize_t
g.gnutls_record_send.argtypes = g.gnutls_record_recv.argtypes = \
    [pointer, ctypes.c_char_p, ctypes.c_size_t]
def ok(result):
    if result < 0:
        sys.exit(f"GnuTLS: {result}")
    return result
credentials, kept = pointer(), Datum()
ok(g.gnutls_certificate_allocate_credentials(ctypes.byref(credentials)))
ok(g.gnutls_certificate_set_x509_trust_file(credentials, sys.argv[1].encode(), 1))
for i in range(3):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    session = pointer()
    ok(g.gnutls_init(ctypes.byref(session), 2))  # a client
    ok(g.gnutls_set_default_priority(session))
    ok(g.gnutls_credentials_set(session, 1, credentials))
    g.gnutls_transport_set_int2(session, s.fileno(), s.fileno())
    if i == 2:
        ok(g.gnutls_session_set_data(session, kept.data, ctypes.c_size_t(kept.size)))
    ok(g.gnutls_handshake(session))
    ok(g.gnutls_record_send(session, REQUEST.encode(), len(REQUEST)))
    while g.gnutls_record_recv(session, ctypes.create_string_buffer(65536), 65536) == AGAIN:
        pass  # it was a ticket
    ok(g.gnutls_session_get_data2(session, ctypes.byref(kept)))
    print(g.gnutls_session_is_resumed(session) and 1)
    ok(g.gnutls_bye(session, 0))
    s.close()
    g.gnutls_deinit(session)
"""

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def resumes(program, via, version, **options):
    with tls_server(VERSIONS[version], **options) as port:
        rows, out = traced([harness.PYTHON, "-c", f"REQUEST = {REQUEST!r}\n{program}",
                            harness.certificates().ca, str(port)], 3, "--bucket", BUCKET)
    harness.check_rows(rows, via=via)
    said = [word == "1" for word in out.split()]
    expect(said == [False, False, True], f"{via}, {version}, {options}: resumed: {said}")
    expect(each(rows, "tls_resumed") == said,
           f"{via}, {version}, {options}: {each(rows, 'tls_resumed')}, the library says {said}")


@test
def openssl():
    """With a ticket, with a session that the server keeps, and when the server asks for another
    hello."""
    for version in VERSIONS:
        resumes(PYTHON, "openssl", version)
        resumes(PYTHON, "openssl", version, tickets=False)
        resumes(PYTHON, "openssl", version, curve="secp384r1")


@test
def gnutls():
    for version in VERSIONS:
        resumes(GNUTLS, "gnutls", version)
    resumes(GNUTLS, "gnutls", "1.3", curve="secp521r1")
    resumes(GNUTLS, "gnutls", "1.2", tickets=False)
