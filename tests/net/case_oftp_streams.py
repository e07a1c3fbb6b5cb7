"""Streams of the OFTP profile on two workers: claims, gaps, late items, what was dropped, restored
servers and restored devices."""

import copy
import shutil

import oftp
from appliance import balanced
from case_oftp import SERIAL, connect, device
from case_oftp_login import Trace, counted, ended, expect_everywhere, stage_of
from case_trust import refused, until
from cases import Failed, collector, equal, expect
from oftp_client import ALLOWED, NEW_EPOCH, Stream

CASES = []
case = collector(CASES, stage_of)
APART = {"rx": [0], "workers": [0, 1]}


def workers(appliance):
    """Which worker has the connection, by the client's port."""
    return {s["peer_port"]: s["lcore"] for s in appliance.ctl("session", "list")["sessions"]}


def connect_elsewhere(appliance, stream, pem, where):
    """A session, not logged in, that another worker than `where` has: a keyed hash of its port says which."""
    for _ in range(100):
        c = connect(appliance, [stream], pem)
        if workers(appliance)[c.conn.getsockname()[1]] != where:
            return c
        c.conn.close()
    raise Failed(f"worker {where} has them all")


def stored(appliance, conn_id=1):
    return [r for r in appliance.records("--device", SERIAL) if r["conn_id"] == conn_id]


@case(cores=APART)
def oftp_streams_are_claimed(appliance):
    """a device comes again, every other time to the other worker, while its old session still lives"""
    pem = device(appliance)
    stream, sent = Stream(1), []
    before = connect(appliance, [stream], pem)
    equal("result", before.login()["result"], ALLOWED)
    for life in range(12):
        # Sent and not confirmed when the next one claims it.
        for n in range(50):
            item = [b"<13>life %d %d" % (life, n)]
            before.log(1, item)
            sent += item
        if life % 2:
            after = connect(appliance, [stream], pem)
        else:
            after = connect_elsewhere(appliance, stream, pem, workers(appliance)[before.conn.getsockname()[1]])
        equal("result", after.login()["result"], ALLOWED)
        expect(ended_by_bye(before), "the old session lives on")
        before = after
    before.confirmed()
    equal("logs", [r["log"].encode() for r in stored(appliance)], sent)
    total = appliance.total()
    equal("stored", total["stored"], len(sent))
    expect(balanced(total), total)
    # Another connection id of the same device is nobody's business.
    other = Stream(2)
    beside = connect(appliance, [other], pem)
    equal("beside it", beside.login()["result"], ALLOWED)
    before.log(1, [b"<13>still here"])
    before.confirmed()


def ended_by_bye(c):
    """What it said before is for nobody: another session has the stream by now."""
    c.streams = {}
    c.handle = lambda name, options: None
    while not ended(c):
        pass
    return True


@case()
def oftp_gaps_and_late_items(appliance):
    """a skip is a gap at once, a late item closes it, DROPPED_BEFORE is counted; all after a kill -9 too"""
    pem = device(appliance)
    stream = Stream(1)

    def send(c, seqs, **more):
        for seq in seqs:
            logs = [b"<13>item %d" % seq]
            stream.unconfirmed[seq], stream.digests[seq] = logs, oftp.digest(seq, logs)
            stream.last = max(stream.last, seq)
            c.item(stream, seq, **more)

    def gaps():
        found = appliance.ctl("gap", "list", SERIAL)["gaps"]
        equal("whose", {(g["device"], g["conn_id"], g["epoch"]) for g in found} - {
            (SERIAL, 1, f"{stream.epoch:016x}")}, set())
        return [(g["first"], g["last"]) for g in found]

    c = connect(appliance, [stream], pem)
    c.login()
    send(c, (1, 2, 5, 6, 10), dropped_before=3)
    c.confirmed()
    equal("confirmed", stream.confirmed, 10)
    equal("gaps", gaps(), [(3, 4), (7, 9)])
    equal("dropped by the client", appliance.accounts()[SERIAL]["client_dropped"], 15)
    c.drop()
    appliance.kill()
    appliance.start()
    equal("gaps after kill -9", gaps(), [(3, 4), (7, 9)])
    c = connect(appliance, [stream], pem)
    c.login()
    equal("confirmed after it", stream.confirmed, 10)
    send(c, (3, 8, 9, 10, 11))
    c.confirmed()
    equal("gaps left", gaps(), [(4, 4), (7, 7)])
    records = stored(appliance)
    equal("stored", [r["seq_no"] for r in records], [1, 2, 5, 6, 10, 3, 8, 9, 11])
    equal("late", [r["seq_no"] for r in records if "late" in r["flags"]], [3, 8, 9])
    account = appliance.accounts()[SERIAL]
    equal("late, duplicate", (account["late"], account["duplicate"]), (3, 1))
    expect(balanced(account), account)
    # Numbers that do not rise end the session.
    send(c, (9,))
    expect(ended_by_bye(c), "it lives on")
    refused(appliance, "protocol_error")
    equal("in account show", [(g["first"], g["last"]) for g in
                              appliance.ctl("account", "show", SERIAL)["gaps"]], [(4, 4), (7, 7)])


