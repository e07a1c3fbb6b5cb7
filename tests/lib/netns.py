"""A network namespace with the kernel's end of a TAP port in it.

    kernel's sockets -- sluice0 192.0.2.1/24, 2001:db8::1/64 -- (tap) -- sluiced 192.0.2.2, 2001:db8::2

The interface is made before sluiced starts and kept (persistent), so addresses outlive a restart.
net_tap gives the kernel's end its own MAC; the kernel's end gets another one later, and makes no
link-local IPv6 address of its MAC by itself: with the same one, both ends would claim the same address.
"""

import contextlib
import ctypes
import json
import os
import socket
import subprocess

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000

TAP = "sluice0"
PEER4, PEER6 = "192.0.2.1", "2001:db8::1"
HOST4, HOST6 = "192.0.2.2", "2001:db8::2"
PEER_LINK = "fe80::64:74ff:fe61:7001"
PEER_MAC = "02:64:74:61:70:01"
HOST_MAC = "02:64:74:61:70:02"


def run(*command, check=True):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Namespace:
    def __init__(self, name=None):
        self.name = name or f"sluice-test-{os.getpid()}"
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def close(self):
        run("ip", "netns", "del", self.name, check=False)

    def ip(self, *words, check=True):
        return run("ip", "-n", self.name, *words, check=check)

    def command(self, *words):
        """The command line that runs `words` inside, with this machine's mounts."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *words]

    @contextlib.contextmanager
    def inside(self):
        """Sockets opened by this thread in the block belong to the namespace, for their life."""
        with open("/proc/thread-self/ns/net", "rb") as back, \
                open(f"/run/netns/{self.name}", "rb") as there:
            _setns(there)
            try:
                yield
            finally:
                _setns(back)

    def socket(self, *args):
        with self.inside():
            return socket.socket(*args)

    def connect(self, address, timeout=10, source=None):
        with self.inside():
            return socket.create_connection(address, timeout=timeout,
                                            source_address=source and (source, 0))

    def make_tap(self, name=TAP, mtu=1500):
        """Its queue takes a burst of thousands of datagrams: a busy machine may run sluiced a while later, and
        the kernel drops what its usual 1,000 frames do not hold."""
        self.ip("tuntap", "add", "dev", name, "mode", "tap", "multi_queue")
        self.ip("link", "set", name, "mtu", str(mtu), "txqueuelen", "10000", "addrgenmode", "none")

    def dress_tap(self, name=TAP):
        """To be called when sluiced has opened the port: address, routes, link up."""
        self.ip("link", "set", name, "address", PEER_MAC)
        self.ip("link", "set", name, "up")
        self.ip("addr", "replace", PEER4 + "/24", "dev", name)
        for address in (PEER6, PEER_LINK):
            self.ip("addr", "replace", address + "/64", "dev", name, "nodad")

    def tap_drops(self, name=TAP):
        """Frames the kernel could not put into the port's queue."""
        link = json.loads(self.ip("-json", "-statistics", "link", "show", name))[0]
        return link["stats64"]["tx"]["dropped"]


def _setns(f):
    if _libc.setns(f.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
