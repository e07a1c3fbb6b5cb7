"""Who may log by the OFTP profile: certificates, keys, passwords, approval. Each refusal has the same
word in the answer, in the live trace, in the list of refusals, in the audit and in the metric."""

import re
import select
import socket
import subprocess

import oftp
from appliance import SLUICECTL, stage
from case_oftp import SERIAL, connect, device
from case_trust import issue, openssl, password_file, refused, until
from cases import Failed, collector, equal, expect
from netns import HOST4, PEER4
from oftp_client import ALLOWED, PENDING, REFUSED, Ended, Stream

CASES = []


def stage_of(**changes):
    return stage(changes)


case = collector(CASES, stage_of)

OTHER = "FGT60F0000000002"
USER, PASSWORD = "fgt", "correct horse"


class Trace:
    """`debug start oftpd`: its lines, as they come."""

    def __init__(self, appliance):
        self.process = subprocess.Popen(
            [str(SLUICECTL), "--socket", str(appliance.socket), "debug", "start", "oftpd", "8"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = []
        # One line of our own, so that it is known to be watched from here on; a connection may be
        # too early for it.
        while not self.lines:
            try:
                connect(appliance).drop()
            except OSError:
                pass
            if select.select([self.process.stdout], [], [], 1)[0]:
                self.lines.append(self.process.stdout.readline())

    def until(self, words):
        for line in self.lines:
            if words in line:
                return line
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise Failed(f"the trace ended without {words!r}: {self.lines[-5:]}")
            self.lines.append(line)
            if words in line:
                return line

    def close(self):
        self.process.terminate()
        self.process.wait(10)


def counted(appliance, reason):
    found = re.search(rf'^sluice_refusals_total{{reason="{reason}"}} (\d+)', appliance.metrics(), re.M)
    return int(found[1]) if found else 0


def expect_everywhere(appliance, trace, reason, before):
    refused(appliance, reason)
    expect(counted(appliance, reason) > before, f"the metric of {reason} did not move")
    trace.until(f"refused: {reason}")
    until(appliance, f"{reason} in the audit", lambda: [
        r for r in appliance.ctl("audit", "list")["audit"]
        if r["what"] == "auth.refused" and r["after"] == reason])


def expect_refused(appliance, trace, reason, login):
    """This login is refused with this word; LOGIN_REPLY's options."""
    before = counted(appliance, reason)
    reply = login()
    equal("refused", (reply["result"], reply.get("reason")), (REFUSED, reason))
    expect_everywhere(appliance, trace, reason, before)
    return reply


def add_user(appliance):
    appliance.ctl("user", "add", USER, "--password-file", password_file(appliance, PASSWORD))


def nameless(appliance):
    """A certificate of our authority that names no serial number, as old factory ones do."""
    pem = appliance.dir / "FortiGate.pem"
    request = openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", "/O=Fortinet/CN=FortiGate", "-keyout", str(pem))
    ca = appliance.dir / "other-ca.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/CN=another authority", "-days", "30", "-keyout", str(ca) + ".key", "-out", str(ca))
    signed = openssl("x509", "-req", "-CA", str(ca), "-CAkey", str(ca) + ".key", "-days", "30",
                     "-set_serial", "7", data=request)
    pem.write_bytes(pem.read_bytes() + signed)
    appliance.ctl("cert", "import", str(ca), "--name", "another")
    return pem


@case()
def oftp_pending_then_authorized(appliance):
    """an unknown serial waits, its logs are errors and counted; AUTH_CHANGED lets it log, denial ends it"""
    pem = device(appliance, authorized=False)
    stream = Stream(1)
    c = connect(appliance, [stream], pem)
    reply = c.login(firmware="FortiGate-VM64 v7.4.11,build2878", hostname="FW1")
    equal("pending", (reply["result"], reply["reason"]), (PENDING, "not_authorized"))
    shown = until(appliance, "it is shown as pending", lambda: [
        d for d in appliance.ctl("device", "list")["devices"]
        if d["device"] == SERIAL and d["state"] == "pending"])[0]
    equal("version", shown["version"], "FortiGate-VM64 v7.4.11,build2878")
    equal("kind", [s["kind"] for s in appliance.ctl("session", "list")["sessions"]], ["pending"])
    c.send("KEEPALIVE", 3)
    equal("keepalive", c.until("KEEPALIVE_ANSWER")[2]["keepalive_state"][0], 2)
    logs = [b"<13>too early", b"<13>by far"]
    c.log(1, logs)
    name, _, options = c.read()
    equal("LOG_DATA while pending", (name, options["error"]), ("ERROR", 9))
    account = appliance.accounts()[SERIAL]
    equal("counted", (account["received"], account["dropped"]["unauthorized"], account["stored"]), (2, 2, 0))
    appliance.ctl("device", "authorize", SERIAL)
    _, _, options = c.until("AUTH_CHANGED")
    equal("allowed", options["result"], ALLOWED)
    c.resume(options["stream"])
    c.confirmed()
    equal("stored", appliance.logs("--device", SERIAL), logs)
    appliance.ctl("device", "deny", SERIAL)
    _, _, options = c.until("AUTH_CHANGED")
    equal("denied", (options["result"], options["reason"]), (REFUSED, "denied"))
    refused(appliance, "denied")
    expect(ended(c), "the session of a denied device lives on")


def ended(c):
    try:
        c.read()
    except (Ended, OSError):
        return True
    return False


@case()
def oftp_logins_refused_by_name(appliance):
    """sn_mismatch, no_legal_sn, denied, protocol_error and a timezone that is none, in all places"""
    pem = device(appliance)
    trace = Trace(appliance)
    both = f"the login says {OTHER}, the certificate {SERIAL}"
    reply = expect_refused(appliance, trace, "sn_mismatch",
                           connect(appliance, [Stream(1)], pem, serial=OTHER).login)
    equal("both serials", reply["status_text"], f"Refused: {both}")
    equal("in the list", refused(appliance, "sn_mismatch")[0]["detail"], both)
    expect_refused(appliance, trace, "no_legal_sn",
                   connect(appliance, [Stream(1)], pem, serial="not a serial").login)
    c = connect(appliance, [Stream(1)], pem)
    reply = c.login(timezone="GMTa-1", hostname="FW1", firmware="FortiGate-VM64 v7.4.11")
    equal("a timezone that is none", reply["result"], ALLOWED)
    trace.until("timezone parse error: GMTa-1")
    trace.until("host = 'FW1'")
    trace.until("Version: FortiGate-VM64 v7.4.11")
    until(appliance, "the warning is in the audit", lambda: [
        r for r in appliance.ctl("audit", "list")["audit"]
        if r["what"] == "auth.warning" and "GMTa-1" in r["after"]])
    before = counted(appliance, "protocol_error")
    c.send("AUTH_RESPONSE", sasl=b"out of turn")
    try:
        c.read()
    except Ended:
        pass
    expect_everywhere(appliance, trace, "protocol_error", before)
    appliance.ctl("device", "deny", SERIAL)
    # Counted at its handshake, and told by its login.
    expect_refused(appliance, trace, "denied", lambda: connect(appliance, [Stream(1)], pem).login())
    trace.close()


@case()
def oftp_preshared_keys(appliance):
    """a key of the device, and one for all, authorize by themselves; a wrong one is bad_password"""
    appliance.ctl("cert", "ca-init", "--key", "p-256")
    trace = Trace(appliance)
    pems = {serial: issue(appliance, serial) for serial in (SERIAL, OTHER)}
    c = connect(appliance, [Stream(1)], pems[SERIAL])
    equal("no key is set anywhere", c.login(preshared_key="whatever it is")["result"], PENDING)
    c.drop()
    appliance.ctl("device", "set", SERIAL, "preshared-key", "--password-file",
                  password_file(appliance, "its own key"))
    expect_refused(appliance, trace, "bad_password", lambda: connect(
        appliance, [Stream(1)], pems[SERIAL]).login(preshared_key="not its key"))
    for serial, key in ((SERIAL, "its own key"), (OTHER, "everybody's key")):
        stream = Stream(1)
        if serial == OTHER:
            c = connect(appliance, [stream], pems[serial], serial)
            equal("another's key", c.login(preshared_key="its own key")["result"], PENDING)
            c.drop()
            appliance.ctl("device", "set", "*", "preshared-key", "--password-file",
                          password_file(appliance, key))
        c = connect(appliance, [stream], pems[serial], serial)
        equal(f"{serial} with its key", c.login(preshared_key=key)["result"], ALLOWED)
        c.log(1, [b"<13>by key"])
        c.confirmed()
        equal("stored", appliance.logs("--device", serial), [b"<13>by key"])
        equal("state", appliance.ctl("device", "show", serial)["state"], "authorized")
        c.bye()
    expect(any(r["what"] == "auth.preshared_key" and r["target"] == SERIAL
               for r in appliance.ctl("audit", "list")["audit"]), "nothing in the audit")
    trace.close()


@case()
def oftp_legacy_login(appliance):
    """SCRAM-SHA-256-PLUS stands in for a serial number that is in no certificate, where it is allowed"""
    appliance.ctl("cert", "ca-init", "--key", "p-256")
    trace = Trace(appliance)
    pem, proper = nameless(appliance), issue(appliance, SERIAL)
    add_user(appliance)

    def login(serial=OTHER, user=USER, password=PASSWORD, pem=pem):
        return connect(appliance, [Stream(1)], pem, serial).legacy_login(user, password)

    # Allowed to nobody: refused when its certificate is seen, in the vendor's words.
    before = counted(appliance, "no_legal_sn")
    try:
        login()
        raise Failed("served")
    except (Ended, OSError):
        pass
    expect_everywhere(appliance, trace, "no_legal_sn", before)
    trace.until("Error No legal SN found in cert and legacy auth mode disabled")
    # To one device.
    appliance.ctl("device", "authorize", OTHER)
    appliance.ctl("device", "set", OTHER, "legacy", "enable")
    c = connect(appliance, [Stream(1)], pem, OTHER)
    reply = c.legacy_login(USER, PASSWORD)
    equal("legacy for this device", reply["result"], ALLOWED)
    c.log(1, [b"<13>by password"])
    c.confirmed()
    equal("stored", appliance.logs("--device", OTHER), [b"<13>by password"])
    expect_refused(appliance, trace, "legacy_disabled", lambda: login("FGT60F0000000003"))
    trace.until("LOGIN_REQUEST_LEGACY error")
    for user, password in ((USER, "wrong horse"), ("nobody", PASSWORD)):
        reply = expect_refused(appliance, trace, "bad_password",
                               lambda u=user, p=password: login(user=u, password=p))
        equal("what SCRAM says", reply["sasl"], b"e=invalid-proof")
    # Taken back: the session ends, and a login that is under way is refused.
    expect_refused(appliance, trace, "legacy_disabled", lambda: connect(
        appliance, [Stream(2)], pem, OTHER).legacy_login(USER, PASSWORD, lambda: appliance.ctl(
            "device", "set", OTHER, "legacy", "disable")))
    _, _, options = c.until("AUTH_CHANGED")
    equal("taken back", (options["result"], options["reason"]), (REFUSED, "legacy_disabled"))
    # To all: a serial that has shown a certificate of its own is still not had for a password.
    appliance.ctl("settings", "set", "legacy-auth-mode", "enable")
    unknown = "FGT60F0000000004"
    waiting = connect(appliance, [Stream(1)], pem, unknown)
    equal("an unknown one", waiting.legacy_login(USER, PASSWORD)["result"], PENDING)
    reply = expect_refused(appliance, trace, "bad_password", lambda: login(unknown, password="wrong horse"))
    equal("with a wrong password", reply["sasl"], b"e=invalid-proof")
    appliance.ctl("device", "authorize", unknown)
    _, _, options = waiting.until("AUTH_CHANGED")
    equal("authorized", options["result"], ALLOWED)
    waiting.resume(options["stream"])
    waiting.log(1, [b"<13>waited"])
    waiting.confirmed()
    equal("it logs", appliance.logs("--device", unknown), [b"<13>waited"])
    appliance.ctl("device", "authorize", SERIAL)

    def certificate():
        c = connect(appliance, [Stream(1)], proper)
        equal("by certificate", c.login()["result"], ALLOWED)

    expect_refused(appliance, trace, "legacy_disabled", lambda: connect(
        appliance, [Stream(2)], pem).legacy_login(USER, PASSWORD, certificate))
    expect_refused(appliance, trace, "legacy_disabled", lambda: login(SERIAL))
    # Who knows no password is told nothing of it: challenged, and wrong.
    for serial in (SERIAL, "FGT60F0000000006"):
        challenged = []
        expect_refused(appliance, trace, "bad_password", lambda s=serial: connect(
            appliance, [Stream(1)], pem, s).legacy_login(USER, "wrong horse", lambda: challenged.append(1)))
        expect(challenged, f"{serial} was not challenged")
    # Nor for one that came before: it waits, or is in, until the serial shows its certificate.
    late = "FGT60F0000000005"
    mine, theirs = (connect(appliance, [Stream(n)], pem, late) for n in (1, 2))
    equal("waits", mine.legacy_login(USER, PASSWORD)["result"], PENDING)
    its_own = connect(appliance, [Stream(3)], issue(appliance, late), late)
    equal("its own waits, too", its_own.login()["result"], PENDING)
    _, _, options = mine.until("AUTH_CHANGED")
    equal("it has come", (options["result"], options["reason"]), (REFUSED, "legacy_disabled"))
    reply = theirs.legacy_login(USER, PASSWORD)
    equal("and afterwards", (reply["reason"], reply["status_text"]), ("legacy_disabled", "Refused."))
    expect(any("has used a certificate" in r["detail"] for r in refused(appliance, "legacy_disabled")),
           "the list does not say why")
    # Whoever wants to go back decides anew.
    its_own.drop()
    appliance.ctl("device", "forget", late)
    equal("forgotten", connect(appliance, [Stream(4)], pem, late).legacy_login(USER, PASSWORD)["result"], PENDING)
    # A login without password has nothing to go by.
    expect_refused(appliance, trace, "no_legal_sn",
                   connect(appliance, [Stream(1)], pem, OTHER).login)
    trace.close()


@case(listen={"tls-client-certificate": "optional"})
def oftp_without_certificate(appliance):
    """no certificate at all: no_certificate, or by password; in the clear it is not spoken"""
    appliance.ctl("cert", "ca-init", "--key", "p-256")
    trace = Trace(appliance)
    add_user(appliance)
    expect_refused(appliance, trace, "no_certificate", connect(appliance, [Stream(1)]).login)
    reply = expect_refused(appliance, trace, "no_certificate",
                           lambda: connect(appliance, [Stream(1)]).login(preshared_key="a key"))
    expect("a preshared key proves nobody" in reply["status_text"], reply)
    appliance.ctl("settings", "set", "legacy-auth-mode", "enable")
    appliance.ctl("device", "authorize", SERIAL)
    stream = Stream(1)
    c = connect(appliance, [stream])
    equal("by password", c.legacy_login(USER, PASSWORD)["result"], ALLOWED)
    c.log(1, [b"<13>without"])
    c.confirmed()
    equal("stored", appliance.logs("--device", SERIAL), [b"<13>without"])
    # A password that is none any more ends what came by it.
    appliance.ctl("user", "delete", USER)
    _, _, options = c.until("AUTH_CHANGED")
    equal("deleted", (options["result"], options["reason"]), (REFUSED, "bad_password"))
    before = counted(appliance, "cleartext_forbidden")
    with appliance.ns.connect(("192.0.2.2", 514)) as raw:
        raw.settimeout(20)
        raw.sendall(b"\xf5\x14\1\1" + bytes(8))
        try:
            equal("in the clear", raw.recv(1), b"")
        except ConnectionResetError:
            pass
    expect_everywhere(appliance, trace, "cleartext_forbidden", before)
    trace.close()


def send_eccf(appliance, wanted, *logs, devid=""):
    """A record from PEER4; until `wanted` logs have been received in all."""
    with appliance.ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(oftp.eccf(logs, devid, "root"), (HOST4, 514))
    return appliance.wait_total("received", wanted)


@case()
def oftp_reliable_disable(appliance):
    """`reliable disable`: control by TLS, logs as EC CF records over UDP are the session's serial's"""
    pem = device(appliance)
    c = connect(appliance, [], pem)
    equal("result", c.login(reliable=0)["result"], ALLOWED)

    send_eccf(appliance, 2, b"date=2026-11-22 one", b"date=2026-11-22 two")
    send_eccf(appliance, 3, b"date=2026-11-22 three", devid=SERIAL)
    send_eccf(appliance, 4, b"date=2026-11-22 another's", devid=OTHER)
    appliance.wait_total("stored", 4)
    records = appliance.records("--device", SERIAL)
    equal("logs of the serial", [r["log"][16:] for r in records], ["one", "two", "three"])
    equal("by which way", {(r["transport"], r["vdom"]) for r in records}, {("eccf", "root")})
    equal("what names another device", len(appliance.logs("--device", PEER4)), 1)
    c.conn.sendall(oftp.log_data(1, 5, 1, [b"<13>not this way"]))
    name, _, options = c.read()
    equal("LOG_DATA without `reliable`", (name, options["error"]), ("ERROR", 9))
    expect(ended(c), "it lives on")
    c.drop()
    until(appliance, "Down", lambda: not appliance.ctl("device", "show", SERIAL)["up"])
    send_eccf(appliance, 5, b"date=2026-11-22 after its end")
    appliance.wait_total("stored", 5)
    equal("logs of the serial", len(appliance.logs("--device", SERIAL)), 3)


@case()
def oftp_reliable_disable_follows_its_session(appliance):
    """the address is the serial's from AUTH_CHANGED on, through a newer session of its, until it is denied"""
    pem = device(appliance, authorized=False)

    def stored(device):
        return [log[16:] for log in appliance.logs("--device", device)]

    older = connect(appliance, [], pem)
    equal("it waits", older.login(reliable=0)["result"], PENDING)
    send_eccf(appliance, 1, b"date=2026-11-22 while it waits")
    appliance.ctl("device", "authorize", SERIAL)
    equal("allowed", older.until("AUTH_CHANGED")[2]["result"], ALLOWED)
    send_eccf(appliance, 2, b"date=2026-11-22 allowed")
    newer = connect(appliance, [], pem)
    equal("another session", newer.login(reliable=0)["result"], ALLOWED)
    _, _, options = older.until("BYE")
    equal("the older one ends, without a reproach", options.get("reason"), None)
    expect(ended(older), "it lives on")
    older.drop()  # else it stays in fin-wait-2, and in the list
    send_eccf(appliance, 3, b"date=2026-11-22 by the newer one")
    appliance.ctl("device", "deny", SERIAL)
    _, _, options = newer.until("AUTH_CHANGED")
    equal("denied", (options["result"], options["reason"]), (REFUSED, "denied"))
    expect(ended(newer), "it lives on")
    newer.drop()
    until(appliance, "Down", lambda: not appliance.ctl("session", "list")["sessions"])
    send_eccf(appliance, 4, b"date=2026-11-22 after it")
    appliance.wait_total("stored", 4)
    equal("the serial's", stored(SERIAL), [b"allowed", b"by the newer one"])
    equal("the address's", stored(PEER4), [b"while it waits", b"after it"])