@case()
def oftp_restored_on_either_side(appliance):
    """a device restored from a snapshot begins a new epoch; a restored server raises `conflict` and asks for one"""
    pem = device(appliance)
    stream = Stream(1)
    c = connect(appliance, [stream], pem)
    c.login()
    c.log(1, [b"<13>first"])
    c.confirmed()
    snapshot = copy.deepcopy(stream)
    c.drop()
    equal("exit", appliance.stop(), 0)
    journal = appliance.dir / "journal-then"
    shutil.copytree(appliance.journal, journal)
    appliance.start()
    c = connect(appliance, [stream], pem)
    c.login()
    c.log(1, [b"<13>second"])
    c.confirmed()
    c.drop()
    # The device: it numbers another log as it had numbered one that it has forgotten.
    c = connect(appliance, [snapshot], pem)
    old = snapshot.epoch
    c.login()
    expect(snapshot.epoch != old, "no new epoch")
    c.log(1, [b"<13>restored"])
    c.confirmed()
    c.drop()
    equal("stored", [r["log"] for r in stored(appliance)],
          ["<13>first", "<13>second", "<13>restored"])
    # The server: its journal is the older one.
    appliance.stop()
    for path in appliance.journal.iterdir():
        if path.is_file():
            path.unlink()
    for path in journal.iterdir():
        if path.is_file():
            shutil.copy2(path, appliance.journal / path.name)
            shutil.chown(appliance.journal / path.name, "sluice", "sluice")
    appliance.start()
    c = connect(appliance, [stream], pem)
    c.send("LOGIN_REQUEST", 7, serial=SERIAL, features=1, reliable=1, stream=[stream.option()])
    _, _, options = c.until("LOGIN_REPLY")
    equal("asked for a new epoch", [s[3] for s in options["stream"]], [NEW_EPOCH])
    refused(appliance, "conflict")
    expect("conflict" in [a["name"] for a in appliance.ctl("status")["alarms"]], "no alarm")
    c.resume(options["stream"])
    c.log(1, [b"<13>third"])
    c.confirmed()
    equal("conflicts", appliance.accounts()[SERIAL]["conflict"], 1)
    equal("stored", [r["log"] for r in stored(appliance)], ["<13>first", "<13>third"])


@case()
def oftp_two_take_turns(appliance):
    """two addresses that log in as the same device in turns: duplicate_serial; too often: claim_rate"""
    pem = device(appliance)
    appliance.ns.ip("addr", "add", "192.0.2.9/24", "dev", "sluice0")
    trace = Trace(appliance)
    before = {reason: counted(appliance, reason) for reason in ("claim_rate", "duplicate_serial")}
    sources = ("192.0.2.1", "192.0.2.9")
    reasons, kept = set(), []
    for n in range(60):
        kept.append(connect(appliance, [Stream(1)], pem, source=sources[n % 2]))
        reply = kept[-1].login()
        reasons.add(reply.get("reason"))
        if "claim_rate" in reasons and n > 4:
            break
    expect("claim_rate" in reasons, f"refused only for {reasons}")
    for reason, number in before.items():
        expect_everywhere(appliance, trace, reason, number)
    trace.close()
    until(appliance, "an alarm", lambda: [
        a for a in appliance.ctl("status")["alarms"] if a["name"] == "duplicate_serial"])


def number_as(stream, seq):
    """As if the client had numbered an item so: another one than the next."""
    logs = [b"<13>epoch %x item %d" % (stream.epoch, seq)]
    stream.unconfirmed[seq], stream.digests[seq] = logs, oftp.digest(seq, logs)
    stream.last = max(stream.last, seq)
    return logs[0]


def begin_epoch(c, stream):
    """In the midst of a session, which goes on with it."""
    stream.__init__(stream.conn_id)
    c.send("SEQ_QUERY", 9, conn_id=stream.conn_id, epoch=stream.epoch)
    equal("SEQ_REPLY", c.until("SEQ_REPLY")[1], 9)


