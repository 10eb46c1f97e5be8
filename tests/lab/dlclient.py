#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A TLS client that opens its library with dlopen(), wherever it lies and whatever it is
called. Each line of stdin is "LIBRARY PORT TARGET": one request to 127.0.0.1 with that
library, over a connection that is kept, and one line with the status on stdout."""
import ctypes
import socket
import sys
import time

POINTER, INT = ctypes.c_void_p, ctypes.c_int
connections = {}


def connect(library, port):
    ssl = ctypes.CDLL(library)
    time.sleep(0.05)  # others read their CA certificates for as long
    for name, result, *arguments in (
            ("TLS_client_method", POINTER), ("SSL_CTX_new", POINTER, POINTER),
            ("SSL_new", POINTER, POINTER), ("SSL_set_fd", INT, POINTER, INT),
            ("SSL_connect", INT, POINTER), ("SSL_write", INT, POINTER, POINTER, INT),
            ("SSL_read", INT, POINTER, POINTER, INT)):
        function = getattr(ssl, name)
        function.restype, function.argtypes = result, arguments
    sock = socket.create_connection(("127.0.0.1", port))
    session = ssl.SSL_new(ssl.SSL_CTX_new(ssl.TLS_client_method()))
    assert ssl.SSL_set_fd(session, sock.fileno()) == 1 and ssl.SSL_connect(session) == 1
    return ssl, session, sock


def request(library, port, target):
    if library not in connections:
        connections[library] = connect(library, port)
    ssl, session, _ = connections[library]
    head = (f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n").encode()
    assert ssl.SSL_write(session, head, len(head)) == len(head)
    buffer, answer = ctypes.create_string_buffer(65536), b""
    while b"\r\n\r\n" not in answer:
        n = ssl.SSL_read(session, buffer, len(buffer))
        assert n > 0, "the connection ended"
        answer += buffer.raw[:n]
    return answer.split()[1].decode()


for line in sys.stdin:
    path, port, target = line.split()
    print(request(path, int(port), target), flush=True)
