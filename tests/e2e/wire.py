# SPDX-License-Identifier: Apache-2.0
"""A network of two hosts, this one and a namespace, whose wire we are: it loses and delays
the packets that it is told to. (This kernel has no netem.)"""
import fcntl
import heapq
import ipaddress
import os
import select
import socket
import struct
import subprocess
import threading
import time

import harness

TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
# (here, there): nobody's, by RFC 2544 and RFC 4193; others may run the same tests beside us
NET = ipaddress.IPv4Address("198.18.0.0") + os.getpid() % (1 << 15) * 4
NET6 = f"fd73:3353:0:{os.getpid() & 0xffff:x}"
ENDS = ((str(NET + 1), str(NET + 2)), (f"{NET6}::1", f"{NET6}::2"))


class Packet:
    """A TCP segment; others have no flags and no payload."""

    def __init__(self, data, outward):
        self.data, self.outward = data, outward  # outward: from the namespace
        self.at = time.monotonic()
        self.syn = False
        self.payload = b""
        six = data[0] >> 4 == 6
        if data[6 if six else 9] == socket.IPPROTO_TCP:
            tcp = data[40 if six else (data[0] & 15) * 4:]
            self.syn = bool(tcp[13] & 2)
            self.payload = tcp[(tcp[12] >> 4) * 4:]


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def ip(*args, prefix=()):
    subprocess.run([*prefix, "ip", *args], check=True, timeout=20, capture_output=True)


class Wire:
    """fate(packet) says what becomes of each: None loses it, a number delays it for so many
    seconds. command is put in front of what is to run in the namespace."""

    def __init__(self):
        self.fate = lambda packet: 0
        self.stopped, self.wake = os.pipe()
        names = [f"why{i}-{os.getpid()}"[:15] for i in range(2)]
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 600"],
                                       stdout=subprocess.PIPE)
        self.ends = []
        try:
            self.holder.stdout.readline()
            pid = str(self.holder.pid)
            self.command = ["nsenter", "-n", "-t", pid]
            self.ends = [tun(name) for name in names]
            ip("link", "set", names[1], "netns", pid)
            for end, prefix in ((0, ()), (1, self.command)):
                ip("link", "set", names[end], "up", prefix=prefix)
                for hosts in ENDS:
                    net = ["/64", "nodad"] if ":" in hosts[end] else ["/30"]
                    ip("addr", "add", hosts[end] + net[0], "dev", names[end], *net[1:], prefix=prefix)
            ip("link", "set", "lo", "up", prefix=self.command)
        except Exception:
            self.close()
            raise
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def carry(self):
        here, there = self.ends
        late = []  # (when, number, to, bytes)
        number = 0
        while True:
            wait = max(0, late[0][0] - time.monotonic()) if late else None
            ready = select.select([here, there, self.stopped], [], [], wait)[0]
            if self.stopped in ready:
                return
            for fd in ready:
                packet = Packet(os.read(fd, 65536), fd == there)
                delay = self.fate(packet)
                if delay is not None:
                    number += 1
                    heapq.heappush(late, (packet.at + delay, number,
                                          here if packet.outward else there, packet.data))
            while late and late[0][0] <= time.monotonic():
                _, _, to, data = heapq.heappop(late)
                try:
                    os.write(to, data)
                except OSError:
                    pass  # the other end goes away

    def close(self):
        if self.ends and hasattr(self, "thread"):
            os.write(self.wake, b"x")
            self.thread.join(5)
        for fd in (*self.ends, self.stopped, self.wake):
            os.close(fd)
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def curl(wire, url, *more):
    """curl in the namespace: its exit status and its own clock, the whole of it in ms."""
    done = subprocess.run([*wire.command, "curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "-w",
                           "%{time_connect} %{time_total}", "-H",
                           "x-amz-content-sha256: UNSIGNED-PAYLOAD", *more, url],
                          capture_output=True, text=True, timeout=60, env=harness.clean_env())
    connect, total = (float(x) * 1000 for x in done.stdout.split())
    return done.returncode, connect, total
