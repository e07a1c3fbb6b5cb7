"""TCP in bulk on one core, over a ring past both kernels, our own TCP at both ends; and where the cycles go."""

import pathlib
import re
import shutil
import signal
import subprocess

import measure
from receivers import RECEIVER_CPU
from ring import RingNull, RingSluice
from runs import one_run, settings_of

# Senders on the link itself: there is no gateway by which the answers would go.
WORDS = ["--protocol", "tcp", "--flows", "8", "--devices", "64", "--source-net", "192.0.2.16/28"]
# Lines out of a set that stays in the sender's cache: it is TCP that is measured, and 40 MiB of templates would have
# the sender wait for memory. The journal keeps the whole set, as the compressor sees what a line has of another.
FEW = ["--templates", "960"]
HEADERS = 66  # of a full frame: Ethernet, IPv4, TCP with timestamps
SYMBOLS = re.compile(r"^\s+([\d.]+)%\s+(\S+)\s+\[.\]\s+(\S+)", re.M)  # share, object, function


class Profiled(RingNull):
    """The same under `perf`: a sampling clock, as there may be no performance counters."""

    perf = None

    def mark(self):
        super().mark()
        self.perf = subprocess.Popen(
            ["perf", "record", "-q", "-e", "cpu-clock", "-F", "997", "-p", str(self.pid()), "-o", self.samples()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def samples(self):
        return str(pathlib.Path(self.directory) / "samples")

    def shares(self):
        """{function: percent of the samples}, those above 1 %."""
        self.perf.send_signal(signal.SIGINT)
        self.perf.wait(30)
        said = subprocess.run(["perf", "report", "--stdio", "-i", self.samples(), "--no-children", "-g", "none",
                               "--sort", "dso,symbol", "--percent-limit", "1"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False).stdout
        return {f"{symbol} in {where}": float(percent) for percent, where, symbol in SYMBOLS.findall(said)}

    def stop(self):
        if self.perf and self.perf.poll() is None:
            self.perf.kill()
            self.perf.wait(10)
        super().stop()


def wire(report):
    """Gb/s on the wire, and what our TCP sent again."""
    tcp = report["tcp"]
    framed = report["bytes"] + report["sent"]  # a newline each
    return (framed + HEADERS * tcp["segments"]) * 8 / report["elapsed_s"] / 1e9


def profile(bench):
    if not shutil.which("perf"):
        bench.say("bulk: no perf here, so no profile")
        return None
    with Profiled(bench.directory, "tcp-syslog") as receiver:
        one_run(receiver, *WORDS, *FEW, "--duration", str(bench.seconds))
        return receiver.shares()


def bulk(bench):
    """TCP in frames of up to 1,514 bytes into one core, newline framing, as fast as the ring takes it; a profile."""
    makers = {"sluiced, null journal": (lambda: RingNull(bench.directory, "tcp-syslog"), FEW),
              "sluiced": (lambda: RingSluice(bench.directory), [])}
    found = {name: [] for name in makers}
    for _ in range(bench.runs):
        for name, (make, words) in makers.items():
            with make() as receiver:
                result = one_run(receiver, *WORDS, *words, "--duration", str(bench.seconds))
                result["receiver"] = receiver
                found[name].append(result)
    shares = profile(bench)
    for name, runs in found.items():
        gbit = [wire(r["report"]) for r in runs]
        work = measure.spread([r["work_us"] for r in runs])[0]
        logs = measure.spread([r["logs_per_s"] for r in runs])[0]
        settings = settings_of(
            runs[0]["receiver"], runs, rate="closed loop", seconds=bench.seconds,
            gbit_per_s=round(measure.spread(gbit)[0], 2), gbit_per_s_of_each=[round(g, 2) for g in gbit],
            # What the receiver's core would take were it never idle: computed from its busy time.
            capacity_gbit_per_s_computed=round(measure.spread(gbit)[0] / max(logs * work / 1e6, 1e-9), 2),
            tcp=[r["report"]["tcp"] for r in runs], profile_percent=shares if "null" in name else None)
        bench.row("bulk", name, "native", [(r["logs_per_s"], r["bytes_per_s"], r["cpu_us"]) for r in runs],
                  settings, lost=sum(r["lost"] for r in runs))
        bench.say(f"           {settings['gbit_per_s']} Gb/s on the wire; CPU {RECEIVER_CPU} could take "
                  f"{settings['capacity_gbit_per_s_computed']} (computed); limited by {settings['limited_by']}")
    for symbol, percent in sorted((shares or {}).items(), key=lambda item: -item[1])[:16]:
        bench.say(f"           {percent:5.1f} %  {symbol}")
