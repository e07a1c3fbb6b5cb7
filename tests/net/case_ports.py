"""The same logs through ports of other drivers than net_tap, each with the kernel's stack as the peer.

    tap:                  kernel's sockets -- (tap) -- sluiced; no MAC is given, and none set by hand
    af_packet, af_xdp:    kernel's sockets -- veth1 -- veth0 in another namespace, where sluiced runs
    virtio_user, memif:   kernel's sockets -- (tap) -- testpmd, forwarding -- shared memory -- sluiced
"""

import contextlib
import json
import os
import subprocess
import tempfile
import time

from appliance import Appliance, balanced, wire_balanced
from cases import Failed, collector, equal, expect
from netns import HOST4, HOST6, PEER4, PEER6, Namespace

CASES = []

FORWARD = ["--forward-mode=io", "--auto-start", "--total-num-mbufs=4096", "--stats-period=3600"]


class Stage:
    """sluiced with one port of `driver`; `appliance` is it, `ns` is where its peers are."""

    def __init__(self, stack, driver):
        self.directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-test-"))
        self.ns, self.far = Namespace(), Namespace(f"sluice-far-{os.getpid()}")
        stack.callback(self.far.close)
        stack.callback(self.ns.close)
        self.forwarder = self.when_started = None
        stack.callback(self.end_forwarder)
        devargs, eal = getattr(self, driver)()
        self.appliance = Appliance(self.far, self.directory, {
            "ports": [{"name": "data0", "devargs": devargs, "addresses": [HOST4 + "/24", HOST6 + "/64"],
                       "gateways": [PEER4, PEER6]}], "eal": {"args": eal}})
        stack.callback(self.appliance.close)

    # ---- drivers: what names the device, and further arguments for EAL

    def tap(self):
        self.link = "sluice0"
        self.far.make_tap()

        def move():
            self.until(lambda: "LOWER_UP" in self.far.ip("link", "show", "sluice0"))
            self.far.ip("link", "set", "sluice0", "netns", self.ns.name)
            # As by default: the kernel's end makes a link-local address of its MAC.
            self.ns.ip("link", "set", "sluice0", "addrgenmode", "eui64")

        self.when_started = move
        return "net_tap0,iface=sluice0", []

    def _veth(self):
        self.link = "veth1"
        self.ns.ip("link", "add", "veth1", "type", "veth", "peer", "name", "veth0", "netns", self.far.name)
        # The kernel would hand over segments larger than any frame of a real line, and the driver cut them.
        self.ns.ip("link", "set", "veth1", "gso_max_segs", "1")
        self.far.ip("link", "set", "veth0", "up")

    def af_packet(self):
        self._veth()
        return "net_af_packet0,iface=veth0", []

    def af_xdp(self):
        self._veth()
        return "net_af_xdp0,iface=veth0", []

    def virtio_user(self):
        path = self.directory + "/vhost"
        self.forward(f"net_vhost0,iface={path}", path)
        os.chmod(path, 0o666)
        return f"net_virtio_user0,path={path},queues=1", ["--single-file-segments", "--iova-mode=va"]

    def memif(self):
        path = self.directory + "/memif"

        def forward():
            self.until(lambda: os.path.exists(path))
            self.forward(f"net_memif0,role=client,socket={path},socket-abstract=no", path)

        self.when_started = forward
        return f"net_memif0,role=server,socket={path},socket-abstract=no", []

    def forward(self, device, path):
        """A process that joins the device, which meets the other side at `path`, with a TAP."""
        self.link = "sluice0"
        log = open(self.directory + "/testpmd.log", "wb")
        self.forwarder = subprocess.Popen(
            self.ns.command("dpdk-testpmd", "-l", "0,1", "--no-pci", "--no-huge", "-m", "128",
                            "--file-prefix", os.path.basename(self.directory) + "-forward",
                            "--single-file-segments", "--iova-mode=va", "--vdev", device, "--vdev",
                            "net_tap0,iface=sluice0", "--", *FORWARD),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.until(lambda: os.path.exists(path) and "sluice0" in self.ns.ip("link"))

    # ---- life

    def until(self, there):
        end = time.monotonic() + 30
        while not there():
            if self.forwarder and self.forwarder.poll() is not None:
                raise Failed("the forwarder ended")
            if time.monotonic() > end:
                raise Failed("it was not there in time")
            time.sleep(0.02)

    def start(self):
        self.appliance.spawn()
        if self.when_started:
            self.when_started()
        self.ns.ip("link", "set", self.link, "up")
        self.ns.ip("addr", "add", PEER4 + "/24", "dev", self.link)
        self.ns.ip("addr", "add", PEER6 + "/64", "dev", self.link, "nodad")
        equal("wait ready", self.appliance.run("wait", "ready", "--timeout", "30").returncode, 0)

    def end_forwarder(self):
        if self.forwarder:
            self.forwarder.terminate()
            self.forwarder.wait(10)

    def trouble(self):
        try:
            with open(self.directory + "/testpmd.log", encoding="utf-8", errors="replace") as f:
                text = "".join("    testpmd | " + line for line in f.readlines()[-20:])
        except OSError:
            text = ""
        try:  # where did it stop?
            text += f"    wire {self.appliance.wire()}\n    ports {self.appliance.ctl('port', 'list')}\n"
            text += self.ns.ip("-s", "link", "show", self.link) + self.ns.ip("neigh")
        except Exception as e:  # it may be gone
            text += f"    and it cannot be asked: {e}\n"
        return self.appliance.trouble() + "\n" + text


@contextlib.contextmanager
def on_port(driver):
    with contextlib.ExitStack() as stack:
        stage = Stage(stack, driver)
        try:
            stage.start()
        except Failed:
            print(stage.trouble())
            raise
        yield stage


case = collector(CASES, on_port)


def logs_through(stage):
    """UDP in every size, TCP in bulk, both families; the books are right."""
    a, ns = stage.appliance, stage.ns
    udp = [b"<13>udp %d " % n + b"x" * (n * 7) for n in range(200)]
    tcp = [b"<13>tcp %d " % n + b"y" * (n % 700) for n in range(5000)]
    for family, host, source in ((2, HOST4, PEER4), (10, HOST6, PEER6)):
        before = a.total()["received"]
        with ns.socket(family, 2) as s:
            for n, log in enumerate(udp):
                s.sendto(log, (host, 514))
                if n % 50 == 49:
                    a.wait_total("received", before + n + 1)
        with ns.connect((host, 514)) as s:
            s.sendall(b"".join(log + b"\n" for log in tcp))
        total = a.wait_total("stored", before + len(udp) + len(tcp))
        stored = a.logs("--device", source)
        equal("sorted logs", sorted(stored), sorted(udp + tcp))
        equal("order of the connection", [log for log in stored if log.startswith(b"<13>tcp")], tcp)
        expect(balanced(total), f"the account does not add up: {total}")
    wire = a.wire()
    expect(wire_balanced(wire), f"the wire does not add up: {wire}")
    equal("bad checksums", wire["rejected"]["bad_checksum"], 0)
    equal("exit status", a.stop(), 0)


@case(driver="tap")
def tap_as_proposed(stage):
    """net_tap as --print-config proposes it: the two ends have two MACs, and nobody's address is twice there"""
    link = json.loads(stage.ns.ip("-json", "link", "show", "sluice0"))[0]
    mine = stage.appliance.ctl("port", "list")["ports"][0]["mac"]
    expect(link["address"] != mine, f"both ends have {mine}")
    equal("alarms", stage.appliance.ctl("status")["alarms"], [])
    logs_through(stage)


@case(driver="af_packet")
def af_packet(stage):
    """net_af_packet on a veth, whose kernel leaves checksums to a NIC that is not there"""
    logs_through(stage)


@case(driver="af_xdp")
def af_xdp(stage):
    """net_af_xdp on a veth"""
    logs_through(stage)


@case(driver="virtio_user")
def virtio_user(stage):
    """net_virtio_user, with net_vhost of testpmd on the other side"""
    logs_through(stage)


@case(driver="memif")
def memif(stage):
    """net_memif, whose other side grants one queue only"""
    logs_through(stage)
