"""The kernel's TCP in one namespace, another stack in a second one, an impairing wire between.

    kernel's sockets -- wire0 192.0.2.1, 2001:db8::1 -- peer-impair -- far end 192.0.2.2, 2001:db8::2

The far end is peer-host (the rooms net and tcp), sluiced, or the kernel again (to compare with).
"""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import socket
import struct
import subprocess
import threading

from cases import Failed, equal, expect
from netns import HOST4, HOST6, PEER4, PEER6, PEER_LINK, PEER_MAC, Namespace

BUILD = pathlib.Path(os.environ.get("BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
PEER = BUILD / "tests/net/peer"
RENO = b"reno"  # a congestion control that all have
PATIENCE = 120  # seconds: of a transfer that gets nowhere


class Program:
    """One of peer-*: says "ready", ends by SIGTERM with an object in JSON."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise Failed(f"{command[0]} did not start")

    def end(self):
        self.process.terminate()
        return self.said(20)

    def said(self, seconds):
        """What it says at its end, which comes by itself or has been asked for."""
        said = self.process.communicate(timeout=seconds)[0]
        if self.process.returncode:
            raise Failed(f"{self.process.args[0]}: status {self.process.returncode}")
        return json.loads(said)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class FarNamespace(Namespace):
    """Its TAP is the wire's: the kernel has no address on it."""

    def dress_tap(self, name="sluice0"):
        self.ip("link", "set", name, "up")


def dress(ns, name, v4, v6):
    ns.ip("link", "set", name, "addrgenmode", "none")
    ns.ip("link", "set", name, "up")
    ns.ip("addr", "add", v4 + "/24", "dev", name)
    for address in v6:
        ns.ip("addr", "add", address + "/64", "dev", name, "nodad")


class Wire:
    """`near`: the client's namespace; `far` what is beyond the wire, `end` the far end for it."""

    def __init__(self, stack, far, end, options):
        self.near = Namespace(f"sluice-near-{os.getpid()}")
        stack.callback(self.near.close)
        words = [w for key, value in options.items() for w in ("--" + key, str(value))]
        self.impair = Program(PEER / "peer-impair", *words,
                              f"tap:wire0@/run/netns/{self.near.name}", f"{end}@/run/netns/{far.name}")
        stack.callback(self.impair.close)
        self.near.ip("link", "set", "wire0", "address", PEER_MAC)
        dress(self.near, "wire0", PEER4, [PEER6, PEER_LINK])

    def connect(self, host):
        s = self.near.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, RENO)
        s.settimeout(PATIENCE)
        s.connect((host, 514))
        return s


@contextlib.contextmanager
def to_host(**options):
    """A wire to peer-host: yields (wire, host)."""
    with contextlib.ExitStack() as stack:
        far = Namespace(f"sluice-far-{os.getpid()}")
        stack.callback(far.close)
        host = Program(*far.command(PEER / "peer-host", "tap:host0", HOST4, HOST6))
        stack.callback(host.close)
        far.ip("link", "set", "host0", "addrgenmode", "none")
        far.ip("link", "set", "host0", "up")
        yield Wire(stack, far, "packet:host0", options), host


def lwip_to_host(size, seed, **options):
    """lwIP instead of the kernel, against peer-host: (what lwIP, the host and the wire said)."""
    with contextlib.ExitStack() as stack:
        far = Namespace(f"sluice-far-{os.getpid()}")
        stack.callback(far.close)
        near = Namespace(f"sluice-near-{os.getpid()}")
        stack.callback(near.close)
        host = Program(*far.command(PEER / "peer-host", "tap:host0", HOST4, HOST6))
        stack.callback(host.close)
        near.ip("tuntap", "add", "dev", "lwip0", "mode", "tap")
        for ns, name in (far, "host0"), (near, "lwip0"):
            ns.ip("link", "set", name, "addrgenmode", "none")
            ns.ip("link", "set", name, "up")
        words = [w for key, value in options.items() for w in ("--" + key, str(value))]
        impair = Program(PEER / "peer-impair", "--seed", str(seed), *words,
                         f"packet:lwip0@/run/netns/{near.name}", f"packet:host0@/run/netns/{far.name}")
        stack.callback(impair.close)
        done = subprocess.run(near.command(str(PEER / "peer-lwip"), "lwip0", PEER4, HOST4, PEER6,
                                           HOST6, str(size), str(seed)),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE)
        if done.returncode:
            raise Failed(f"lwIP: {done.stderr.strip() or done.returncode}")
        return json.loads(done.stdout), host.end(), impair.end()


def calls(size, seed):
    """Words for peer-host: a call over IPv4, one over IPv6."""
    return ["call", PEER4, size, seed, "call", PEER6, size, seed + 1]


def host_to_lwip(size, seed, **options):
    """peer-host as lwIP's client: (what lwIP, the host and the wire said)."""
    with contextlib.ExitStack() as stack:
        far = Namespace(f"sluice-far-{os.getpid()}")
        stack.callback(far.close)
        near = Namespace(f"sluice-near-{os.getpid()}")
        stack.callback(near.close)
        for ns, name in (far, "host0"), (near, "lwip0"):
            ns.ip("tuntap", "add", "dev", name, "mode", "tap")
            ns.ip("link", "set", name, "addrgenmode", "none")
            ns.ip("link", "set", name, "up")
        words = [w for key, value in options.items() for w in ("--" + key, str(value))]
        impair = Program(PEER / "peer-impair", "--seed", str(seed), *words,
                         f"packet:lwip0@/run/netns/{near.name}", f"packet:host0@/run/netns/{far.name}")
        stack.callback(impair.close)
        lwip = Program(*near.command(PEER / "peer-lwip", "lwip0", PEER4, "serve", PEER6, HOST6))
        stack.callback(lwip.close)
        host = Program(*far.command(PEER / "peer-host", "tap:host0", HOST4, HOST6, *map(str, calls(size, seed))))
        stack.callback(host.close)
        said = host.said(PATIENCE)
        return lwip.end(), said, impair.end()


def host_to_kernel(size, seed, **options):
    """peer-host as the kernel's client: (what the host and the wire said)."""
    with contextlib.ExitStack() as stack:
        far = Namespace(f"sluice-far-{os.getpid()}")
        stack.callback(far.close)
        far.ip("tuntap", "add", "dev", "host0", "mode", "tap")
        far.ip("link", "set", "host0", "addrgenmode", "none")
        far.ip("link", "set", "host0", "up")
        link = Wire(stack, far, "packet:host0", {"seed": seed, **options})
        stack.callback(listen(link.near).close)
        host = Program(*far.command(PEER / "peer-host", "tap:host0", HOST4, HOST6, *map(str, calls(size, seed))))
        stack.callback(host.close)
        return host.said(PATIENCE), link.impair.end()


def listen(ns):
    """The kernel behind port 514 of both families does as peer-host does; the listener."""
    listener = ns.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", 514))
    listener.listen(64)
    threading.Thread(target=_kernel_host, args=(listener,), daemon=True).start()
    return listener


@contextlib.contextmanager
def to_kernel(**options):
    """A wire to the kernel, behind whose port 514 the same is done as by peer-host."""
    with contextlib.ExitStack() as stack:
        far = Namespace(f"sluice-far-{os.getpid()}")
        stack.callback(far.close)
        wire = Wire(stack, far, "tap:far0", options)
        dress(far, "far0", HOST4, [HOST6])
        stack.callback(listen(far).close)
        yield wire, None


def _kernel_host(listener):
    with contextlib.suppress(OSError):
        while True:
            s, _ = listener.accept()
            threading.Thread(target=_kernel_session, args=(s,), daemon=True).start()


def _kernel_session(s):
    with s, contextlib.suppress(OSError):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, RENO)
        mode = s.recv(1)
        if mode == b"G":
            s.sendall(bytes(struct.unpack("!I", s.recv(4, socket.MSG_WAITALL))[0]))
        elif mode == b"E":
            while part := s.recv(1 << 18):
                s.sendall(part)
        elif mode == b"P":
            took = 0
            while got := s.recv(1 << 18):
                took += len(got)
            s.sendall(struct.pack("!I", took))


def everything(s):
    """All that comes until the other side has closed."""
    parts = []
    while part := s.recv(1 << 18):
        parts.append(part)
    return b"".join(parts)


def echo(wire, host, size, seed):
    """Sends `size` bytes and has them back, both at once: byte for byte."""
    data = random.Random(seed).randbytes(size)
    s = wire.connect(host)

    def send():
        s.sendall(b"E" + data)
        s.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    got = everything(s)
    sender.join(PATIENCE)
    s.close()
    equal(f"bytes back from {host}", len(got), size)
    equal(f"what came back from {host}", hashlib.sha256(got).digest(), hashlib.sha256(data).digest())


def at_once(jobs):
    """Runs all in threads; the first failure is the case's."""
    failures = []

    def guarded(job):
        try:
            job()
        except Exception as e:  # told to the case below, whatever it was
            failures.append(e)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failures:
        raise failures[0]


def check_impaired(said, **least):
    """The wire did what the case is about, each way."""
    for way, counts in said.items():
        for what, number in least.items():
            expect(counts[what] >= number, f"{way}: {what} {counts[what]}, wanted {number}: {said}")
