"""A session of the OFTP profile, message by message: what is negotiated, told and ended."""

import os
import struct
import time

import oftp
from case_oftp import SERIAL, connect, device
from case_oftp_login import Trace, counted, ended, expect_everywhere, stage_of
from case_relp import min_free
from case_trust import until
from cases import Failed, collector, equal, expect
from oftp_client import ALLOWED, REFUSED, Stream

CASES = []
case = collector(CASES, stage_of)

BAD_VERSION, UNKNOWN_TYPE, BAD_VALUE, NOT_NOW, BAD_SEQUENCE = 2, 3, 7, 9, 10


def expect_error(c, number):
    """ERROR with this number, and the end."""
    name, _, options = c.until("ERROR")
    equal("error", options["error"], number)
    expect(ended(c), "it lives on")


def opened(appliance, pem, conn_id, **login):
    stream = Stream(conn_id)
    c = connect(appliance, [stream], pem)
    return c, stream, c.login(**login)


@case()
def oftp_negotiates(appliance):
    """version: the lower of both; features: those of both; what was not agreed upon is an error"""
    pem = device(appliance)
    # A newer client, which knows of options and types that are not known here.
    c, stream, reply = opened(appliance, pem, 1, version=7, features=0xffffffff)
    equal("version, features", (c.version, reply["features"]), (1, 1))
    c.conn.sendall(struct.pack(">HBBII", oftp.MAGIC, 1, 200, 3, 55) + b"abc")
    name, tag, options = c.until("ERROR")
    equal("a type that is not known", (tag, options["error"]), (55, UNKNOWN_TYPE))
    c.conn.sendall(oftp.encode("STATUS", 56, log_status=1))  # nor is one that is not the client's
    equal("not its type", c.until("ERROR")[2]["error"], UNKNOWN_TYPE)
    item = bytearray(oftp.log_data(1, stream.epoch, stream.number([b"<13>with more"]), [b"<13>with more"]))
    item[12:12] = struct.pack(">HH", 999, 2) + b"??"
    item[4:8] = struct.pack(">I", len(item) - 12)
    c.conn.sendall(item)
    c.confirmed()
    equal("an option that is not known is skipped", appliance.logs("--device", SERIAL), [b"<13>with more"])
    c.send("KEEPALIVE", 57, version=7)
    expect_error(c, BAD_VERSION)
    # One of the same age, without LZ4, and one whose features are all unknown.
    for conn_id, features in ((2, 0), (3, 2)):
        c, stream, reply = opened(appliance, pem, conn_id, features=features)
        equal("features", reply["features"], 0)
        c.log(conn_id, [b"<13>raw"])
        c.confirmed()
        c.log(conn_id, [b"<13>lz4"], codec=1)
        expect_error(c, BAD_VALUE)
    # No version in common: 0 is none.
    c = connect(appliance, [], pem)
    c.send("LOGIN_REQUEST", 7, version=0, serial=SERIAL, features=1, reliable=1)
    expect_error(c, BAD_VERSION)
    # A second login, and what belongs to no login of this session.
    c, _, _ = opened(appliance, pem, 4)
    c.send("LOGIN_REQUEST", 8, serial=SERIAL, features=1, reliable=1)
    expect_error(c, NOT_NOW)
    c, _, _ = opened(appliance, pem, 5)
    c.conn.sendall(oftp.log_data(6, 1, 1, [b"<13>another id"]))
    expect_error(c, BAD_SEQUENCE)
    c, stream, _ = opened(appliance, pem, 7)
    c.conn.sendall(oftp.log_data(7, stream.epoch + 1, 1, [b"<13>another epoch"]))
    expect_error(c, BAD_SEQUENCE)
    equal("stored", appliance.total()["stored"], 3)


def read_exactly(c, n):
    while len(c.buffer) < n:
        data = c.conn.recv(65536)
        if not data:
            raise Failed(f"the end, after {c.buffer!r}")
        c.buffer += data
    got, c.buffer = c.buffer[:n], c.buffer[n:]
    return got


