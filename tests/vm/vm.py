"""sluiced in a guest, on a virtio-pci NIC bound to vfio-pci behind an emulated Intel IOMMU: logs sent from
a namespace of this machine are stored in the guest and read back."""

import collections
import contextlib
import pathlib
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from appliance import balanced, wire_balanced  # noqa: E402
from cases import Suite, equal, expect  # noqa: E402
from guest import Guest  # noqa: E402
from netns import HOST4, HOST6, PEER4, PEER6, Namespace  # noqa: E402

suite = Suite("vm")
WINDOW = 100


def log(kind, n):
    return b"<134>date=2025-03-01 devname=vm kind=%s n=%d %s" % (kind.encode(), n, b"x" * (n % 400))


@contextlib.contextmanager
def stage():
    with tempfile.TemporaryDirectory(prefix="sluice-vm-") as directory:
        ns = Namespace()
        guest = Guest(ns, directory)
        try:
            yield guest
        finally:
            guest.close()
            ns.close()


@suite.case()
def virtio_pci(guest):
    """UDP, TCP over IPv4 and IPv6, and logger, to sluiced on virtio-pci"""
    guest.start()
    ports = guest.ctl("port", "list")["ports"]
    equal("driver of the port", ports[0]["driver"], "net_virtio")

    datagrams = [log("udp", n) for n in range(1000)]
    with guest.ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for at in range(0, len(datagrams), WINDOW):
            for text in datagrams[at:at + WINDOW]:
                s.sendto(text, (HOST4, 514))
            guest.wait_total("received", at + WINDOW)

    streams = {}
    for source, host in ((PEER4, HOST4), (PEER6, HOST6)):
        streams[source] = [log("tcp" + source, n) for n in range(3000)]
        with guest.ns.connect((host, 514), timeout=60) as s:
            s.sendall(b"\n".join(streams[source]) + b"\n")
            s.shutdown(socket.SHUT_WR)
            equal("bytes that sluiced sent", s.recv(1), b"")
    said = subprocess.run(guest.ns.command("logger", "-n", HOST4, "-P", "514", "--tcp", "--stderr",
                                           "--octet-count", "hello from logger"),
                          stdin=subprocess.DEVNULL, capture_output=True, check=True).stderr
    single = said.rstrip(b"\n").split(b" ", 1)[1]

    sent = len(datagrams) + sum(map(len, streams.values())) + 1
    total = guest.wait_total("stored", sent, timeout=60)
    equal("received", total["received"], sent)
    expect(balanced(total), f"the account does not add up: {total}")
    wire = guest.wire()
    expect(wire_balanced(wire), f"the wire does not add up: {wire}")

    stored = guest.logs("--device", PEER4)
    wanted = collections.Counter(datagrams + streams[PEER4] + [single])
    expect(collections.Counter(stored) == wanted, "what came over IPv4 is not what is stored")
    equal("TCP logs in order", [s for s in stored if b"kind=tcp" in s] == streams[PEER4], True)
    equal("logs over IPv6, in order", guest.logs("--device", PEER6) == streams[PEER6], True)
    equal("exit status of sluiced at SIGTERM", guest.stop(), 0)
    code, said = guest.verify()
    equal(f"journal verify ({said})", code, 0)


if __name__ == "__main__":
    sys.exit(suite.main(stage))
