"""sluice-load, the bench's fleet of senders: every log of it is stored once, as its own checker says, while
others do what no sender should."""

import contextlib
import json
import os
import subprocess
import tempfile
import time

from appliance import BUILD, Appliance, Rpc, balanced, stage, wire_balanced
from case_trust import until
from cases import Failed, collector, equal, expect
from netns import HOST4, HOST_MAC, PEER4, TAP, Namespace

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


def send_datagrams(appliance, name, *words):
    """Over UDP. The kernel must not lose one: not while it asks for sluiced's MAC, nor in the TAP's queue."""
    appliance.ns.ip("neigh", "replace", HOST4, "lladdr", HOST_MAC, "dev", TAP, "nud", "permanent")
    report = send(appliance, name, *words)
    equal("frames the TAP dropped", appliance.ns.tap_drops(), 0)
    return report


def stored_exactly(appliance, report, received, ordered=True):
    total = appliance.wait_total("stored", received)
    equal("received beside what was sent", total["received"] - received, 0)
    said = compare(report, "--journal", str(appliance.journal))
    expect(said["equal"], f"stored is not what was sent: {said}")
    equal("foreign", said["foreign"], 0)
    if ordered:
        equal("logs out of the order of their flow", said["reordered"], 0)


def settled(appliance):
    """All that was received is stored or dropped."""
    until(appliance, "nothing pending", lambda: appliance.total()["pending"] == 0)


@case()
def load_udp(appliance):
    """sluice-load over UDP with GSO, four sockets for 1,000 devices, told by devid"""
    report = send_datagrams(appliance, "udp", "--rate", "20000", "--count", "10000", "--flows", "4", "--devices",
                            "1000", "--durable", str(appliance.socket))
    stored_exactly(appliance, report, 10000, ordered=False)
    said = json.loads(report.read_text())
    equal("seen durable", said["durable"], 10000)
    equal("latencies", said["durable_latency_us"]["count"], 10000)
    equal("lateness of each log", said["lag_us"]["count"], 10000)


@case()
def load_udp_single(appliance):
    """The same by sendmmsg, read back by `log show --raw`"""
    report = send_datagrams(appliance, "udp", "--rate", "20000", "--count", "5000", "--no-gso")
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


@case(cores={"rx": [1], "workers": [1]}, listen={"cleartext": ["tcp-syslog", "relp"]})
def load_evil(appliance):
    """Half frames, wrong counts, storms of connections, segments far outside of the window, handshakes that
    stall and readers that do not read harm no one"""
    evil = [start(appliance, "evil", mode, "--target", HOST4, "--duration", "1", "--connections", "4")
            for mode in ("half-frame", "wrong-count", "reconnect-storm", "out-of-window", "stalled-handshake",
                         "slow-reader")]
    report = send(appliance, "good", "--protocol", "tcp", "--rate", "5000", "--count", "10000", "--flows", "4",
                  "--seed", "77")
    said = [json.loads(end(process)) for process in evil]
    for one in said:
        expect(one["connections"] > 0 and one["refused"] == 0, f"{one['mode']}: {one}")
        expect(one["mode"] != "slow-reader" or one["logs"] > 0, f"it was not heard: {one}")
    settled(appliance)
    equal("good logs that are not in the journal",
          compare(report, "--journal", str(appliance.journal))["missing"], 0)
    wire, total = appliance.wire(), appliance.total()
    expect(wire["rejected"]["tcp_out_of_window"] > 0, f"nothing was out of the window: {wire}")
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
def on_vhost(words, listen=None):
    """sluice-load and sluiced with the two ends of a virtio ring; the sender has begun, and waits."""
    with tempfile.TemporaryDirectory(prefix="sluice-test-") as directory, contextlib.ExitStack() as stack:
        ns = Namespace()
        stack.callback(ns.close)
        path = directory + "/vhost"
        appliance = Appliance(ns, directory, {
            "ports": [{"name": "data0", "devargs": f"net_virtio_user0,path={path},queues=1",
                       "addresses": [HOST4 + "/24"], "gateways": [PEER4]}],
            "eal": {"args": ["--single-file-segments", "--iova-mode=va"]}, **({"listen": listen} if listen else {})})
        stack.callback(appliance.close)
        report = appliance.dir / "vhost.json"
        appliance.sender = start(appliance, "send", "--target", HOST4, "--vhost", path, "--source-net",
                                 "192.0.2.16/28", "--flows", "4", "--devices", "8", "--templates", "4800",
                                 "--quiet", "--cpu", "0", "--json", str(report), *words)
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