@case()
def oftp_silence_ends(appliance):
    """KEEPALIVE of 12 bytes is answered by 21; four periods without one are idle_timeout, in all places"""
    pem = device(appliance)
    trace = Trace(appliance)
    before = counted(appliance, "idle_timeout")
    start = time.monotonic()
    silent, _, reply = opened(appliance, pem, 1)
    c, _, _ = opened(appliance, pem, 2)
    asked = struct.pack(">HBBII", 0xF514, 1, 11, 0, 0xCAFE)
    equal("its length", len(asked), 12)
    c.conn.sendall(asked)
    said = read_exactly(c, 21)
    equal("its answer's head", said[:12], struct.pack(">HBBII", 0xF514, 1, 12, 9, 0xCAFE))
    code, length, status, used = struct.unpack(">HHBI", said[12:])
    equal("its answer", (code, length, status), (29, 5, 0))
    expect(used <= 1000, f"{used} thousandths of the disk are used")
    c.conn.settimeout(0.2)
    try:
        raise Failed(f"more than its answer: {c.read()}")
    except TimeoutError:
        pass
    period = reply["keepalive_period"]
    silent.conn.settimeout(10 * period)
    name, _, options = silent.until("BYE")
    equal("the silent one", (name, options["reason"]), ("BYE", "idle_timeout"))
    expect(time.monotonic() - start >= 4 * period, "too early")
    expect_everywhere(appliance, trace, "idle_timeout", before)
    trace.close()


@case()
def oftp_hold_and_go(appliance):
    """a full disk: STATUS hold, again and again, nobody is thrown out; room again: STATUS go, all is stored"""
    pem = device(appliance)
    c, stream, reply = opened(appliance, pem, 1)
    usual = appliance.config["journal"]["min-free"]
    disk = os.statvfs(appliance.journal)
    min_free(appliance, disk.f_blocks * disk.f_frsize // 1048576 * 2)
    logs = [b"<13>held %d" % n for n in range(50)]
    for log in logs:
        c.log(1, [log])
    for _ in range(2):  # the second one is said for its keepalives, which are not read
        _, _, options = c.until("STATUS")
        equal("hold", (options["log_status"], options["reason"]), (1, "disk_full"))
    equal("stored while it holds", appliance.total()["stored"], 0)
    equal("confirmed while it holds", stream.confirmed, 0)
    # Who comes now is let in, and told so.
    late, late_stream, reply = opened(appliance, pem, 2)
    equal("a login", reply["result"], ALLOWED)
    equal("it is told", late.until("STATUS")[2]["log_status"], 1)
    min_free(appliance, usual)
    for one in (c, late):
        while one.hold:
            one.until("STATUS")
    late.log(2, [b"<13>late"])
    for one in (c, late):
        one.confirmed()
    equal("stored", sorted(appliance.logs("--device", SERIAL)), sorted([*logs, b"<13>late"]))
    c.send("KEEPALIVE", 4)
    equal("goes on", c.until("KEEPALIVE_ANSWER")[2]["keepalive_state"][0], 0)


@case(journal={"segment-age": "1s"})
def oftp_journal_failed(appliance):
    """a journal that cannot write: nothing is confirmed, logins are journal_failed; resume, and all is there once"""
    pem = device(appliance)
    trace = Trace(appliance)
    c, stream, _ = opened(appliance, pem, 1)
    c.log(1, [b"<13>before"])
    c.confirmed()
    status = appliance.journal.stat()
    os.chown(appliance.journal, 0, 0)
    appliance.journal.chmod(0o555)  # no new segment can be made
    before = counted(appliance, "journal_failed")
    logs = [b"<13>before"]

    def failed():
        return appliance.ctl("status")["journal"]["state"] == "failed"

    try:
        while not failed():
            log = b"<13>during %d" % len(logs)
            c.log(1, [log])
            logs.append(log)
    except OSError:
        logs.append(log)
    until(appliance, "the journal has failed", failed)
    known = stream.confirmed
    late = connect(appliance, [Stream(2)], pem)
    reply = late.login()
    equal("a login", (reply["result"], reply["reason"]), (REFUSED, "journal_failed"))
    expect_everywhere(appliance, trace, "journal_failed", before)
    os.chown(appliance.journal, status.st_uid, status.st_gid)
    appliance.journal.chmod(0o750)
    appliance.ctl("journal", "resume")
    c = connect(appliance, [stream], pem)
    equal("a login after it", c.login()["result"], ALLOWED)
    expect(stream.confirmed >= known, "less is confirmed than was")
    c.confirmed()
    equal("stored", appliance.logs("--device", SERIAL), logs)
    trace.close()
