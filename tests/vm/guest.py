"""A guest with sluiced on a virtio-pci NIC behind an IOMMU; its NIC's other end is a TAP in a namespace."""

import base64
import glob
import json
import os
import pathlib
import shlex
import socket
import subprocess
import time

import initrd
from appliance import SLUICECTL, SLUICED, Appliance
from cases import Failed
from netns import HOST4, HOST6, HOST_MAC, PEER4, PEER6

DRIVERS = ("net_virtio", "bus_pci", "bus_vdev", "mempool_ring")
MODULES = ("vfio-pci", "vfio_iommu_type1")
USERS = "root:x:0:0:root:/:/bin/sh\nsluice:x:990:990::/var/lib/sluice:/bin/false\n"
GROUPS = "root:x:0:\nsluice:x:990:\nsluice-admin:x:991:\n"
CONFIG = {
    "node": {"name": "under-test"},
    "ports": [{"name": "data0", "devargs": "0000:00:03.0",
               "addresses": [HOST4 + "/24", HOST6 + "/64"], "gateways": [PEER4, PEER6]}],
    "eal": {"huge": "on", "memory": "256MiB"},
    "journal": {"dir": "/var/lib/sluice/journal", "min-free": "16MiB"},
}


def make_initrd(path):
    """sluiced and sluicectl as they were built, the drivers they load, and the guest's modules."""
    root = pathlib.Path(os.environ["GUEST"])
    image = initrd.Initrd()
    image.program(SLUICED, "/usr/bin/sluiced")
    image.program(SLUICECTL, "/usr/bin/sluicectl")
    # DPDK loads every file of this directory.
    folder = glob.glob("/usr/lib/*/dpdk/pmds-*")[0]
    for driver in DRIVERS:
        plugin = f"{folder}/librte_{driver}.so"
        image.same(plugin)
        image.libraries(plugin)
    image.file(root / "bin/busybox", "/bin/busybox", 0o755)
    image.link("busybox", "/bin/sh")
    modules = initrd.module_order(root / "lib/modules", MODULES)
    for module in modules:
        image.file(module, "/modules/" + os.path.basename(module))
    image.data("".join(os.path.basename(m) + "\n" for m in modules).encode(), "/modules/order")
    image.data(USERS.encode(), "/etc/passwd")
    image.data(GROUPS.encode(), "/etc/group")
    image.data(json.dumps(CONFIG).encode(), "/etc/sluice/sluice.yaml")
    image.file(pathlib.Path(__file__).with_name("init"), "/init", 0o755)
    for directory in ("proc", "sys", "dev", "tmp", "run", "var/lib"):
        image.directory(directory)
    image.write(path)
    return glob.glob(str(root / "boot/vmlinuz-*"))[0]


class Guest(Appliance):
    """The same questions as to a sluiced of this machine, asked over the guest's serial line."""

    def __init__(self, ns, directory):
        self.ns = ns
        self.dir = pathlib.Path(directory)
        self.journal = pathlib.Path("/var/lib/sluice/journal")
        self.log = self.dir / "console"
        self.process = None
        self.line = None

    def start(self, timeout=120):
        kernel = make_initrd(self.dir / "initrd")
        self.ns.ip("tuntap", "add", "dev", "sluice0", "mode", "tap")
        self.ns.ip("link", "set", "sluice0", "addrgenmode", "none")
        path = self.dir / "serial"
        command = self.ns.command(
            "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35,kernel-irqchip=split",
            "-cpu", "Nehalem", "-smp", "2", "-m", "1536", "-nodefaults", "-display", "none",
            "-no-reboot", "-device", "intel-iommu,intremap=on,caching-mode=on",
            "-netdev", "tap,id=n0,ifname=sluice0,script=no,downscript=no",
            "-device", "virtio-net-pci,netdev=n0,disable-legacy=on,iommu_platform=on,"
            f"addr=3,romfile=,mac={HOST_MAC}",
            "-kernel", kernel, "-initrd", str(self.dir / "initrd"),
            "-append", "console=ttyS0 quiet panic=-1 intel_iommu=on hugepages=192",
            "-serial", f"file:{self.log}",
            "-chardev", f"socket,id=c1,path={path},server=on,wait=off", "-serial", "chardev:c1")
        with open(self.dir / "qemu", "wb") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        end = time.monotonic() + timeout
        while not path.exists():
            self._still_there(end, "QEMU did not start")
            time.sleep(0.01)
        self.line = socket.socket(socket.AF_UNIX)
        self.line.connect(str(path))
        self.line.settimeout(timeout)
        self.reader = self.line.makefile("rb")
        self.ns.dress_tap()
        while self._read_line() != b"== up":
            pass
        done = self.run("wait", "ready", "--timeout", "60")
        if done.returncode:
            raise Failed(f"sluiced is not ready in the guest: status {done.returncode}")
        return self

    def _still_there(self, end, what):
        if self.process.poll() is not None:
            raise Failed("QEMU ended: " + (self.dir / "qemu").read_text())
        if time.monotonic() > end:
            raise Failed(what + " in time")

    def _read_line(self):
        try:
            line = self.reader.readline()
        except TimeoutError:
            raise Failed("the guest does not answer") from None
        if not line.endswith(b"\n"):
            raise Failed("the guest went away")
        return line.rstrip(b"\r\n")

    def shell(self, command):
        """Runs a command line in the guest: (status, output, errors)."""
        self.line.sendall(command.encode() + b"\n")
        parts = [[]]
        while True:
            line = self._read_line()
            if line.startswith(b"== "):
                out, err = (base64.b64decode(b"".join(p)) for p in parts)
                return int(line[3:]), out, err
            if line == b"--":
                parts.append([])
            else:
                parts[-1].append(line)

    def run(self, *words, timeout=60):
        status, out, err = self.shell(shlex.join(["sluicectl", *words]))
        return subprocess.CompletedProcess(words, status, out, err)

    def stop(self, timeout=60):
        """SIGTERM to sluiced; its exit status."""
        status, _, _ = self.shell("kill $(cat /run/sluiced.pid); n=0; until [ -e /run/sluiced.status ]; "
                                  f"do n=$((n + 1)); [ $n -lt {timeout * 10} ] || exit 99; sleep 0.1; "
                                  "done; exit $(cat /run/sluiced.status)")
        return status

    def trouble(self):
        text = self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
        try:
            text += self.shell("tail -n 40 /run/sluiced.log")[1].decode(errors="replace")
        except (OSError, Failed) as e:
            text += f"\n(the guest says nothing more: {e})"
        return "\n".join("    | " + line for line in text.splitlines())

    def close(self):
        if self.line is not None:
            self.line.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