def open_gaps(appliance, *words):
    return sorted((g["device"], g["conn_id"], g["epoch"], g["first"], g["last"])
                  for g in appliance.ctl("gap", "list", *words)["gaps"])


@case(cores=APART)
def oftp_epochs_survive_kill_9(appliance):
    """gaps of two devices, connection ids and epochs are known after kill -9; an old epoch may come back"""
    other = "FGT60F0000000002"
    pems = {SERIAL: device(appliance), other: device(appliance, other)}
    first, second, theirs = Stream(1), Stream(2), Stream(1)
    c, d = connect(appliance, [first, second], pems[SERIAL]), connect(appliance, [theirs], pems[other], other)
    sent = {SERIAL: [], other: []}

    def send(to, stream, seqs, serial=SERIAL):
        for seq in seqs:
            sent[serial].append(number_as(stream, seq))
            to.item(stream, seq)
        to.confirmed()

    def gap(stream, low, high, serial=SERIAL):
        return (serial, stream.conn_id, f"{stream.epoch:016x}", low, high)

    for one in (c, d):
        equal("result", one.login()["result"], ALLOWED)
    send(c, first, (1, 4))
    send(c, second, (2,))
    send(d, theirs, (3,), other)
    old = copy.deepcopy(first)
    begin_epoch(c, first)
    send(c, first, (3, 4, 9))
    wanted = sorted([gap(old, 2, 3), gap(first, 1, 2), gap(first, 5, 8), gap(second, 1, 1),
                     gap(theirs, 1, 2, other)])
    equal("gaps", open_gaps(appliance), wanted)
    equal("of one device", open_gaps(appliance, other), wanted[-1:])
    for _ in range(2):
        appliance.kill()
        appliance.start()
        equal("gaps after kill -9", open_gaps(appliance), wanted)
    c.drop(), d.drop()
    # Restored from a snapshot of before the new epoch, of which it knows nothing.
    c = connect(appliance, [old], pems[SERIAL])
    equal("result", c.login()["result"], ALLOWED)
    equal("the same epoch, where it was", (old.confirmed, old.last), (4, 4))
    send(c, old, (2, 5))
    c.drop()
    appliance.kill()
    appliance.start()
    equal("gaps left", open_gaps(appliance), sorted(
        [gap(old, 3, 3), gap(first, 1, 2), gap(first, 5, 8), gap(second, 1, 1), gap(theirs, 1, 2, other)]))
    # And the newer one is where it was, too.
    c = connect(appliance, [first, second], pems[SERIAL])
    c.login()
    equal("confirmed", (first.confirmed, second.confirmed), (9, 2))
    send(c, first, (5, 6, 7, 8, 10))  # the last one moves the mark, which is what is told
    equal("gaps left", open_gaps(appliance, SERIAL), sorted(
        [gap(old, 3, 3), gap(first, 1, 2), gap(second, 1, 1)]))
    for serial, logs in sent.items():
        equal("stored once, in the order of arrival",
              sorted(appliance.logs("--device", serial)), sorted(logs))
    total = appliance.total()
    expect(balanced(total), total)


@case()
def oftp_gaps_are_bounded(appliance):
    """of 700 gaps 512 stay open, after kill -9 too; what comes for a closed one is counted and not stored"""
    pem = device(appliance)
    stream = Stream(1)
    c = connect(appliance, [stream], pem)
    c.login()
    for seq in range(1, 1402, 2):
        number_as(stream, seq)
        c.item(stream, seq)
    c.confirmed()
    kept = [(n, n) for n in range(1400 - 2 * 511, 1401, 2)]

    def check(kept):
        equal("gaps", [g[3:] for g in open_gaps(appliance)], kept)

    check(kept)
    c.drop()
    appliance.kill()
    appliance.start()
    check(kept)
    c = connect(appliance, [stream], pem)
    c.login()
    for seq in (2, kept[0][0], 1400):
        number_as(stream, seq)
        c.item(stream, seq)
    number_as(stream, 1402)
    c.item(stream, 1402)
    c.confirmed()
    equal("confirmed", stream.confirmed, 1402)
    check(kept[1:-1])
    account = appliance.accounts()[SERIAL]
    equal("late, too late", (account["late"], account["dropped"]["malformed"]), (2, 1))
    expect(balanced(account), account)
    seqs = [r["seq_no"] for r in stored(appliance)]
    equal("stored", seqs, [*range(1, 1402, 2), kept[0][0], 1400, 1402])
