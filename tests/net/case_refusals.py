"""Refusals whose cause is the state that sluiced is in, not what is shown to it: each has the same word in trace,
list, audit and metric as those of certificates (case_oftp_login.py, tests/peers/case_tls_clients.py)."""

import contextlib
import re
import socket
import subprocess

from appliance import stage
from case_oftp import SERIAL, connect, device
from case_oftp_login import OTHER, Trace, counted, expect_everywhere, expect_refused, until
from case_trust import client, issue
from cases import collector, equal, expect
from frames import tcp
from netns import HOST4
from oftp_client import ALLOWED, Stream


@contextlib.contextmanager
def stage_of(before=(), **changes):
    """`before`: the command line that runs sluiced."""
    with stage(changes, start=False) as appliance:
        appliance.start(*before)
        yield appliance


CASES = []
case = collector(CASES, stage_of)

SYN = 2
HALF_OPEN = 16
SPARE = 18  # places of the table for those who come again: an eighth and 16


def gauge(appliance, name):
    return int(re.search(rf"^{name} (\d+)", appliance.metrics(), re.M)[1])


def closed_by_us(appliance):
    """A connection that sluiced refuses and closes; its port, whose place is in TIME_WAIT there."""
    with appliance.ns.connect((HOST4, 514)) as s:
        s.sendall(b"\x16\x03\x01\0\6\1\0\0\2\3\3")  # a ClientHello that breaks off
        while s.recv(4096):
            pass
        return s.getsockname()[1]


@case(limits={"half-open": HALF_OPEN})
def a_full_syn_table(appliance):
    """half_open_limit: whoever begins anew what was just closed, while the SYN table is full"""
    trace = Trace(appliance)
    ports = [closed_by_us(appliance) for _ in range(SPARE + 14)]
    before = counted(appliance, "half_open_limit")
    until(appliance, "more are in TIME_WAIT than have a place",
          lambda: gauge(appliance, "sluice_tcp_time_wait") > SPARE + 4)
    # From here on nobody answers for this address: what was begun stays half open.
    appliance.ns.ip("addr", "flush", "dev", "sluice0")
    with appliance.ns.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
        raw.bind(("sluice0", 0))
        for port in range(1, HALF_OPEN + 1):
            raw.send(tcp(SYN, sport=port))
        for port in ports:
            for seq in (1000, 1000 + (1 << 31)):  # one of them is past the old connection's
                raw.send(tcp(SYN, sport=port, seq=seq))
    expect_everywhere(appliance, trace, "half_open_limit", before)
    expect(gauge(appliance, "sluice_tcp_half_open") <= HALF_OPEN + SPARE, "more are half open than may be")
    trace.close()
    appliance.ns.dress_tap()


def limit_files(appliance, size):
    """How large a file it may write to; who it runs as may say so."""
    subprocess.run(["prlimit", "--pid", str(appliance.process.pid), "--fsize=" + size], check=True,
                   user="sluice", group="sluice", extra_groups=[])


@case(before=("sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"))
def a_failed_journal(appliance):
    """journal_failed: logins while nothing can be made durable; TLS syslog is not read, and loses nothing"""
    pem = device(appliance)
    syslog = issue(appliance, OTHER)
    appliance.ctl("device", "authorize", OTHER)
    trace = Trace(appliance)
    stream = Stream(1)
    c = connect(appliance, [stream], pem)
    equal("before", c.login()["result"], ALLOWED)
    limit_files(appliance, "0:unlimited")
    c.log(1, [b"<13>not durable"])
    until(appliance, "the journal failed",
          lambda: appliance.ctl("status")["journal"]["state"] == "failed")
    limit_files(appliance, "unlimited")
    c.drop()
    expect_refused(appliance, trace, "journal_failed", connect(appliance, [Stream(1)], pem).login)
    equal("the registry's", appliance.ctl("device", "show", SERIAL)["refusal"]["reason"], "journal_failed")
    kept = b"<13>kept by its sender"
    with client(appliance, syslog) as s:
        s.sendall(kept + b"\n")
        until(appliance, "it is up", lambda: appliance.ctl("device", "show", OTHER)["up"])
        appliance.ctl("journal", "resume")
        until(appliance, "what was not read is stored",
              lambda: appliance.logs("--device", OTHER) == [kept])
    again = connect(appliance, [stream], pem)
    equal("after", again.login()["result"], ALLOWED)
    trace.close()
