"""RELP against the kernel's TCP: answers mean durable, order, long logs, the end."""

import os
import random
import signal
import socket

from appliance import balanced, stage
from cases import Failed, collector, equal, expect
from netns import HOST4, HOST6, PEER4
from relp import Client

CASES = []
RELP = {"cleartext": ["udp-syslog", "tcp-syslog", "relp"]}
case = collector(CASES, lambda **changes: stage({"listen": RELP, **changes}))


@case(quick=True)
def relp_answers_mean_durable(appliance):
    """RELP: every log is answered in order, is stored when it is, and the session is listed"""
    client = Client(appliance.ns.connect((HOST4, 514)))
    logs = [b"<13>relp %d %s" % (n, b"r" * (n * 7 % 900)) for n in range(1000)]
    client.send(logs)
    while client.unanswered:
        client.read()
    equal("answered", client.answered, logs)
    total = appliance.total()
    equal("stored when the last answer came", total["stored"], len(logs))
    expect(balanced(total), f"the account does not add up: {total}")
    kinds = [s["kind"] for s in appliance.ctl("session", "list")["sessions"]]
    equal("kinds of sessions", kinds, ["relp"])
    client.finish()
    equal("stored", appliance.logs("--device", PEER4), logs)
    equal("transport", {r["transport"] for r in appliance.records("--device", PEER4)}, {"relp"})


@case()
def relp_any_bytes(appliance):
    """RELP over IPv6: logs of any bytes and all lengths to message-size, a longer one is cut"""
    rng = random.Random(5)
    client = Client(appliance.ns.connect((HOST6, 514)))
    logs = [bytes(rng.randrange(256) for _ in range(n)) + b"." for n in (0, 1, 2, 1447, 1448, 9000)]
    logs += [b"x" * 65536, b"y" * 70000]
    client.send(logs)
    client.finish()
    records = appliance.records()
    stored = [r for r in records if r["transport"] == "relp"]
    equal("logs stored", len(stored), len(logs))
    equal("a long one", stored[-2]["log"], "x" * 65536)
    equal("one too long", (stored[-1]["log"], stored[-1]["flags"]), ("y" * 65536, ["cut"]))


@case()
def relp_sigterm_answers_all_that_is_stored(appliance):
    """SIGTERM while a RELP client sends: what is stored was answered, and it is told goodbye"""
    client = Client(appliance.ns.connect((HOST4, 514)))
    n = 0
    while len(client.answered) < 2000:
        if len(client.unanswered) < 500:
            client.send([b"<13>relp %d" % i for i in range(n, n + 100)])
            n += 100
        client.read()
    appliance.process.send_signal(signal.SIGTERM)
    while not client.ended:
        client.read()
    equal("exit status", appliance.stop(), 0)
    done = appliance.run("log", "show", "--raw", "--dir", str(appliance.journal))
    stored = [log for log in done.stdout.split(b"\n") if log.startswith(b"<13>relp")]
    equal("answered", client.answered, stored)
    expect(client.goodbye, "no serverclose")


@case()
def relp_disk_full_holds(appliance):
    """a journal that holds answers nothing; the session lives, and what was sent is stored after it"""
    client = Client(appliance.ns.connect((HOST4, 514)))
    usual = appliance.config["journal"]["min-free"]
    disk = os.statvfs(appliance.journal)
    min_free(appliance, disk.f_blocks * disk.f_frsize // 1048576 * 2)
    client.send([b"<13>held %d" % n for n in range(50)])
    total = appliance.wait_total("received", 50)
    state = None
    while state != "hold_disk_full":
        state = appliance.ctl("status")["journal"]["state"]
    equal("stored while it holds", appliance.total()["stored"], 0)
    client.socket.settimeout(0.5)
    try:
        client.read()
        raise Failed(f"{len(client.answered)} answers of a journal that holds")
    except TimeoutError:
        client.socket.settimeout(20)
    min_free(appliance, usual)
    while client.unanswered:
        client.read()
    client.finish()
    total = appliance.total()
    equal("stored", total["stored"], 50)
    expect(balanced(total), f"the account does not add up: {total}")


def min_free(appliance, value):
    appliance.config["journal"]["min-free"] = value if isinstance(value, str) else f"{value}MiB"
    appliance.write_config()
    appliance.ctl("config", "reload")


@case()
def relp_reload_forbids(appliance):
    """RELP taken out of listen.cleartext: its sessions end, new ones are refused"""
    client = Client(appliance.ns.connect((HOST4, 514)))
    appliance.config["listen"]["cleartext"] = ["udp-syslog"]
    appliance.write_config()
    appliance.ctl("config", "reload")
    expect(ended(client.socket), "the session lives on")
    late = appliance.ns.connect((HOST4, 514))
    late.sendall(b"1 open 30 relp_version=0\ncommands=syslog\n")
    expect(ended(late), "a new one is served")


def ended(s):
    s.settimeout(10)
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True
    except socket.timeout:
        return False
