"""The management side of a running sluiced: socket, roles, sluicectl, reload, metrics, following."""

import json
import os
import pwd
import re
import signal
import socket
import subprocess
import threading

import appliance as lib
from appliance import Rpc, stage
from case_wire import send
from cases import collector, equal, expect
from netns import PEER4

CASES = []
case = collector(CASES, lambda **changes: stage(**changes))


@case(quick=True)
def every_question(appliance):
    """each noun and verb that only reads answers, as JSON and as text"""
    send(appliance, [b"<13>one"])
    appliance.wait_total("stored", 1)
    for words in (["status"], ["version"], ["config", "show"], ["port", "list"], ["session", "list"],
                  ["account", "list"], ["account", "show", PEER4], ["gap", "list"],
                  ["journal", "list"], ["settings", "list"], ["audit", "list"]):
        answer = appliance.ctl(*words)
        equal(f"schema of {words}", answer["schema"], 1)
        done = appliance.run(*words)
        equal(f"status of {words}", done.returncode, 0)
        expect(done.stdout.strip(), f"{words} says nothing")
    status = appliance.ctl("status")
    for key in ("version", "node", "state", "uptime_s", "journal", "ports", "sessions", "devices",
                "settings", "alarms"):
        expect(key in status, f"status lacks {key}")


@case()
def exit_statuses(appliance):
    """2 usage, 3 nobody there, 5 not found, 6 timeout"""
    equal("nonsense", appliance.run("nonsense", "verb").returncode, 2)
    equal("no such device", appliance.run("account", "show", "10.9.9.9").returncode, 5)
    equal("no such session", appliance.run("session", "kill", "123456").returncode, 5)
    nobody = subprocess.run([lib.SLUICECTL, "--socket", "/nonexistent/socket", "status"],
                            stdin=subprocess.DEVNULL, capture_output=True, check=False)
    equal("nobody there", nobody.returncode, 3)
    waited = subprocess.run([lib.SLUICECTL, "--socket", "/nonexistent/socket", "wait", "ready",
                             "--timeout", "1"], stdin=subprocess.DEVNULL, capture_output=True,
                            check=False)
    expect(waited.returncode in (3, 6), f"wait for nobody: {waited.returncode}")


@case()
def rights(appliance):
    """a stranger is refused, a member of sluice reads, a member of sluice-admin writes"""
    def as_user(uid, groups, *words):
        return subprocess.run([lib.SLUICECTL, "--socket", str(appliance.socket), *words],
                              user=uid, group=uid, extra_groups=groups, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False).returncode

    import grp
    nobody = pwd.getpwnam("nobody").pw_uid
    read, write = grp.getgrnam("sluice").gr_gid, grp.getgrnam("sluice-admin").gr_gid
    equal("a stranger reads", as_user(nobody, [], "status"), 4)
    equal("a reader reads", as_user(nobody, [read], "status"), 0)
    equal("a reader writes", as_user(nobody, [read], "config", "reload"), 4)
    equal("an admin writes", as_user(nobody, [write], "config", "reload"), 0)
    audit = appliance.ctl("audit", "list")["audit"]
    expect(any(row["what"] == "config.reload" and row["who"] == "nobody" for row in audit),
           f"the audit does not have it: {audit}")


@case()
def bad_requests(appliance):
    """what is no JSON, no request, no method, or too long is answered by name"""
    rpc = Rpc(appliance)
    equal("no JSON", rpc.raw(b"hello")["error"]["code"], -32700)
    equal("no request", rpc.raw(b"[1]")["error"]["code"], -32600)
    equal("no method", rpc.call("no.such")["error"]["code"], -32601)
    equal("bad params", rpc.call("account.show", device=[1])["error"]["code"], -32602)
    expect("result" in rpc.call("status"), "the connection does not live on")
    try:  # longer than the longest that somebody who may import CRLs can send
        rpc.socket.sendall(b"x" * (4 << 20))
        with_error = rpc.file.readline()
    except (BrokenPipeError, ConnectionResetError):
        with_error = b""  # closed while we wrote
    expect(not with_error or b"error" in with_error, f"a line of 4 MiB: {with_error!r}")
    expect(Rpc(appliance).call("status")["result"], "sluiced does not answer any more")


@case()
def subscription(appliance):
    """journal.subscribe announces what became durable"""
    rpc = Rpc(appliance)
    rpc.raw(b'{"jsonrpc":"2.0","id":1,"method":"journal.subscribe"}')
    send(appliance, [b"<13>%d" % n for n in range(500)])
    base = None
    while True:
        said = rpc.read().get("params", {})
        if "logs" in said:
            base = said["logs"] if base is None else base
            expect(said["logs"] >= base and said["durable_block"] > 0, f"announced {said}")
            if said["logs"] >= 500:
                break


