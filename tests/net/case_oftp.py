"""The OFTP profile on a running sluiced, by a client that was written from its page alone."""

import signal

from appliance import balanced, stage
from case_trust import issue, until
from cases import collector, equal, expect
from netns import HOST4
from oftp_client import ALLOWED, Client, Stream

CASES = []
case = collector(CASES, lambda **changes: stage(**changes))

SERIAL = "FGT60F0000000001"


def device(appliance, serial=SERIAL, authorized=True):
    """Its certificate and key."""
    if not appliance.ctl("cert", "list")["certificates"] or serial == SERIAL:
        appliance.ctl("cert", "ca-init", "--key", "p-256")
    pem = issue(appliance, serial)
    if authorized:
        appliance.ctl("device", "authorize", serial)
    return pem


def connect(appliance, streams=(), pem=None, serial=SERIAL, source=None):
    return Client(appliance.ns.connect((HOST4, 514), source=source), serial, streams, pem)


@case(quick=True)
def oftp_confirmed_means_durable(appliance):
    """OFTP: logs raw and lz4 in two vdoms on two connection ids are stored when they are confirmed"""
    pem = device(appliance)
    streams = [Stream(1), Stream(65535)]
    c = connect(appliance, streams, pem)
    reply = c.login(hostname="FW1", firmware="FortiGate-VM64 v7.4.11", timezone="(GMT+8:00)Here")
    equal("result", reply["result"], ALLOWED)
    equal("status text", reply["status_text"], "Log is allowed.")
    equal("server serials", reply["server_serial"], [appliance.ctl("status")["node"]["serial"]])
    equal("features", reply["features"], 1)
    logs = {1: [], 65535: []}
    for n in range(200):
        conn_id = 65535 if n % 3 == 0 else 1
        item = [b"<13>oftp %d.%d %s" % (n, k, b"x" * (n * 37 % 900)) for k in range(1 + n % 4)]
        c.log(conn_id, item, codec=n % 2, vdom=f"vd{n % 2}")
        logs[conn_id] += item
    c.confirmed()
    total = appliance.total()
    equal("stored", total["stored"], sum(map(len, logs.values())))
    expect(balanced(total), total)
    for conn_id, sent in logs.items():
        stored = [r for r in appliance.records("--device", SERIAL) if r["conn_id"] == conn_id]
        equal("logs", [r["log"].encode() for r in stored], sent)
        equal("transport", {r["transport"] for r in stored}, {"oftp"})
        seqs = [r["seq_no"] for r in stored]
        equal("order", seqs, sorted(seqs))
    equal("vdoms", {r["vdom"] for r in appliance.records("--device", SERIAL)}, {"vd0", "vd1"})
    equal("kinds", [s["kind"] for s in appliance.ctl("session", "list")["sessions"]], ["oftp"])
    equal("asked", c.query(1)[2], streams[0].last)
    c.send("KEEPALIVE", 77)
    name, tag, options = c.until("KEEPALIVE_ANSWER")
    equal("its answer", (tag, options["keepalive_state"][0]), (77, 0))
    c.bye()
    until(appliance, "Down", lambda: not appliance.ctl("device", "show", SERIAL)["up"])


@case()
def oftp_resumes_after_kill_9(appliance):
    """sluiced and its client are killed again and again: each log is there once, in order"""
    pem = device(appliance)
    stream = Stream(3)
    sent = []
    for life in range(4):
        c = connect(appliance, [stream], pem)
        equal("result", c.login()["result"], ALLOWED)
        for n in range(300):
            item = [b"<13>life %d log %d" % (life, n)]
            c.log(3, item)
            sent += item
            if n == 150:
                while stream.confirmed < stream.last - 100:
                    c.until("SEQ_REPLY")
        if life % 2:
            appliance.kill()
            appliance.start()
        c.drop()
    c = connect(appliance, [stream], pem)
    equal("result", c.login()["result"], ALLOWED)
    c.confirmed()
    stored = [log for log in appliance.logs("--device", SERIAL) if log.startswith(b"<13>life")]
    equal("stored", stored, sent)
    c.bye()


@case()
def oftp_sigterm_says_bye(appliance):
    """SIGTERM in the midst of it: what is stored is confirmed, then BYE"""
    stream = Stream(1)
    c = connect(appliance, [stream], device(appliance))
    c.login()
    for n in range(500):
        c.log(1, [b"<13>term %d" % n])
    while stream.confirmed < 100:
        c.until("SEQ_REPLY")
    appliance.process.send_signal(signal.SIGTERM)
    c.until("BYE")
    equal("exit status", appliance.stop(), 0)
    done = appliance.run("log", "show", "--raw", "--dir", str(appliance.journal))
    stored = [log for log in done.stdout.split(b"\n") if log.startswith(b"<13>term")]
    equal("confirmed", stream.confirmed, len(stored))
