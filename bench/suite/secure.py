"""Scenarios over TLS: logs, handshakes, sessions that only are there."""

import json
import pathlib
import tempfile

import measure
from cases import Failed
from netns import run
from receivers import BUILD, LOAD, RECEIVER_CPU, Rsyslog, Rsyslog12, Sluice, SyslogNg, SyslogNg12
from ring import RingSluice
from runs import middle, streams


class Certificates:
    """An authority, a certificate for the receiver, one for each of so many devices."""

    def __init__(self, bench, devices):
        self.directory = tempfile.TemporaryDirectory(dir=bench.directory)
        run(str(LOAD), "certs", "--directory", self.directory.name, "--devices", str(devices))

    def __enter__(self):
        return self.directory.name

    def __exit__(self, *_):
        self.directory.cleanup()


def tls(bench):
    """Mutual TLS 1.3 over 8 connections: records of up to 16 KiB, then a log a record."""
    with Certificates(bench, 8) as certs:
        for records, size in (("16 KiB", "16384"), ("a log", "1")):
            makers = {"sluiced": lambda: Sluice(bench.directory, certs=certs),
                      "sluiced, native": lambda: RingSluice(bench.directory, certs=certs),
                      "rsyslog": lambda: Rsyslog(bench.directory, "tls", 8, certs),
                      "syslog-ng": lambda: SyslogNg(bench.directory, "tls", 8, certs)}
            streams(bench, "tls", makers, ["--protocol", "tcp", "--flows", "8", "--devices", "8", "--certs", certs,
                                           "--tls-version", "1.3", "--write-bytes", size],
                    records=records, framing="newline", key="p-256")


def tls_loop(certs, count):
    """The same handshake by OpenSSL alone, in memory."""
    serial = sorted(pathlib.Path(certs).glob("FGT*.pem"))[0].stem
    text = run("taskset", "--cpu-list", str(RECEIVER_CPU), str(BUILD / "bench/tls_loop"), certs, serial, str(count))
    return json.loads(text)


def handshake(bench):
    """Full mutual TLS 1.3 handshakes, P-256 and X25519, one log each; against OpenSSL alone in memory."""
    with Certificates(bench, 256) as certs:
        makers = {"sluiced": lambda: Sluice(bench.directory, {"limits": {"handshake-rate": "none",
                                                                         "devices": 200000}}, certs),
                  "rsyslog": lambda: Rsyslog(bench.directory, "tls", 64, certs),
                  "syslog-ng": lambda: SyslogNg(bench.directory, "tls", 64, certs),
                  "rsyslog, Debian 12": lambda: Rsyslog12(bench.directory, "tls", 64, certs),
                  "syslog-ng, Debian 12": lambda: SyslogNg12(bench.directory, "tls", 64, certs)}
        found, loops = {name: [] for name in makers}, []
        for _ in range(bench.runs):
            loops.append(tls_loop(certs, 300 if bench.quick else 3000))
            for name, make in makers.items():
                with make() as receiver:
                    receiver.mark()
                    report = receiver.load("--certs", certs, "--tls-version", "1.3", "--devices", "256", "--at-once",
                                           "32", "--duration", str(bench.seconds), what="handshakes")
                    receiver.wait({**report, "sent": report["done"]})
                    used, threads, _ = receiver.spent()
                    idle = receiver.idle(threads)
                    missing = receiver.compare()["missing"]
                    # Peers may lose the log of a connection that is closed behind it; that is told.
                    if report["done"] == 0 or (missing and name == "sluiced"):
                        raise Failed(f"handshake {name}: {missing} of {report['done']} are missing")
                    found[name].append({"per_s": report["handshakes_per_s"], "report": report, "lost": missing,
                                        "cpu_us": used * 1e6 / report["done"], "receiver": receiver,
                                        "work_us": (used - idle) * 1e6 / report["done"]})
        bench.row("handshake", "OpenSSL, server's half, in memory", "memory",
                  [(1e6 / one["server_cpu_us"], 0, one["server_cpu_us"]) for one in loops], loops[0])
        loop = measure.spread([one["server_cpu_us"] for one in loops])[0]
        for name, runs in found.items():
            bench.row("handshake", name, "same", [(r["per_s"], 0, r["cpu_us"]) for r in runs],
                      {**runs[0]["receiver"].settings, "failed": sum(r["report"]["failed"] for r in runs),
                       "work_us": round(measure.spread([r["work_us"] for r in runs])[0], 2),
                       "capacity_per_s_computed": round(1e6 / measure.spread([r["work_us"] for r in runs])[0]),
                       "of_openssl_alone": round(loop / measure.spread([r["work_us"] for r in runs])[0], 3),
                       "key": "p-256", "group": "X25519", "at_once": 32, "resumption": "none"},
                      lost=sum(r["lost"] for r in runs), latency=middle([r["report"]["handshake_us"] for r in runs]))


def sessions(bench):
    """Memory of idle TLS sessions, each after one log; against what OpenSSL alone keeps for one."""
    count = 500 if bench.quick else 10000
    with Certificates(bench, count) as certs:
        bare = tls_loop(certs, 20)["idle_bytes"]
        makers = {"sluiced": lambda: Sluice(bench.directory, {"limits": {"handshake-rate": "none",
                                                                         "devices": 200000}}, certs),
                  "rsyslog": lambda: Rsyslog(bench.directory, "tls", count, certs),
                  "syslog-ng": lambda: SyslogNg(bench.directory, "tls", count, certs)}
        for name, make in makers.items():
            with make() as receiver:
                before = measure.resident(receiver.pid())
                sender = receiver.start_load("hold", "--certs", certs, "--tls-version", "1.3", "--devices", str(count),
                                             "--duration", "600")
                try:
                    held = int(sender.stdout.readline().split()[-1])
                    receiver.wait({"sent": held, "bytes": float("inf")})
                    each = (measure.resident(receiver.pid()) - before) / max(held, 1)
                finally:
                    sender.kill()
                    sender.wait(10)
                    sender.stdout.close()
                bench.row("sessions", name, "same", [(0, 0, 0)],
                          {**receiver.settings, "held": held, "wanted": count, "bytes_each": round(each),
                           "bytes_each_openssl_alone": bare, "bytes_each_beyond_openssl": round(each - bare),
                           "counted": "anonymous resident memory"})
                bench.say(f"  {held} held, {each:,.0f} bytes each, {each - bare:,.0f} beyond OpenSSL's {bare:,}")
