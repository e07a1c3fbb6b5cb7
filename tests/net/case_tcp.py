"""TCP against the kernel's: framings, sizes, ends of a connection, many connections, sessions."""

import socket
import struct
import threading
import time

from appliance import balanced, stage, wire_balanced
from case_trust import until
from case_wire import send
from cases import FULL, Failed, collector, equal, expect
from netns import HOST4, HOST6, PEER4, PEER6

CASES = []
case = collector(CASES, lambda **changes: stage(**changes))


def finish(s):
    """Half-closes and waits for the other side's end."""
    s.shutdown(socket.SHUT_WR)
    equal("bytes that sluiced sent", s.recv(1), b"")
    s.close()


def check(appliance, logs, source=PEER4):
    total = appliance.wait_total("stored", len(logs))
    stored = appliance.logs("--device", source)
    expect(stored == logs, f"stored is not what was sent: {len(stored)} logs for {len(logs)}, first "
           f"difference {next((p for p in zip(stored, logs) if p[0] != p[1]), None)}")
    expect(balanced(total), f"the account does not add up: {total}")
    expect(wire_balanced(appliance.wire()), "the wire does not add up")


def text(n, size=0):
    return b"<134>n=%d %s" % (n, b"t" * size)


@case(quick=True)
def lines(appliance):
    """newline framing: LF, CRLF, a last line without either, empty lines"""
    s = appliance.ns.connect((HOST4, 514))
    s.sendall(b"<13>a\n<13>b\r\n\n\r\n<13>c\rd\n<13>last")
    finish(s)
    check(appliance, [b"<13>a", b"<13>b", b"<13>c\rd", b"<13>last"])


@case()
def octet_counted(appliance):
    """octet counting: newlines inside, one trailer taken off, lengths of 1 to 5 digits"""
    logs = [b"<13>" + b"o" * n for n in (0, 5, 94, 95, 996, 9000, 60000)] + [b"<13>two"]
    data = b"".join(b"%d %s" % (len(log), log) for log in logs[:-1]) + b"8 <13>two\n"
    s = appliance.ns.connect((HOST4, 514))
    s.sendall(data)
    finish(s)
    check(appliance, logs)


@case()
def counted_without_a_priority(appliance):
    """octet counting of FortiOS logs that have no priority: told by their date=, not run together"""
    logs = [b'date=2025-03-01 time=12:00:0%d devname="fw" msg="%s"' % (n, b"x" * n * 40) for n in range(5)]
    s = appliance.ns.connect((HOST4, 514))
    s.sendall(b"".join(b"%d %s" % (len(log), log) for log in logs))
    appliance.wait_total("stored", len(logs))
    finish(s)
    check(appliance, logs)


@case()
def broken_count(appliance):
    """a count that is none closes the connection; what was before it is stored"""
    s = appliance.ns.connect((HOST4, 514))
    s.sendall(b"7 <13>abc7 <13>defoops")
    s.settimeout(10)
    try:
        equal("end of the connection", s.recv(1), b"")
    except ConnectionResetError:
        pass
    s.close()
    check(appliance, [b"<13>abc", b"<13>def"])


@case()
def big_and_fast(appliance):
    """one connection, as fast as it goes"""
    count = 2000000 if FULL else 200000
    logs = [text(n, n % 500) for n in range(count)]
    s = appliance.ns.connect((HOST4, 514), timeout=120)
    s.sendall(b"\n".join(logs) + b"\n")
    finish(s)
    check(appliance, logs)


@case()
def many_connections(appliance):
    """300 connections at once, IPv4 and IPv6, each in its order"""
    per, count = 40, 300
    sockets = []
    for c in range(count):
        host = HOST4 if c % 3 else HOST6
        sockets.append((c, host, appliance.ns.connect((host, 514))))
    for n in range(per):
        for c, _, s in sockets:
            s.sendall(b"<13>c=%d n=%d\n" % (c, n))
    equal("sessions", len(appliance.ctl("session", "list")["sessions"]), count)
    for _, _, s in sockets:
        finish(s)
    total = appliance.wait_total("stored", per * count)
    expect(balanced(total), f"the account does not add up: {total}")
    got = {}
    for source in (PEER4, PEER6):
        for log in appliance.logs("--device", source):
            c, n = (int(w.split(b"=")[1]) for w in log[4:].split())
            got.setdefault(c, []).append(n)
    equal("connections", len(got), count)
    expect(all(v == list(range(per)) for v in got.values()), "a connection is not in order")
    equal("sessions in the end", len(appliance.ctl("session", "list")["sessions"]), 0)


@case()
def resets(appliance):
    """connections that end by RST: what was acknowledged before is stored"""
    for n in range(50):
        s = appliance.ns.connect((HOST4, 514))
        s.sendall(text(n) + b"\n")
        end = time.monotonic() + 10
        # SIOCOUTQ: bytes not yet acknowledged
        import fcntl
        while struct.unpack("i", fcntl.ioctl(s, 0x5411, b"\0" * 4))[0]:
            expect(time.monotonic() < end, "not acknowledged")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    check(appliance, [text(n) for n in range(50)])