@vhost_case(words=["--rate", "5000", "--count", "5000"])
def load_vhost(appliance):
    """sluice-load through net_vhost, past both kernels: four hosts, whose frames are their own"""
    end(appliance.sender)
    stored_exactly(appliance, appliance.dir / "vhost.json", 5000)
    equal("devices", sorted(d for d in appliance.accounts() if d.startswith("192.0.2.")),
          [f"192.0.2.{n}" for n in range(17, 21)])
    expect(wire_balanced(appliance.wire()), f"the wire does not add up: {appliance.wire()}")
    equal("bad checksums", appliance.wire()["rejected"]["bad_checksum"], 0)


def native(appliance, count):
    """Our own TCP at both ends: all is stored, in order; nothing is refused, and both sides are done."""
    end(appliance.sender)
    report = appliance.dir / "vhost.json"
    stored_exactly(appliance, report, count)
    wire = appliance.wire()
    expect(wire_balanced(wire), f"the wire does not add up: {wire}")
    equal("bad checksums", wire["rejected"]["bad_checksum"], 0)
    tcp = json.loads(report.read_text())["tcp"]
    expect(tcp["segments"] > 4 * 4 and tcp["acknowledgements"] > 4 * 2, f"too few segments: {tcp}")


@vhost_case(words=["--protocol", "tcp", "--count", "40000"])
def load_tcp_native(appliance):
    """sluice-load's own TCP through net_vhost: four hosts, newline framing, closed loop"""
    native(appliance, 40000)


@vhost_case(words=["--protocol", "counted", "--count", "5000", "--rate", "20000", "--write-bytes", "700"])
def load_counted_native(appliance):
    """The same with octet counting, at a rate, in writes of a log"""
    native(appliance, 5000)


@vhost_case(words=["--protocol", "relp", "--count", "20000", "--window", "64"],
            listen={"cleartext": ["relp"], "trust-devid": ["0.0.0.0/0"]})
def load_relp_native(appliance):
    """RELP on our own TCP: every log is answered, and told to be"""
    native(appliance, 20000)
    equal("acknowledged", json.loads((appliance.dir / "vhost.json").read_text())["acked"], 20000)


