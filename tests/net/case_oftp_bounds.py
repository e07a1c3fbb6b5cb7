"""What a device may not have without end: logins that do not end, streams, guesses, waiting sessions.
Each refusal has the same word in the answer, the trace, the list, the audit and the metric."""

import oftp
from case_oftp import SERIAL, connect, device
from case_oftp_login import Trace, counted, expect_everywhere, expect_refused, stage_of
from case_trust import issue, password_file
from cases import collector, equal, expect
from oftp_client import ALLOWED, NEW_EPOCH, PENDING, REFUSED, Stream

CASES = []
case = collector(CASES, stage_of)


@case(limits={"handshake-timeout": "3s"})
def oftp_login_has_its_time(appliance):
    """a TLS session whose login does not come is ended, whatever it says instead"""
    pem = device(appliance)
    trace = Trace(appliance)
    before = counted(appliance, "handshake_timeout")
    c = connect(appliance, [], pem)
    c.conn.sendall(oftp.encode("STATUS", 1, log_status=1))
    equal("what it says instead", c.until("ERROR")[2]["error"], 3)
    _, _, options = c.until("BYE")
    equal("its end", options["reason"], "handshake_timeout")
    expect_everywhere(appliance, trace, "handshake_timeout", before)
    trace.close()


@case()
def oftp_forgotten_and_in_conflict(appliance):
    """not_authorized ends who is forgotten; conflict who knows of more than is here begins anew: in all places"""
    pem = device(appliance)
    trace = Trace(appliance)
    before = {r: counted(appliance, r) for r in ("not_authorized", "conflict")}
    stream = Stream(1)
    stream.confirmed = stream.last = 5
    stream.digests = {5: bytes(range(16))}
    c = connect(appliance, [stream], pem)
    c.send("LOGIN_REQUEST", 7, serial=SERIAL, features=1, reliable=1, stream=[stream.option()])
    _, _, options = c.until("LOGIN_REPLY")
    equal("a new epoch is asked for", [s[3] for s in options["stream"]], [NEW_EPOCH])
    expect_everywhere(appliance, trace, "conflict", before["conflict"])
    c.resume(options["stream"])
    c.log(1, [b"<13>anew"])
    c.confirmed()
    appliance.ctl("device", "forget", SERIAL)
    _, _, options = c.until("AUTH_CHANGED")
    equal("forgotten", (options["result"], options["reason"]), (REFUSED, "not_authorized"))
    expect_everywhere(appliance, trace, "not_authorized", before["not_authorized"])
    trace.close()


@case(limits={"device-streams": 64, "pending-per-source": 2})
def oftp_streams_and_waiting_are_bounded(appliance):
    """session_limit: more streams than a device may have, more sessions of an address than may wait"""
    pem = device(appliance)
    trace = Trace(appliance)
    streams = [Stream(n) for n in range(64)]
    c = connect(appliance, streams, pem)
    equal("as many as it may", c.login()["result"], ALLOWED)
    expect_refused(appliance, trace, "session_limit", connect(appliance, [Stream(64)], pem).login)
    for n in range(64):
        c.log(n, [b"<13>stream %d" % n])
    c.confirmed()
    # A new epoch of one of them is one too many for the journal; all that was sent is safe.
    before = counted(appliance, "session_limit")
    c.send("SEQ_QUERY", 9, conn_id=5, epoch=77)
    _, _, options = c.until("AUTH_CHANGED")
    equal("one more", (options["result"], options["reason"]), (REFUSED, "session_limit"))
    trace.until("limits.device-streams")
    expect_everywhere(appliance, trace, "session_limit", before)
    c = connect(appliance, streams, pem)
    equal("those that it has", c.login()["result"], ALLOWED)
    equal("confirmed", {s.confirmed for s in streams}, {1})
    # Those that nobody has decided about.
    strangers = [issue(appliance, f"FGT60F000000010{n}") for n in range(3)]
    waiting = []
    for n in range(2):
        waiting.append(connect(appliance, [Stream(1)], strangers[n], f"FGT60F000000010{n}"))
        equal("it waits", waiting[n].login()["result"], PENDING)
    expect_refused(appliance, trace, "session_limit", connect(
        appliance, [Stream(1)], strangers[2], "FGT60F0000000102").login)
    trace.until("limits.pending-per-source")
    equal("it is listed all the same", appliance.ctl("device", "show", "FGT60F0000000102")["state"], "pending")
    appliance.ctl("device", "authorize", "FGT60F0000000100")
    equal("one is let in", waiting[0].until("AUTH_CHANGED")[2]["result"], ALLOWED)
    c = connect(appliance, [Stream(1)], strangers[2], "FGT60F0000000102")
    equal("so another one may wait", c.login()["result"], PENDING)
    trace.close()


@case()
def oftp_guesses_are_bounded(appliance):
    """after some wrong keys another one is login_rate, in all places, and so is the right one for a while"""
    appliance.ctl("cert", "ca-init", "--key", "p-256")
    pem = issue(appliance, SERIAL)
    trace = Trace(appliance)
    appliance.ctl("device", "set", SERIAL, "preshared-key", "--password-file",
                  password_file(appliance, "its own key"))

    def login(key):
        return connect(appliance, [Stream(1)], pem).login(preshared_key=key)

    for _ in range(5):
        equal("a wrong one", login("not its key")["reason"], "bad_password")
    # From here on each wrong one doubles the time in which none is judged.
    before, reasons = counted(appliance, "login_rate"), []
    while "login_rate" not in reasons:
        reasons.append(login("not its key")["reason"])
        expect(len(reasons) < 20, f"none is refused unjudged: {reasons}")
    expect(set(reasons) == {"bad_password", "login_rate"}, reasons)
    expect_everywhere(appliance, trace, "login_rate", before)
    # What it may not guess, it may show: an operator's word counts at once.
    appliance.ctl("device", "authorize", SERIAL)
    equal("authorized", login("not its key")["result"], ALLOWED)
    trace.close()