@case()
def closed_port(appliance):
    """a port nobody listens on refuses"""
    for host in (HOST4, HOST6):
        try:
            appliance.ns.connect((host, 515)).close()
            raise Failed("connected to a closed port")
        except ConnectionRefusedError:
            pass


@case()
def other_ports(appliance):
    """6514 and 2514 are the same listener"""
    for n, port in enumerate((514, 6514, 2514)):
        s = appliance.ns.connect((HOST4, port))
        s.sendall(text(n) + b"\n")
        finish(s)
    check(appliance, [text(n) for n in range(3)])


@case()
def session_kill(appliance):
    """session list shows a connection, session kill resets it"""
    s = appliance.ns.connect((HOST4, 514))
    s.sendall(b"<13>one\n")
    appliance.wait_total("stored", 1)
    sessions = appliance.ctl("session", "list")["sessions"]
    equal("sessions", len(sessions), 1)
    appliance.ctl("session", "kill", str(sessions[0]["id"]))
    s.settimeout(10)
    try:
        s.recv(1)
        raise Failed("no RST")
    except ConnectionResetError:
        pass
    # The worker tells of it in its next round, without anything that happens to it.
    end = time.monotonic() + 10
    while appliance.ctl("status")["sessions"] != 0:
        expect(time.monotonic() < end, "status goes on to count a session that was killed")
    equal("a second kill", appliance.run("session", "kill", str(sessions[0]["id"])).returncode, 5)
    check(appliance, [b"<13>one"])


@case(changes={"limits": {"sessions": 10}})
def session_limit(appliance):
    """connections beyond limits.sessions are refused and counted; others go on"""
    kept = [appliance.ns.connect((HOST4, 514)) for _ in range(10)]
    for s in kept:
        s.sendall(b"<13>kept\n")
    appliance.wait_total("stored", 10)
    for _ in range(2):
        s = None
        try:
            s = appliance.ns.connect((HOST4, 514), timeout=2)
            s.sendall(b"<13>too many\n")
            if s.recv(1):
                raise Failed("the eleventh session was served")
        except (ConnectionError, TimeoutError):
            pass
        finally:
            if s is not None:
                s.close()
    for s in kept:
        s.sendall(b"<13>kept\n")
        finish(s)
    check(appliance, [b"<13>kept"] * 20)


def placed(appliance):
    """Two connections and UDP at once."""
    send(appliance, [b"<13>first"])  # ARP is done: the kernel drops nothing while it waits for it
    count = 50000
    kinds = (b"a", b"b")

    def run(kind):
        with appliance.ns.connect((HOST4, 514), timeout=60) as s:
            for at in range(0, count, 500):
                s.sendall(b"".join(b"<13>%s %d\n" % (kind, n) for n in range(at, at + 500)))
            s.shutdown(socket.SHUT_WR)
            s.recv(1)

    threads = [threading.Thread(target=run, args=(k,)) for k in kinds]
    for t in threads:
        t.start()
    with appliance.ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for n in range(300):
            s.sendto(b"<13>u %d" % n, (HOST4, 514))
    for t in threads:
        t.join()
    sent = 1 + 2 * count + 300 - appliance.ns.tap_drops()
    appliance.wait_total("stored", sent, timeout=60)  # of TCP what was dropped has come again
    until(appliance, "nothing pending", lambda: appliance.total()["pending"] == 0)
    total = appliance.total()
    expect(balanced(total), f"the account does not add up: {total}")
    logs = appliance.logs("--device", PEER4)
    for kind in kinds:
        own = [log for log in logs if log.startswith(b"<13>%s " % kind)]
        expect(own == [b"<13>%s %d" % (kind, n) for n in range(count)], "not in order, or not all")
    equal("stored logs", len(logs), total["received"])
    expect(wire_balanced(appliance.wire()), "the wire does not add up")


@case(changes={"cores": {"rx": [0], "workers": [0], "poll": "shared"}})
def one_lcore_shared(appliance):
    """rx and worker on one lcore, which yields and then sleeps when idle"""
    placed(appliance)


@case(changes={"cores": {"rx": [1], "workers": [0], "poll": "adaptive"}})
def two_lcores_adaptive(appliance):
    """rx and worker apart, sleeping when idle"""
    placed(appliance)


@case(changes={"cores": {"rx": [1], "workers": [0], "poll": "busy"}})
def two_lcores_busy(appliance):
    """rx and worker apart, never sleeping"""
    placed(appliance)


@case(changes={"cores": {"rx": [0], "workers": [0], "poll": "busy"}})
def one_lcore_busy(appliance):
    """everything on one lcore that never sleeps"""
    placed(appliance)
