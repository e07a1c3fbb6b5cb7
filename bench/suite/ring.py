"""Who is measured on the native path: the sender is the other end of its virtio ring, past both kernels.

    sender (CPU 0, net_vhost) -- ring in shared memory -- sluiced (CPU 1, net_virtio_user)
    sender (CPU 0, net_vhost) -- ring in shared memory -- testpmd rxonly, ring_copy (CPU 1)

The sender waits where the ring is full, so nothing is lost on this wire but by the receiver.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import measure
from appliance import BUILD
from cases import Failed
from netns import HOST4
from receivers import LOAD, RECEIVER_CPU, SENDER_CPU, SETTLE_S, Receiver, Sluice
from system import HugePages


def until(there, seconds, what):
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            raise Failed(f"{what} is not there in time")
        time.sleep(0.02)


class OnRing:
    """Mixed in before a receiver: the sender is there before it."""

    path = "native"
    RING = 1024  # descriptors
    more_words = ()
    huge = False  # told when it begins, for both ends

    def load(self, *words):
        """Starts the sender, then the receiver, which the sender waits for."""
        self.settings["huge"] = self.huge = HugePages.enough()
        report = pathlib.Path(self.directory) / "report.json"
        with open(f"{self.directory}/sender.log", "wb") as log:
            sender = subprocess.Popen(
                [str(LOAD), "send", "--target", HOST4, "--vhost", self.socket, "--source-net", "192.0.2.128/25", "--quiet",
                 "--cpu", str(SENDER_CPU), "--json", str(report), *(["--huge"] if self.huge else []), *self.more_words, *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(lambda: os.path.exists(self.socket), 30, "the sender's vhost port")
            os.chmod(self.socket, 0o666)
            self.start_on_ring()
            self.mark()
            sender.wait(SETTLE_S + 600)
        finally:
            sender.kill()
            sender.wait(10)
        if not report.exists():
            raise Failed("sluice-load: " + pathlib.Path(f"{self.directory}/sender.log").read_text()[-500:])
        return json.loads(report.read_text())

    def start(self):
        """load() does."""


class RingSluice(OnRing, Sluice):
    def __init__(self, directory, changes=None, certs=None):
        super().__init__(directory, changes, certs)
        self.socket = f"{self.directory}/vhost"
        config = self.appliance.config
        config["ports"][0]["gateways"] = []
        config["eal"]["args"] = ["--single-file-segments", "--iova-mode=va"]
        self.port(f"net_virtio_user0,path={self.socket},queues=1,queue_size={self.RING}")
        self.settings["port"] = f"net_virtio_user, {self.RING} descriptors"

    def port(self, devargs):
        self.appliance.config["ports"][0]["devargs"] = devargs
        self.appliance.write_config()

    def start(self):
        """Certificates and devices are there before the ring is: the sender begins as soon as that is."""
        if self.certs:
            devargs = self.appliance.config["ports"][0]["devargs"]
            self.port("net_null0")
            super(OnRing, self).start()
            self.appliance.stop()
            HugePages.forget(os.path.basename(self.directory))
            self.port(devargs)

    def start_on_ring(self):
        self.spawn()
        self.settings["huge"] = self.settings["huge"] and self.huge  # of both ends


class RingNull(RingSluice):
    name = "sluiced, null journal"
    binary = "bench/null/sluiced-null"

    def __init__(self, directory, speaks="udp-syslog"):
        super().__init__(directory, {"listen": {"trust-devid": ["0.0.0.0/0"], "cleartext": [speaks]}})
        self.settings.update(durable=False, compressed="no", journal="null")

    def compare(self):
        return None


class Bare(OnRing, Receiver):
    """Somebody who takes frames off the ring and stores nothing; it tells its cycles a frame when it ends."""

    MAC = "02:00:00:00:00:01"
    more_words = ("--target-mac", MAC)  # it announces no address

    def __init__(self, directory):
        super().__init__(directory)
        self.socket = f"{self.directory}/vhost"
        self.process = None
        self.settings = {"port": f"net_virtio_user, {self.RING} descriptors", "durable": False, "compressed": "no",
                         "version": measure.output("dpkg-query", "-W", "-f", "${Version}", "dpdk-dev")}

    def eal(self):
        return ["--no-pci", *([] if self.huge else ["--no-huge"]), "-m", "512", "--no-telemetry", "--file-prefix", os.path.basename(self.directory),
                "--single-file-segments", "--iova-mode=va",
                f"--vdev=net_virtio_user0,path={self.socket},queues=1,queue_size={self.RING},mac={self.MAC}"]

    def log(self):
        return pathlib.Path(f"{self.directory}/receiver.log")

    def start_on_ring(self):
        with open(self.log(), "wb") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=log, stderr=log)

    def pid(self):
        return self.process.pid

    def busy(self):
        """Of cycles it tells only at its end: see compare()."""
        return None

    def wait(self, report):
        return None, time.monotonic()

    def compare(self):
        """Its own count, and its cycles a frame, of rounds that found any."""
        report = json.loads((pathlib.Path(self.directory) / "report.json").read_text())
        self.process.communicate(b"\n", 30)
        taken, cycles, mhz = self.figures(self.log().read_text(errors="replace"))
        self.busy_us = cycles / mhz
        # Behind the logs came a ring's worth of frames that are for nobody.
        stored = min(taken, report["sent"])
        return {"stored": stored, "missing": report["sent"] - stored, "duplicate": 0, "altered": 0, "unsent": 0}

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)


class Testpmd(Bare):
    """What the ring and its driver alone can do: frames are taken and let go, none is looked at."""

    name = "testpmd rxonly"

    def command(self):
        return ["dpdk-testpmd", f"--lcores=0@{RECEIVER_CPU},1@{RECEIVER_CPU}", *self.eal(), "--", "--forward-mode=rxonly",
                "--auto-start", "--record-core-cycles", "--no-flush-rx", f"--rxd={self.RING}", f"--txd={self.RING}",
                "--burst=64", "--total-num-mbufs=16384"]

    def figures(self, text):
        taken = re.search(r"RX-total: (\d+)", text)
        cycles = re.search(r"CPU cycles/packet=([\d.]+) .* at (\d+) MHz", text)
        if not taken or not cycles:
            raise Failed("testpmd: " + text[-500:])
        return int(taken[1]), float(cycles[1]), float(cycles[2])


class Copied(Bare):
    """The least that one who keeps logs does beside: each datagram is copied, no header is looked at."""

    name = "frames copied, no more"

    def command(self):
        return [str(BUILD / "bench/ring_copy"), f"--lcores=0@{RECEIVER_CPU}", *self.eal()]

    def figures(self, text):
        said = re.search(r"^\{.*\}$", text, re.M)
        if not said:
            raise Failed("ring_copy: " + text[-500:])
        said = json.loads(said[0])
        return said["frames"], said["cycles_per_frame"], said["mhz"]