def fleet(appliance, devices):
    """Certificates for so many devices and for sluiced, which knows them all; their directory."""
    certs = appliance.dir / "certs"
    end(subprocess.Popen([str(LOAD), "certs", "--directory", str(certs), "--devices", str(devices)],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    appliance.ctl("cert", "import", str(certs / "ca.pem"))
    appliance.ctl("cert", "import", str(certs / "receiver.pem"), "--name", "receiver")
    appliance.ctl("cert", "use", "receiver")
    control = Rpc(appliance)
    for pem in certs.glob("FGT*.pem"):
        control.ask("device.authorize", device=pem.stem)
    return certs


@case(listen={"cleartext": ["relp"], "trust-devid": ["0.0.0.0/0"]})
def load_relp(appliance):
    """sluice-load over RELP: every log is acknowledged, closed loop and at a rate"""
    report = send(appliance, "relp", "--protocol", "relp", "--count", "30000", "--flows", "16", "--window", "64")
    stored_exactly(appliance, report, 30000)
    said = json.loads(report.read_text())
    equal("acknowledged", said["acked"], 30000)
    equal("latencies", said["ack_latency_us"]["count"], 30000)


@case()
def load_oftp(appliance):
    """sluice-load as devices of the OFTP profile: every log is confirmed, one an item and sixteen, compressed, at
    a rate, with windows that fill; a device that waits to be authorized fails its flow"""
    certs = fleet(appliance, 8)
    logs = 0
    for seed, words in enumerate((("--count", "8000", "--window", "64", "--item-logs", "1"),
                                  ("--count", "8000", "--lz4", "--write-bytes", "1000"),
                                  ("--count", "2000", "--rate", "20000", "--window", "1", "--item-logs", "48"))):
        report = send(appliance, f"oftp{seed}", "--protocol", "oftp", "--flows", "8", "--seed", str(seed), "--certs",
                      str(certs), *words)
        count = int(words[1])
        logs += count
        said = json.loads(report.read_text())
        equal("acknowledged", said["acked"], count)
        equal("latencies", said["ack_latency_us"]["count"], count)
        # Acknowledged is durable: nothing is waited for.
        records = [r for r in appliance.records() if r["transport"] == "oftp"]
        equal("stored", len(records), logs)
        raw = appliance.dir / "raw"
        raw.write_text("".join(r["log"] + "\n" for r in records[-count:]))
        said = compare(report, str(raw))
        expect(said["equal"] and said["reordered"] == 0, f"{words}: stored is not what was sent: {said}")
    serials = {pem.stem for pem in certs.glob("FGT*.pem")}
    equal("devices", {r["device"] for r in records}, serials)
    total = appliance.total()
    expect(balanced(total), f"the books do not add up: {total}")
    appliance.ctl("device", "forget", min(serials))
    waits = start(appliance, "send", "--target", HOST4, "--quiet", "--protocol", "oftp", "--templates", "48",
                  "--devices", "8", "--flows", "8", "--certs", str(certs), "--count", "8")
    out, _ = waits.communicate(timeout=120)
    equal("status", waits.returncode, 1)
    expect(b"was not accepted: not_authorized" in out, out)


@case()
def load_tls(appliance):
    """TLS, each flow with the certificate of its device: newline framing, octet counting, a log a record, RELP"""
    certs = fleet(appliance, 4)
    logs = 0
    for seed, words in enumerate((("tcp",), ("counted", "--tls-version", "1.2"), ("tcp", "--write-bytes", "1"),
                                  ("relp", "--window", "256"))):
        protocol, *more = words
        report = send(appliance, f"tls{seed}", "--protocol", protocol, "--count", "8000", "--flows", "4",
                      "--seed", str(seed), "--certs", str(certs), *more)
        logs += 8000
        appliance.wait_total("stored", logs)
        raw = appliance.dir / "raw"
        raw.write_bytes(b"".join(
            line + b"\n" for line in [log for log in appliance.logs() if log.startswith(b"<")][-8000:]))
        said = compare(report, str(raw))
        expect(said["equal"], f"{words}: stored is not what was sent: {said}")
    serials = {pem.stem for pem in certs.glob("FGT*.pem")}
    accounts = appliance.accounts()
    equal("logs of the four", sum(accounts[name]["stored"] for name in serials), logs)
    expect(all(accounts[name]["stored"] for name in serials), f"a device has none: {accounts}")


@case(limits={"handshake-rate": "none"})
def load_handshakes(appliance):
    """Handshake after handshake, full and resumed; then a hundred sessions that stay"""
    certs = fleet(appliance, 100)
    words = ("--target", HOST4, "--certs", str(certs), "--devices", "100", "--quiet")
    report = appliance.dir / "full.json"
    end(start(appliance, "handshakes", *words, "--count", "400", "--json", str(report)))
    said = json.loads(report.read_text())
    equal("full", [said["done"], said["failed"], said["resumed"]], [400, 0, 0])
    settled(appliance)
    equal("missing", compare(report, "--journal", str(appliance.journal))["missing"], 0)
    end(start(appliance, "handshakes", *words, "--count", "400", "--at-once", "20", "--resume", "--json",
              str(report)))
    said = json.loads(report.read_text())
    equal("resumed", [said["done"], said["failed"], said["resumed"]], [400, 0, 380])
    held = start(appliance, "hold", *words, "--duration", "60")
    equal("held", held.stdout.readline(), b"held 100\n")
    # A client of TLS 1.3 is done with the handshake before the server is.
    until(appliance, "100 sessions", lambda: sum(
        g["sessions"] for g in appliance.ctl("tls", "show")["sessions"]) == 100)
    held.kill()
    held.wait()
    held.stdout.close()