@case()
def follow_and_grep(appliance):
    """log show --follow --grep prints what comes, as it comes"""
    process = subprocess.Popen([lib.SLUICECTL, "--socket", str(appliance.socket), "log", "show",
                                "--follow", "--raw", "--grep", "wanted [0-9]+$"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    killer = threading.Timer(30, process.kill)
    killer.start()
    try:
        got = []
        for n in range(5):
            send(appliance, [b"<13>wanted %d" % n, b"<13>other %d" % n])
            got.append(process.stdout.readline())
        equal("followed", got, [b"<13>wanted %d\n" % n for n in range(5)])
    finally:
        killer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


@case()
def times(appliance):
    """--since and --until, in each way to write a time"""
    send(appliance, [b"<13>early"])
    appliance.wait_total("stored", 1)
    first = appliance.records("--device", PEER4)[0]["time"]
    expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", first), f"time {first}")
    for words, number in ((["--since", "15m"], 1), (["--since", first], 1), (["--until", "2h"], 0),
                          (["--until", first], 1), (["--since", "2000000000", "--until", "2000000001"], 0)):
        equal(f"logs with {words}", len(appliance.logs("--device", PEER4, *words)), number)


@case()
def metrics(appliance):
    """Prometheus text with the same numbers as the accounts"""
    send(appliance, [b"<13>%d" % n for n in range(321)])
    appliance.wait_total("stored", 321)
    text = appliance.metrics()
    expect(re.search(r"^sluice_\w*received\w*(\{[^}]*\})? 32[1-9]", text, re.M),
           f"no such number: {[x for x in text.splitlines() if 'received' in x]}")
    for line in text.splitlines():
        expect(not line or line.startswith("#")
               or re.fullmatch(r'sluice_[a-z0-9_]+(\{.*\})? -?[0-9.e+-]+', line), f"bad line {line!r}")


@case()
def reload_allow(appliance):
    """a reload applies listen.allow while running; a bad file changes nothing"""
    send(appliance, [b"<13>before"])
    appliance.config.setdefault("listen", {})["allow"] = ["198.51.100.0/24"]
    appliance.write_config()
    appliance.ctl("config", "reload")
    with appliance.ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"<13>while forbidden", ("192.0.2.2", 514))
    good = appliance.file.read_text()
    appliance.file.write_text(good.replace('"allow"', '"alow"'))
    equal("reload of a bad file", appliance.run("config", "reload").returncode, 1)
    said = appliance.run("--json", "config", "reload")
    equal("the same in JSON", said.returncode, 1)
    equal("its reason", json.loads(said.stderr)["error"]["data"]["reason"], "invalid")
    appliance.config["listen"]["allow"] = ["0.0.0.0/0", "::/0"]
    appliance.write_config()
    # By SIGHUP this time; the audit tells when it is done.
    known = len(appliance.ctl("audit", "list")["audit"])
    appliance.process.send_signal(signal.SIGHUP)
    while len(appliance.ctl("audit", "list")["audit"]) == known:
        pass
    send(appliance, [b"<13>after"])
    appliance.wait_total("stored", 2)
    equal("logs", appliance.logs("--device", PEER4), [b"<13>before", b"<13>after"])


@case()
def not_root(appliance):
    """after its start sluiced is user sluice, without capabilities to become root again"""
    status = dict(line.split(":\t", 1) for line in
                  open(f"/proc/{appliance.process.pid}/status", encoding="ascii") if ":\t" in line)
    equal("uids", set(status["Uid"].split()), {str(pwd.getpwnam("sluice").pw_uid)})
    effective = int(status["CapEff"], 16)
    for name, bit in (("CAP_SETUID", 7), ("CAP_SYS_ADMIN", 21), ("CAP_DAC_OVERRIDE", 1),
                      ("CAP_SYS_PTRACE", 19), ("CAP_SYS_MODULE", 16)):
        expect(not effective >> bit & 1, f"it still has {name}")
    for path in appliance.journal.iterdir():
        equal(f"others' rights on {path.name}", os.stat(path).st_mode & 0o7, 0)


@case()
def top(appliance):
    """top prints at least one line of JSON"""
    process = subprocess.Popen([lib.SLUICECTL, "--socket", str(appliance.socket), "--json", "top"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    killer = threading.Timer(20, process.kill)
    killer.start()
    try:
        json.loads(process.stdout.readline())
    finally:
        killer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


@case()
def telemetry(appliance):
    """DPDK's telemetry socket knows the port, and sluiced's own numbers"""
    send(appliance, [b"<13>%d" % n for n in range(50)])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(10)
        s.connect(f"/var/run/dpdk/{appliance.dir.name}/dpdk_telemetry.v2")
        json.loads(s.recv(65536))  # who is there

        def ask(command):
            s.send(command.encode())
            return json.loads(s.recv(1 << 20))[command.split(",")[0]]

        equal("ports", ask("/ethdev/list"), [0])
        stats = ask("/ethdev/stats,0")
        expect(stats["ipackets"] >= 50, f"stats of the port: {stats}")
        own = [c for c in ask("/") if c.startswith("/sluice/")]
        expect(own, "no command of sluiced's own")
        for command in own:
            expect(ask(command) is not None, f"{command} says nothing")
