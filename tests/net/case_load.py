"""sluice-load, the bench's fleet of senders: every log of it is stored once, as its own checker says, while
others do what no sender should."""

import contextlib
import json
import os
import subprocess
import tempfile
import time

from appliance import BUILD, Appliance, balanced, stage, wire_balanced
from cases import Failed, collector, equal, expect
from netns import HOST4, PEER4, Namespace

CASES = []
LOAD = BUILD / "bench/load/sluice-load"


@contextlib.contextmanager
def loaded(**changes):
    with stage(changes) as appliance:
        yield appliance


case = collector(CASES, loaded)


def start(appliance, *words):
    return subprocess.Popen(appliance.ns.command(str(LOAD), *words), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def end(process):
    out, _ = process.communicate(timeout=120)
    if process.returncode:
        raise Failed(f"sluice-load: status {process.returncode}: {out.decode()[-600:]}")
    return out.decode()


def send(appliance, name, *words):
    """Sends; the report's file."""
    report = appliance.dir / f"{name}.json"
    end(start(appliance, "send", "--target", HOST4, "--quiet", "--templates", "4800", "--json", str(report),
              *words))
    return report


def compare(report, *where):
    """What `sluice-load check` says; its status must fit."""
    done = subprocess.run([str(LOAD), "check", "--sent", str(report), *where], capture_output=True,
                          timeout=120, check=False)
    said = json.loads(done.stdout)
    equal("status of the check", done.returncode, 0 if said["equal"] else 1)
    return said


def stored_exactly(appliance, report, received, ordered=True):
    appliance.wait_total("stored", received)
    said = compare(report, "--journal", str(appliance.journal))
    expect(said["equal"], f"stored is not what was sent: {said}")
    equal("foreign", said["foreign"], 0)
    if ordered:
        equal("logs out of the order of their flow", said["reordered"], 0)


@case()
def load_udp(appliance):
    """sluice-load over UDP with GSO, four sockets for 1,000 devices, told by devid"""
    report = send(appliance, "udp", "--rate", "20000", "--count", "10000", "--flows", "4", "--devices", "1000",
                  "--durable", str(appliance.socket))
    stored_exactly(appliance, report, 10000, ordered=False)
    said = json.loads(report.read_text())
    equal("seen durable", said["durable"], 10000)
    equal("latencies", said["durable_latency_us"]["count"], 10000)
    equal("lateness of each log", said["lag_us"]["count"], 10000)


@case()
def load_udp_single(appliance):
    """The same by sendmmsg, read back by `log show --raw`"""
    report = send(appliance, "udp", "--rate", "20000", "--count", "5000", "--no-gso")
    appliance.wait_total("stored", 5000)
    raw = appliance.dir / "raw"
    raw.write_bytes(appliance.run("log", "show", "--raw").stdout)
    expect(compare(report, str(raw))["equal"], "log show --raw is not what was sent")
    lines = raw.read_bytes().splitlines(keepends=True)
    raw.write_bytes(b"".join(lines[:-1]))
    equal("missing, one line taken away", compare(report, str(raw))["missing"], 1)
    raw.write_bytes(b"".join(lines + lines[-1:]))
    equal("duplicate, one line twice", compare(report, str(raw))["duplicate"], 1)


@case()
def load_tcp(appliance):
    """sluice-load over eight TCP connections, newline framing, closed loop"""
    stored_exactly(appliance, send(appliance, "tcp", "--protocol", "tcp", "--count", "50000", "--flows", "8"),
                   50000)


@case()
def load_counted(appliance):
    """sluice-load over three TCP connections, octet counting, small writes"""
    stored_exactly(appliance, send(appliance, "counted", "--protocol", "counted", "--count", "20000", "--flows",
                                   "3", "--write-bytes", "1500", "--seed", "9"), 20000)


@case(cores={"rx": [1], "workers": [1]})
def load_evil(appliance):
    """Half frames, wrong counts, storms of connections and segments far outside of the window harm no one"""
    evil = [start(appliance, "evil", mode, "--target", HOST4, "--duration", "1", "--connections", "4")
            for mode in ("half-frame", "wrong-count", "reconnect-storm", "out-of-window")]
    report = send(appliance, "good", "--protocol", "tcp", "--rate", "5000", "--count", "10000", "--flows", "4",
                  "--seed", "77")
    said = [json.loads(end(process)) for process in evil]
    for one in said:
        expect(one["connections"] > 0 and one["refused"] == 0, f"{one['mode']}: {one}")
    equal("good logs that are not in the journal",
          compare(report, "--journal", str(appliance.journal))["missing"], 0)
    wire, total = appliance.wire(), appliance.total()
    expect(wire["rejected"]["tcp_out_of_window"] > 100, f"nothing was out of the window: {wire}")
    expect(wire_balanced(wire) and balanced(total), f"the books do not add up: {wire}, {total}")
    equal("exit status", appliance.stop(), 0)


@case()
def load_tiny_segments(appliance):
    """Logs that come a byte a segment"""
    report = appliance.dir / "tiny.json"
    end(start(appliance, "evil", "tiny-segments", "--target", HOST4, "--duration", "0.3", "--json", str(report)))
    logs = json.loads(report.read_text())["logs"]
    expect(logs > 0, "no logs")
    stored_exactly(appliance, report, logs)


@contextlib.contextmanager
def on_vhost():
    """sluice-load and sluiced with the two ends of a virtio ring; the sender has begun, and waits."""
    with tempfile.TemporaryDirectory(prefix="sluice-test-") as directory, contextlib.ExitStack() as stack:
        ns = Namespace()
        stack.callback(ns.close)
        path = directory + "/vhost"
        appliance = Appliance(ns, directory, {
            "ports": [{"name": "data0", "devargs": f"net_virtio_user0,path={path},queues=1",
                       "addresses": [HOST4 + "/24"], "gateways": [PEER4]}],
            "eal": {"args": ["--single-file-segments", "--iova-mode=va"]}})
        stack.callback(appliance.close)
        report = appliance.dir / "vhost.json"
        appliance.sender = start(appliance, "send", "--target", HOST4, "--vhost", path, "--source-net",
                                 "192.0.2.16/28", "--flows", "4", "--devices", "8", "--rate", "5000", "--count",
                                 "5000", "--templates", "4800", "--quiet", "--cpu", "0", "--json", str(report))
        stack.callback(appliance.sender.wait)
        stack.callback(appliance.sender.kill)
        deadline = time.monotonic() + 30
        while not os.path.exists(path):
            if appliance.sender.poll() is not None or time.monotonic() > deadline:
                raise Failed("sluice-load has no vhost port")
            time.sleep(0.02)
        os.chmod(path, 0o666)
        appliance.spawn()
        equal("wait ready", appliance.run("wait", "ready", "--timeout", "30").returncode, 0)
        yield appliance


vhost_case = collector(CASES, on_vhost)


@vhost_case()
def load_vhost(appliance):
    """sluice-load through net_vhost, past both kernels: four hosts, whose frames are their own"""
    end(appliance.sender)
    stored_exactly(appliance, appliance.dir / "vhost.json", 5000)
    equal("devices", sorted(d for d in appliance.accounts() if d.startswith("192.0.2.")),
          [f"192.0.2.{n}" for n in range(17, 21)])
    expect(wire_balanced(appliance.wire()), f"the wire does not add up: {appliance.wire()}")
    equal("bad checksums", appliance.wire()["rejected"]["bad_checksum"], 0)
