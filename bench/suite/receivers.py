"""Who is measured: sluiced, and rsyslog and syslog-ng of today's Debian, tuned, each on one CPU.

    sender (CPU 0) -- veth, receive softirq steered to CPU 1 -- a peer, or sluiced by af_packet (CPU 1)   same path

The native path's are in ring.py. Every receiver stores into a directory of its own, on the same file system.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/lib"))

import measure  # noqa: E402
from appliance import BUILD, Appliance, Rpc  # noqa: E402
from cases import Failed  # noqa: E402
from netns import HOST4, PEER4, Namespace, run  # noqa: E402
from system import HugePages  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]
LOAD = BUILD / "bench/load/sluice-load"
SENDER_CPU, RECEIVER_CPU = 0, 1
SETTLE_S = 60
POLLING = ("lcore-", "rte-worker", "dpdk-worker")  # EAL's names of the threads that poll, by version
AF_PACKET = "framesz=2048,blocksz=1048576,framecnt=16384"


class Receiver:
    """One life of a receiver: `with Sluice(...) as r:`; r.load(...) sends, r.wait(...) until it is stored."""

    path = "same"

    def __init__(self, directory):
        self.directory = tempfile.mkdtemp(prefix="sluice-bench-", dir=directory)
        self.ns = self.far = None
        self.begun, self.softirq_before, self.threads_before, self.busy_before = None, 0, {}, None

    def mark(self):
        """From here on CPU time is counted."""
        self.busy_before = self.busy()
        self.threads_before = measure.thread_cpu(self.pid())
        self.softirq_before = measure.softirq(RECEIVER_CPU)
        self.begun = time.monotonic(), measure.unused(RECEIVER_CPU)

    def busy(self):
        """Seconds of rounds that did something, for who polls; None: all of its CPU time is work."""
        return None

    def idle(self, threads):
        """CPU seconds since mark() of rounds that found nothing, of what spent() says by thread."""
        if self.busy_before is None:
            return 0.0
        polling = sum(seconds for name, seconds in threads.items() if name.startswith(POLLING))
        return max(0.0, polling - (self.busy() - self.busy_before))

    def kept(self):
        """What its disk holds of the logs, where it can tell."""
        return {}

    def spent(self):
        """Seconds since mark(): its CPU's that were used, by whatever (threads, softirqs in their place or in none, the
        kernel's threads); of them the receiver's by thread's name, and softirqs as sampled. One lies in another."""
        since, unused = self.begun
        used = time.monotonic() - since - (measure.unused(RECEIVER_CPU) - unused)
        threads = {}
        for thread, (name, seconds) in measure.thread_cpu(self.pid()).items():
            before = self.threads_before.get(thread, (name, 0))[1]
            threads[name] = threads.get(name, 0) + seconds - before
        return used, threads, measure.softirq(RECEIVER_CPU) - self.softirq_before

    def load(self, *words, what="send"):
        """Sends to it; sluice-load's report."""
        report = pathlib.Path(self.directory) / "report.json"
        done = subprocess.run(self.ns.command("taskset", "--cpu-list", str(SENDER_CPU), str(LOAD), what, "--target",
                                              HOST4, "--quiet", "--json", str(report), *words),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if not report.exists():
            raise Failed(f"sluice-load: {done.stderr[-500:]}")
        said = json.loads(report.read_text())
        if done.returncode:
            said["said"] = done.stderr[-500:]
        return said

    def start_load(self, what, *words):
        """The same in the background: the process, its standard output a pipe."""
        return subprocess.Popen(self.ns.command("taskset", "--cpu-list", str(SENDER_CPU), str(LOAD), what, "--target",
                                                HOST4, "--quiet", *words),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def check(self, *where):
        """What became of the logs of the last report."""
        done = subprocess.run([str(LOAD), "check", "--sent", f"{self.directory}/report.json", *where],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if not done.stdout:
            raise Failed(f"sluice-load check: {done.stderr[-500:]}")
        return json.loads(done.stdout)

    def veth(self):
        """A namespace for the sender, one for the receiver."""
        self.ns = Namespace(f"sluice-bench-{os.getpid()}")
        self.far = Namespace(f"sluice-far-{os.getpid()}")
        self.ns.ip("link", "add", "veth1", "type", "veth", "peer", "name", "veth0", "netns", self.far.name)
        self.ns.ip("addr", "add", PEER4 + "/24", "dev", "veth1")
        self.ns.ip("link", "set", "veth1", "up")
        self.far.ip("link", "set", "veth0", "up")
        # Not BBR, whose timer would pace the sender packet by packet.
        run("ip", "netns", "exec", self.ns.name, "sysctl", "-q", "-w", "net.ipv4.tcp_congestion_control=reno")
        # Frames of a real line's size for everybody, which the kernel may join again as it does behind a NIC.
        self.ns.ip("link", "set", "veth1", "gso_max_segs", "1")
        # Each end's receive work on its own CPU; ip netns exec mounts the namespace's own /sys.
        for ns, link, cpu in ((self.far, "veth0", RECEIVER_CPU), (self.ns, "veth1", SENDER_CPU)):
            run("ip", "netns", "exec", ns.name, "sh", "-c",
                f"echo {1 << cpu:x} >/sys/class/net/{link}/queues/rx-0/rps_cpus")

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.stop()
            for ns in (self.far, self.ns):
                if ns:
                    ns.close()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)
            HugePages.forget(os.path.basename(self.directory))


class Sluice(Receiver):
    name = "sluiced"
    binary = "control/sluiced"

    def __init__(self, directory, changes=None, certs=None):
        super().__init__(directory)
        self.certs = certs
        os.chmod(self.directory, 0o755)
        self.veth()
        home = pathlib.Path(self.directory) / "sluiced"
        home.mkdir()
        base = {
            "ports": [{"name": "data0", "devargs": f"net_af_packet0,iface=veth0,{AF_PACKET}",
                       "addresses": [HOST4 + "/24"], "gateways": []}],
            "cores": {"rx": [RECEIVER_CPU], "workers": [RECEIVER_CPU], "compressors": 1, "poll": "shared"},
            "eal": {"huge": "auto", "memory": "512MiB", "file-prefix": os.path.basename(self.directory)},
            "listen": {"trust-devid": ["0.0.0.0/0"]},
            "limits": {"devices": 200000},
        }
        for key, value in (changes or {}).items():
            base.setdefault(key, {}).update(value) if isinstance(value, dict) else base.update({key: value})
        self.appliance = Appliance(self.far, home, base)
        self.settings = {"cores": base["cores"], "journal": base.get("journal", {}), "port": f"net_af_packet on veth, {AF_PACKET}, RPS to the receiver's CPU",
                         "durable": True, "compressed": "zstd"}

    def spawn(self):
        import appliance as lib
        lib.SLUICED = BUILD / self.binary
        self.appliance.spawn("taskset", "--cpu-list", str(RECEIVER_CPU))
        if self.appliance.run("wait", "ready", "--timeout", "60").returncode:
            raise Failed(f"sluiced does not get ready: {self.appliance.log.read_text()[-800:]}")
        # Of a receiver that has two starts, neither had to do without.
        self.settings["huge"] = "no free hugepages" not in self.appliance.log.read_text()

    def start(self):
        self.spawn()
        if self.certs:
            self.appliance.ctl("cert", "import", f"{self.certs}/ca.pem")
            self.appliance.ctl("cert", "import", f"{self.certs}/receiver.pem", "--name", "receiver")
            self.appliance.ctl("cert", "use", "receiver")
            control = Rpc(self.appliance)
            for pem in pathlib.Path(self.certs).glob("FGT*.pem"):
                control.ask("device.authorize", device=pem.stem)

    def stop(self):
        with contextlib.suppress(Exception):
            if self.appliance.process:
                self.appliance.stop()
        self.appliance.close()

    def pid(self):
        return self.appliance.process.pid

    def busy(self):
        """By the clock: what another thread took of the CPU meanwhile counts as busy, so idle() says too little."""
        return sum(float(v) for v in re.findall(r"^sluice_lcore_busy_seconds_total\{.*\} (\S+)$",
                                                self.appliance.metrics(), re.M))

    def total(self):
        """Of all devices but sluiced itself, asked for without a list of them, which takes seconds where there are 100,000.
        Its own is asked for before and after, until it has said nothing in between."""
        own = self.account("under-test")
        for _ in range(20):
            total = self.account()
            before, own = own, self.account("under-test")
            if own == before:
                return {key: total[key] - own[key] for key in own}
        raise Failed("sluiced says events of its own all the time, so the others' logs cannot be told")

    def account(self, *device):
        said = self.appliance.ctl("account", "show", *device)
        return {key: said[key] for key in ("received", "stored", "pending")}

    def stored(self):
        return self.total()["stored"]

    def wait(self, report):
        """Until nothing is pending and the sum stands still; (logs stored, when the last one was)."""
        end = time.monotonic() + SETTLE_S
        before, since = -1, time.monotonic()
        while time.monotonic() < end:
            total = self.total()
            now = time.monotonic()
            if total["stored"] != before:
                before, since = total["stored"], now
            if total["stored"] >= report["sent"] or (now - since > 0.5 and total["pending"] == 0):
                break
            time.sleep(0.05)  # each question is work of the receiver's
        return before, since

    def compare(self):
        return self.check("--journal", str(self.appliance.journal))

    def kept(self):
        """Raw bytes by bytes on disk, metadata among these, and how many blocks were stored raw."""
        segments = self.appliance.ctl("journal", "list")["segments"]
        status = self.appliance.ctl("journal", "status")
        return {"ratio": round(sum(s["raw_bytes"] for s in segments) / max(1, sum(s["bytes"] for s in segments)), 2),
                "blocks": status["blocks_compressed"] + status["blocks_raw"], "raw_blocks": status["blocks_raw"]}


class Peer(Receiver):
    """rsyslog or syslog-ng in its chroot, in a namespace behind a veth."""

    def __init__(self, directory, protocol, flows, certs=None):
        super().__init__(directory)
        self.protocol, self.flows, self.certs = protocol, flows, certs
        self.root = measure.output(str(TOP / "tests/peers/fetch"), self.package).strip().splitlines()[-1]
        self.process = None
        self.veth()
        self.far.ip("addr", "add", HOST4 + "/24", "dev", "veth0")
        os.makedirs(os.path.join(self.root, "tmp"), exist_ok=True)
        self.home = tempfile.mkdtemp(prefix="sluice-", dir=os.path.join(self.root, "tmp"))
        # What it stores goes where everybody's goes, not where its chroot happens to lie.
        run("mount", "--bind", self.directory, self.home)
        self.inside = "/tmp/" + os.path.basename(self.home)
        self.file = pathlib.Path(self.home) / "stored"
        self.settings = {"package": self.package, "version": self.version(), "protocol": protocol,
                         "durable": False, "compressed": "no", "port": "veth, RPS to the receiver's CPU", "openssl": measure.openssl(self.root)}

    def in_chroot(self, *words):
        return ["chroot", self.root, *words]

    def version(self):
        """What it says of itself: the chroot is unpacked, not installed, and knows no packages."""
        said = measure.output(*self.in_chroot(self.command()[0], self.version_option)).splitlines()
        return said[0].strip() if said else None

    def start(self):
        configuration = self.in_its_words(
            (pathlib.Path(__file__).parent / "peers" / f"{self.name}-{self.kind()}.conf").read_text())
        if self.certs:
            inside = pathlib.Path(self.home) / "certs"
            inside.mkdir()
            for name in ("ca.pem", "receiver.pem"):
                shutil.copy(f"{self.certs}/{name}", inside)
            shutil.copy(f"{self.certs}/receiver.pem", inside / "receiver.key")
        (pathlib.Path(self.home) / "conf").write_text(
            configuration.replace("@DIR@", self.inside).replace("@ADDRESS@", HOST4))
        self.settings["configuration"] = f"bench/suite/peers/{self.name}-{self.kind()}.conf"
        with open(f"{self.directory}/log", "wb") as log:
            self.process = subprocess.Popen(
                self.far.command("taskset", "--cpu-list", str(RECEIVER_CPU), *self.in_chroot(*self.command())),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 30
        flag = "-lun" if self.protocol == "udp" else "-ltn"
        while ":514 " not in measure.output(*self.far.command("ss", flag)):
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"{self.name} does not listen: "
                             + pathlib.Path(f"{self.directory}/log").read_text(errors="replace")[-800:])
            time.sleep(0.05)

    def in_its_words(self, configuration):
        return configuration

    def kind(self):
        return self.protocol

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
            self.process = None
        if getattr(self, "home", None):
            run("umount", self.home, check=False)
            with contextlib.suppress(OSError):
                os.rmdir(self.home)
            self.home = None

    def pid(self):
        return self.process.pid

    def size(self):
        try:
            return self.file.stat().st_size
        except OSError:
            return 0

    def wait(self, report):
        """Until its file has all, or stands still."""
        # Of handshakes the number of bytes is not told: there it is until nothing comes any more.
        wanted = report["bytes"] + report["sent"] if "bytes" in report else float("inf")
        end = time.monotonic() + SETTLE_S
        before, since = -1, time.monotonic()
        while time.monotonic() < end:
            size, now = self.size(), time.monotonic()
            if size != before:
                before, since = size, now
            if size >= wanted or now - since > 1.5:
                break
            time.sleep(0.02)
        return None, since

    def compare(self):
        return self.check(str(self.file))


class Rsyslog(Peer):
    name, package, version_option = "rsyslog", "rsyslog-13", "-v"

    def compare(self):
        """Its last buffer is written when it closes the file."""
        size = self.size()
        self.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 5
        while self.size() == size and time.monotonic() < end:
            time.sleep(0.05)
        return super().compare()

    def command(self):
        return ["/usr/sbin/rsyslogd", "-n", "-f", f"{self.inside}/conf", "-i", f"{self.inside}/pid"]


class SyslogNg(Peer):
    name, package, version_option = "syslog-ng", "syslog-ng-13", "--version"

    def command(self):
        return ["/usr/sbin/syslog-ng", "--foreground", "--no-caps", "--cfgfile", f"{self.inside}/conf",
                "--persist-file", f"{self.inside}/persist", "--control", f"{self.inside}/ctl",
                "--pidfile", f"{self.inside}/pid", "--worker-threads", "1"]


class Rsyslog12(Rsyslog):
    """Debian 12's: with sluiced's OpenSSL, where sluiced is built on Debian 12."""

    package = "rsyslog"


class SyslogNg12(SyslogNg):
    package = "syslog-ng"

    def in_its_words(self, configuration):
        return configuration.replace("stats(freq(0))", "stats-freq(0)")
