"""tls-fleet: thousands of TLS devices in a namespace, told what to do line by line (tests/net/peer/fleet.c)."""

import json
import re
import subprocess

from appliance import BUILD
from cases import Failed, equal
from netns import HOST4

PROGRAM = BUILD / "tests/net/peer/tls-fleet"


def serial(k):
    return f"FLEET{k:06d}"


class Fleet:
    def __init__(self, appliance, most):
        self.most = most
        # Each device has an address of its own; sluiced's gateway is the namespace.
        appliance.ns.ip("route", "replace", "local", "10.7.0.0/16", "dev", "lo")
        self.process = subprocess.Popen(
            appliance.ns.command(str(PROGRAM), HOST4, str(appliance.dir), str(most)),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise Failed("tls-fleet did not start")
        appliance.ctl("cert", "import", str(appliance.dir / "fleet-ca.pem"), "--name", "fleet")

    def do(self, *words):
        """What it says when it is done."""
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"tls-fleet ended at {words}, status {self.process.wait(10)}")
        return json.loads(line)

    def come(self, first, count, at_once):
        """All of them get in, at the first attempt."""
        said = self.do("open", first, count, at_once)
        equal(f"{count} devices, {at_once} at once: in", said["in"], count)
        return said

    def close(self):
        self.process.kill()
        self.process.communicate()


def authorize(rpc, first, count):
    for k in range(first, first + count):
        said = rpc.call("device.authorize", device=serial(k))
        if "error" in said:
            raise Failed(f"device.authorize: {said}")


def metrics(appliance):
    """Name, with labels, to value."""
    with appliance.ns.connect(("127.0.0.1", 9514)) as s:
        s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: s.recv(65536), b"")).decode()
    return {m[1]: float(m[2]) for m in re.finditer(r"^(sluice_\S+) (\S+)$", answer, re.M)}


def summed(numbers, name):
    """Of all labels."""
    return sum(v for k, v in numbers.items() if k.split("{")[0] == name)
