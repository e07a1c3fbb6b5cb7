"""sluice-send against sluiced: what it says is confirmed is stored, once, in order."""

import os
import pty
import random
import re
import signal
import subprocess
import time

from appliance import BUILD, balanced, stage
from case_trust import issue, password_file, until
from cases import collector, equal, expect
from netns import HOST4

CASES = []
case = collector(CASES, lambda **changes: stage(changes))

SEND = BUILD / "send/sluice-send"
SERIAL = "FGT60F0000000001"


class Send:
    """The device's side: its configuration, made by `trust`, and its processes."""

    def __init__(self, appliance, who=None):
        """`who`: lines instead of the certificate."""
        self.appliance = appliance
        appliance.ctl("cert", "ca-init", "--key", "p-256")
        who = who or f'    set certificate "{issue(appliance, SERIAL)}"\n'
        self.config, self.control = appliance.dir / "send.conf", appliance.dir / "send.sock"
        self.config.write_text("config log fortianalyzer setting\n"
                               f'    set server "{HOST4}"\n{who}'
                               f'    set control "{self.control}"\n'
                               "    set monitor-failure-retry-period 1\n"
                               "    set monitor-keepalive-period 1\nend\n", encoding="ascii")
        self.say("trust", "--yes")

    def command(self, *words):
        return self.appliance.ns.command(str(SEND), *map(str, words), "--config", str(self.config))

    def say(self, *words, status=0):
        done = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)
        equal(f"{words}: {done.stdout}{done.stderr}", done.returncode, status)
        return done.stdout

    def types(self, *words, secret):
        """What it says on a terminal of its own, where it asks for a password."""
        command = self.command(*words)
        child, terminal = pty.fork()
        if child == 0:
            os.execvp(command[0], command)
        said = b""
        try:
            while b"Password: " not in said:
                said += os.read(terminal, 4096)
            os.write(terminal, secret.encode() + b"\n")
            while part := os.read(terminal, 4096):
                said += part
        except OSError:
            pass  # it has ended
        os.close(terminal)
        equal(f"{words}: {said}", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        return said.decode()

    def start(self, *words, **how):
        self.said = open(self.appliance.dir / "send.said", "w+b")
        return subprocess.Popen(self.command(*words), stdout=self.said, stderr=subprocess.STDOUT,
                                **{"stdin": subprocess.DEVNULL, **how})

    def diagnose(self, level):
        """Nothing, as long as none runs."""
        return subprocess.run([str(SEND), "diagnose", level, "--control", str(self.control)],
                              capture_output=True, text=True, check=False).stdout

    def ends(self, process, status=0):
        got = process.wait(timeout=120)
        self.said.seek(0)
        said = self.said.read().decode()
        equal(f"exit status: {said}", got, status)
        return said


def lines(n, kind=b"traffic"):
    return [b'<189>date=2026-11-22 devname="fw" type="%s" vd="%s" n=%d %s'
            % (kind, (b"root", b"dmz")[k // 50 % 2], k, b"x" * (k * 7 % 300)) for k in range(n)]


def ours(appliance):
    return [log for log in appliance.logs("--device", SERIAL) if b" n=" in log]


@case(quick=True)
def send_is_let_in_and_stored(appliance):
    """sluice-send: unknown it waits, authorized it sends; its words, and what is stored"""
    send = Send(appliance)
    expect("Registration: pending" in send.say("test-connectivity"), "it is not pending")
    appliance.ctl("device", "authorize", SERIAL)
    serial = appliance.ctl("status")["node"]["serial"]
    said = send.say("test-connectivity")
    for word in ("Registration: registered", "Connection: allow", f"serial number is: {serial}"):
        expect(word in said, said)
    sent = lines(5000)
    file = appliance.dir / "lines"
    file.write_bytes(b"".join(line + b"\n" for line in sent))
    said = send.ends(send.start(file))
    expect("5000 logs confirmed, 0 dropped" in said, said)
    equal("stored", ours(appliance), sent)
    equal("vdoms", {r["vdom"] for r in appliance.records("--device", SERIAL)}, {"root", "dmz"})
    total = appliance.total()
    expect(balanced(total), total)
    appliance.ctl("device", "deny", SERIAL)
    said = send.say("test-connectivity", status=1)
    expect(said.startswith("Failed to get FAZ's status. Authentication Failed. (-19)\n"), said)
    expect("The server says: denied" in said and "device authorize" in said, said)
    said = send.say("test-connectivity", "--device-serial", "web1", status=1)
    expect("The server says: no_legal_sn: certificate or login has no serial number that is legal there "
           "(the login says web1, which is no serial number by auth.serial-pattern)\nWhat to do: " in said, said)
    expect("`sluicectl cert issue SERIAL`" in said, said)


@case()
def send_over_an_outage(appliance):
    """sluiced is gone and back: the queue fills and clears, each log is stored once"""
    send = Send(appliance)
    appliance.ctl("device", "authorize", SERIAL)
    sent = lines(3000)
    one = send.start(stdin=subprocess.PIPE)

    def write(part):
        one.stdin.write(b"".join(line + b"\n" for line in part))
        one.stdin.flush()

    def waiting():
        return sum(map(int, re.findall(r" logs:(\d+)\n", send.diagnose("41"))))

    write(sent[:1000])
    until(appliance, "a thousand confirmed", lambda: "confirmed=1000," in send.diagnose("1"))
    equal("waiting", waiting(), 0)
    appliance.kill()
    write(sent[1000:])
    until(appliance, "all read", lambda: "added=3000," in send.diagnose("1"))
    equal("waiting", waiting(), 2000)
    appliance.start()
    one.stdin.close()
    expect("3000 logs confirmed, 0 dropped" in send.ends(one), "not all is confirmed")
    equal("stored", ours(appliance), sent)


@case()
def send_killed_with_its_spill(appliance):
    """sluice-send and sluiced are killed by turns; the spill goes on: each line once, in order"""
    send = Send(appliance)
    appliance.ctl("device", "authorize", SERIAL)
    seed = int(time.time())
    rng = random.Random(seed)
    sent = lines(40000)
    file, spill = appliance.dir / "lines", appliance.dir / "spill"
    file.write_bytes(b"".join(line + b"\n" for line in sent))
    for life in range(6):
        one = send.start(file, "--spill", spill, "--queue-size", "1MiB")
        before, more = appliance.total()["stored"], rng.randrange(4000)
        until(appliance, "more is stored",
              lambda: one.poll() is not None or appliance.total()["stored"] >= before + more)
        if life % 2:
            appliance.kill()
        one.send_signal(signal.SIGKILL)
        one.wait()
        if life % 2:
            appliance.start()
    said = send.ends(send.start(file, "--spill", spill, "--queue-size", "1MiB"))
    expect("0 dropped, 0 in the spill" in said, said)
    got = ours(appliance)
    equal(f"logs (seed {seed})", len(got), len(sent))
    equal(f"as sent (seed {seed})", got == sent, True)
    equal("gaps", appliance.ctl("account", "show", SERIAL)["gaps"], [])


@case()
def send_without_reliable(appliance):
    """`reliable disable`: logs go as EC CF records over UDP and are the session's serial's"""
    send = Send(appliance)
    appliance.ctl("device", "authorize", SERIAL)
    sent = lines(300)
    one = send.start("--reliable", "disable", stdin=subprocess.PIPE)
    for n in range(0, 300, 10):
        one.stdin.write(b"".join(line + b"\n" for line in sent[n:n + 10]))
        one.stdin.flush()
        until(appliance, "they are stored", lambda: len(ours(appliance)) == n + 10)
    one.stdin.close()
    expect("300 logs sent, 0 dropped" in send.ends(one), "not all is sent")
    equal("stored", ours(appliance), sent)
    equal("vdoms", {r["vdom"] for r in appliance.records("--device", SERIAL)}, {"root", "dmz"})


@case(listen={"tls-client-certificate": "optional"})
def send_by_password(appliance):
    """sluice-send by user and password instead of a certificate: from a file, waiting to be authorized, over an
    outage, from the terminal; a wrong one is -19"""
    password = password_file(appliance, "correct horse")
    send = Send(appliance, f'    set device-serial "{SERIAL}"\n    set legacy-user "fgt"\n'
                           f'    set legacy-password "{password}"\n')
    appliance.ctl("user", "add", "fgt", "--password-file", password)
    failed = "Failed to get FAZ's status. Authentication Failed. (-19)\nThe server says: "
    equal("not allowed yet", send.say("test-connectivity", status=1),
          failed + "legacy_disabled: this device may not log in by user and password\n")
    appliance.ctl("settings", "set", "legacy-auth-mode", "enable")
    bad = failed + "bad_password: user, password or preshared key is wrong (user fgt: e=invalid-proof)\n"
    wrong = appliance.dir / "wrong"
    wrong.write_text("wrong horse\n", encoding="ascii")
    equal("wrong, and unknown", send.say("test-connectivity", "--legacy-password", wrong, status=1),
          bad)
    expect(SERIAL not in str(appliance.ctl("device", "list")), "who proves nothing is registered")
    said = send.say("test-connectivity")
    expect("Registration: pending" in said and f"device authorize {SERIAL}" in said, said)
    sent = lines(2000)
    one = send.start(stdin=subprocess.PIPE)
    until(appliance, "it waits", lambda: "state=pending" in send.diagnose("1"))
    appliance.ctl("device", "authorize", SERIAL)
    expect("Registration: registered" in send.say("test-connectivity"), "it is not let in")
    for part in (sent[:1000], sent[1000:]):
        one.stdin.write(b"".join(line + b"\n" for line in part))
        one.stdin.flush()
        if part[0] == sent[0]:
            until(appliance, "half of it is stored", lambda: len(ours(appliance)) == 1000)
            appliance.kill()
    appliance.start()
    one.stdin.close()
    expect("2000 logs confirmed, 0 dropped" in send.ends(one), "not all is confirmed")
    equal("stored", ours(appliance), sent)
    equal("a wrong one", send.say("test-connectivity", "--legacy-password", wrong, status=1), bad)
    send.config.write_text(send.config.read_text().replace(f'    set legacy-password "{password}"\n', ""))
    said = send.types("test-connectivity", secret="correct horse")
    expect("Registration: registered" in said and "horse" not in said, said)


@case()
def send_two_streams(appliance):
    """Two of one certificate, each with its connection id: two streams of one device, both exactly once"""
    send = Send(appliance)
    appliance.ctl("device", "authorize", SERIAL)
    both = []
    for conn_id, kind in ((1, b"traffic"), (2, b"event")):
        file = appliance.dir / f"lines{conn_id}"
        file.write_bytes(b"".join(line + b"\n" for line in lines(3000, kind)))
        both.append(send.start(file, "--conn-id", conn_id, "--control", appliance.dir / f"control{conn_id}"))
    for one in both:
        equal("exit status", one.wait(timeout=120), 0)
    records = appliance.records("--device", SERIAL)
    for conn_id, kind in ((1, b"traffic"), (2, b"event")):
        equal(f"logs of {conn_id}", [r["log"].encode() for r in records if r["conn_id"] == conn_id],
              lines(3000, kind))
