"""sluiced under test: its configuration, its life, and what sluicectl says of it."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from cases import Failed
from netns import HOST4, HOST6, HOST_MAC, PEER4, PEER6, Namespace

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", TOP / "build"))
SLUICED = BUILD / "control/sluiced"
SLUICECTL = BUILD / "control/cli/sluicectl"


def merge(into, other):
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
    return into


class Appliance:
    """One sluiced with a TAP port in `ns`; `changes` are merged into its configuration."""

    def __init__(self, ns, directory, changes=None):
        self.ns = ns
        self.dir = pathlib.Path(directory)
        self.socket = self.dir / "control.sock"
        self.journal = self.dir / "journal"
        self.log = self.dir / "sluiced.log"
        self.file = self.dir / "sluice.yaml"
        self.process = None
        self.config = merge({
            "node": {"name": "under-test"},
            "ports": [{"name": "data0", "devargs": f"net_tap0,iface=sluice0,mac={HOST_MAC}",
                       "addresses": [HOST4 + "/24", HOST6 + "/64"], "gateways": [PEER4, PEER6]}],
            "eal": {"huge": "off", "memory": "192MiB", "file-prefix": self.dir.name},
            "control": {"socket": str(self.socket)},
            "journal": {"dir": str(self.journal), "min-free": "64MiB"},
            "metrics": {"listen": "127.0.0.1:9514"},
        }, changes or {})
        self.dir.chmod(0o755)
        self.journal.mkdir(mode=0o750)
        for path in (self.dir, self.journal):
            shutil.chown(path, "sluice", "sluice")
        self.write_config()

    def write_config(self):
        """JSON is YAML."""
        self.file.write_text(json.dumps(self.config, indent=1), encoding="utf-8")

    # ---- life

    def spawn(self, *before):
        """`before`: the command line that runs it."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.ns.command(*before, str(SLUICED), "--config", str(self.file)),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self, *before, timeout=60):
        self.spawn(*before)
        end = time.monotonic() + timeout
        while "LOWER_UP" not in self.ns.ip("link", "show", "sluice0"):
            self._still_there(end, "its port did not come up")
            time.sleep(0.01)
        self.ns.dress_tap()
        while True:
            self._still_there(end, "it did not get ready")
            if self.run("wait", "ready", "--timeout", "5").returncode == 0:
                break
        self.ns.dress_tap()
        return self

    def _still_there(self, end, what):
        code = self.process.poll()
        if code is not None:
            raise Failed(f"sluiced ended with status {code}")
        if time.monotonic() > end:
            raise Failed(f"sluiced: {what} in time")

    def stop(self, timeout=30):
        """Ends it by SIGTERM; its exit status, 0 when all was well."""
        self.process.terminate()
        return self._reap(timeout)

    def kill(self):
        self.process.kill()
        return self._reap(60)

    def _reap(self, timeout):
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(10)
            raise Failed(f"sluiced did not end within {timeout} s") from None
        self.process = None
        return code

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)  # the kernel waits for its disk
            self.process = None
        # EAL leaves its run-time directory, in a place that all namespaces share.
        shutil.rmtree(f"/var/run/dpdk/{self.dir.name}", ignore_errors=True)

    # ---- what sluicectl says

    def run(self, *words, timeout=60):
        """sluicectl with these words; the finished process, bytes in stdout and stderr."""
        return subprocess.run([str(SLUICECTL), "--socket", str(self.socket), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              check=False)

    def ctl(self, *words, status=0):
        """`sluicectl --json ...`: the object it prints; another exit status is a failure."""
        done = self.run("--json", *words)
        if done.returncode != status:
            raise Failed(f"sluicectl {' '.join(words)}: status {done.returncode}, "
                         f"{(done.stderr or done.stdout).decode(errors='replace').strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def total(self):
        """The total of all devices but sluiced itself, whose own events are logs too."""
        said = self.ctl("account", "list")
        total = said["total"]
        if not balanced(total):
            raise Failed(f"the total does not add up: {total}")
        for own in (a for a in said["accounts"] if a["device"] == "under-test"):
            for key in ("received", "stored", "duplicate", "pending"):
                total[key] -= own[key]
            for reason, number in own["dropped"].items():
                total["dropped"][reason] -= number
        return total

    def accounts(self):
        return {a["device"]: a for a in self.ctl("account", "list")["accounts"]}

    def metrics(self):
        """The page of metrics; its answer's head must say that all is well."""
        with self.ns.connect(("127.0.0.1", 9514)) as s:
            s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            head, text = b"".join(iter(lambda: s.recv(65536), b"")).decode().split("\r\n\r\n", 1)
        if " 200 " not in head.splitlines()[0]:
            raise Failed(head)
        return text

    def wire(self):
        return self.ctl("account", "list")["wire"]

    def wait_total(self, field, wanted, timeout=30):
        """Until the total of all devices has `field` >= wanted; the total. Asks again and again:
        each question takes a process of its own, which paces the loop."""
        end = time.monotonic() + timeout
        while True:
            total = self.total()
            if total[field] >= wanted:
                return total
            if time.monotonic() > end:
                raise Failed(f"{field} is {total[field]} after {timeout} s, wanted {wanted}: {total}")

    def logs(self, *words):
        """What is stored, as bytes of each log, in journal order; own events are left out."""
        done = self.run("log", "show", "--raw", *words)
        if done.returncode:
            raise Failed(f"log show: status {done.returncode}, {done.stderr.decode()}")
        return done.stdout.split(b"\n")[:-1]

    def records(self, *words):
        """`log show --json`: one object a log."""
        done = self.run("--json", "log", "show", *words)
        if done.returncode:
            raise Failed(f"log show: status {done.returncode}, {done.stderr.decode()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def verify(self):
        """Exit status of `journal verify` on the directory, and what it said."""
        done = self.run("journal", "verify", "--dir", str(self.journal), timeout=300)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def complaints(self):
        """What a sanitizer has said, if sluiced was built with one."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        at = [n for n, line in enumerate(lines) if "runtime error:" in line or "Sanitizer:" in line]
        return "\n".join(lines[max(0, at[0] - 2):at[0] + 40]) if at else ""

    def trouble(self):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join("    | " + line for line in text.splitlines()[-40:])


class Rpc:
    """The control socket without sluicectl."""

    def __init__(self, appliance):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(appliance.socket))
        self.file = self.socket.makefile("rb")

    def raw(self, line):
        self.socket.sendall(line + b"\n")
        return self.read()

    def read(self):
        line = self.file.readline()
        if not line:
            raise Failed("sluiced closed the control connection")
        return json.loads(line)

    def call(self, method, **params):
        return self.raw(json.dumps({"jsonrpc": "2.0", "id": 7, "method": method,
                                    "params": params}).encode())

    def ask(self, method, **params):
        """The same, for who wants a result."""
        said = self.call(method, **params)
        if "result" not in said:
            raise Failed(f"{method}: {said}")
        return said["result"]


def balanced(account):
    """received = stored + duplicate + pending + dropped."""
    dropped = sum(account["dropped"].values())
    return account["received"] == (account["stored"] + account["duplicate"] + account["pending"]
                                   + dropped)


def wire_balanced(wire):
    return wire["packets"] == wire["accepted"] + sum(wire["rejected"].values())


@contextlib.contextmanager
def stage(changes=None, start=True, mtu=1500):
    """A namespace with a running sluiced; everything is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sluice-test-") as directory:
        ns = Namespace()
        try:
            ns.make_tap(mtu=mtu)
            appliance = Appliance(ns, directory, changes)
            try:
                if start:
                    appliance.start()
                yield appliance
                appliance.close()
                complaints = appliance.complaints()
                if complaints:
                    raise Failed("a sanitizer says:\n" + complaints)
            finally:
                appliance.close()
        finally:
            ns.close()
