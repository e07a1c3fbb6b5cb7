"""What is below TCP: neighbours, echo, UDP in every size, ICMP errors, VLAN, gateways, bad frames counted."""

import collections
import socket
import struct

import frames
from appliance import balanced, stage, wire_balanced
from cases import Failed, collector, equal, expect
from netns import HOST4, HOST6, HOST_MAC, PEER4, PEER6, run

CASES = []
case = collector(CASES, lambda **changes: stage(**changes))

IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0
SOL_PACKET, PACKET_AUXDATA = 263, 8


def send(appliance, logs, host=HOST4, window=100):
    """Datagrams, paced by the account."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    base = appliance.total()["received"]
    with appliance.ns.socket(family, socket.SOCK_DGRAM) as s:
        if family == socket.AF_INET:
            s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        for at in range(0, len(logs), window):
            for log in logs[at:at + window]:
                s.sendto(log, (host, 514))
            appliance.wait_total("received", base + min(at + window, len(logs)))


def stored_is(appliance, logs, source=PEER4):
    """Everything sent is stored, nothing else, and the books are right. UDP promises no order: the
    kernel may move a flow to another queue of the TAP."""
    total = appliance.wait_total("stored", len(logs))
    stored = appliance.logs("--device", source)
    lost = collections.Counter(logs) - collections.Counter(stored)
    more = collections.Counter(stored) - collections.Counter(logs)
    expect(not lost and not more, f"{len(logs)} sent, {len(stored)} stored; lost {list(lost)[:3]}, "
           f"not sent {list(more)[:3]}")
    expect(balanced(total), f"the account does not add up: {total}")
    wire = appliance.wire()
    expect(wire_balanced(wire), f"the wire does not add up: {wire}")
    equal("frames the TAP dropped", appliance.ns.tap_drops(), 0)


def ping(appliance, host, *words):
    done = run(*appliance.ns.command("ping", "-q", "-n", "-c", "20", "-i", "0.01", "-W", "5", *words,
                                     host), check=False)
    expect(" 0% packet loss" in done, f"ping {host} {words}: {done.strip()}")


@case(quick=True)
def udp_logs(appliance):
    """UDP syslog of every length up to an MTU, stored byte for byte"""
    logs = [b"<13>%d " % n + bytes(33 + (n + i) % 94 for i in range(n)) for n in range(1440)]
    send(appliance, logs)
    stored_is(appliance, logs)


@case()
def udp_logs_ipv6(appliance):
    """UDP syslog over IPv6"""
    logs = [b"<13>%d " % n + b"y" * n for n in range(0, 1400, 7)]
    send(appliance, logs, HOST6)
    stored_is(appliance, logs, PEER6)


@case()
def every_byte_value(appliance):
    """bytes that are no text come back as they were, in raw and in JSON"""
    import base64
    logs = [b"<13>" + bytes(b for b in range(256) if b != 10), b"<13>\xff\xfe\0x"]
    send(appliance, logs)
    stored_is(appliance, logs)
    got = [base64.b64decode(r["log_base64"]) for r in appliance.records("--device", PEER4)]
    equal("log_base64", sorted(got), sorted(logs))


@case()
def datagram_ends(appliance):
    """one trailing LF, CRLF or NUL is framing; the rest is the log"""
    ends = [(b"", b""), (b"\n", b""), (b"\r\n", b""), (b"\0", b""), (b"\0\0", b"\0"), (b"\r", b"\r")]
    send(appliance, [b"<13>end" + e for e, _ in ends])
    stored_is(appliance, [b"<13>end" + kept for _, kept in ends])


@case()
def fragments(appliance):
    """datagrams in up to 44 fragments, IPv4 and IPv6"""
    sent = 0
    sizes = (1500, 2960, 4000, 8972, 20000, 65000)
    for host, source in ((HOST4, PEER4), (HOST6, PEER6)):
        logs = [b"<13>%d " % size + b"f" * (size - 10) for size in sizes for _ in range(3)]
        send(appliance, logs, host, window=3)
        sent += len(logs)
        appliance.wait_total("stored", sent)
        stored = appliance.logs("--device", source)
        expect(sorted(stored) == sorted(logs), f"{source}: {[len(s) for s in stored]}")
    expect(wire_balanced(appliance.wire()), "the wire does not add up")


@case(changes={"limits": {"message-size": "1KiB"}})
def long_logs_are_cut(appliance):
    """a log above message-size is stored cut, flagged and counted"""
    logs = [b"<13>" + b"a" * 1020, b"<13>" + b"b" * 1021, b"<13>" + b"c" * 1400]
    send(appliance, logs)
    stored_is(appliance, [log[:1024] for log in logs])
    flags = {r["log"][4]: "cut" in r["flags"] for r in appliance.records("--device", PEER4)}
    equal("flag cut", flags, {"a": False, "b": True, "c": True})
    equal("cut in the account", appliance.accounts()[PEER4]["cut"], 2)


@case(quick=True)
def neighbours_and_echo(appliance):
    """ARP, ND, ICMP and ICMPv6 echo, small and nearly an MTU"""
    for host in (HOST4, HOST6):
        ping(appliance, host)
        ping(appliance, host, "-s", "1400")
    known = appliance.ns.ip("neigh", "show", "dev", "sluice0")
    for host in (HOST4, HOST6):
        line = [x for x in known.splitlines() if x.startswith(host + " ")]
        expect(line and "lladdr" in line[0], f"no neighbour {host}: {known}")


@case()
def addresses_of_others(appliance):
    """nobody answers for an address that is not ours"""
    done = run(*appliance.ns.command("ping", "-q", "-n", "-c", "2", "-W", "1", "-i", "0.2", "192.0.2.77"),
               check=False)
    expect("100% packet loss" in done, done)
    expect(wire_balanced(appliance.wire()), "the wire does not add up")


@case()
def closed_udp_port(appliance):
    """a UDP port without a listener is answered by ICMP, and counted"""
    for family, host in ((socket.AF_INET, HOST4), (socket.AF_INET6, HOST6)):
        with appliance.ns.socket(family, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.connect((host, 9))
            s.send(b"hello")
            try:
                s.recv(1)
                raise Failed("an answer from a closed port")
            except ConnectionRefusedError:
                pass
    wire = appliance.wire()
    equal("no_listener", wire["rejected"]["no_listener"], 2)
    expect(wire_balanced(wire), f"the wire does not add up: {wire}")


@case(changes={"ports": [{"name": "data0", "devargs": f"net_tap0,iface=sluice0,mac={HOST_MAC}",
                          "addresses": ["192.0.2.2/24"], "gateways": ["192.0.2.1"], "vlan": 100}]})
def vlan(appliance):
    """a tagged port takes and sends frames with its tag, and counts others as not for us"""
    with appliance.ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as raw:
        raw.bind(("sluice0", 3))
        raw.settimeout(10)
        raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        for tag, wanted in ((100, "accepted"), (101, "rejected")):
            before = appliance.wire()
            raw.send(frames.tagged(tag, frames.udp(b"<13>tag %d" % tag)))
            # The kernel's own frames on this link have no tag, so they are counted as not for us as well.
            after = before
            while (after["accepted"] == before["accepted"] if tag == 100 else
                   after["rejected"]["not_for_us"] == before["rejected"]["not_for_us"]):
                after = appliance.wire()
            equal(f"tag {tag} is {wanted}", after["accepted"] - before["accepted"], int(tag == 100))
        raw.send(frames.udp(b"<13>untagged"))
        raw.send(frames.tagged(100, frames.arp_request()))
        while True:
            # The kernel takes the tag off and tells it beside the frame.
            frame, beside, _, where = raw.recvmsg(2048, 256)
            if where[2] != socket.PACKET_OUTGOING and frame[12:14] == b"\x08\x06" and frame[21] == 2:
                break
        tci = struct.unpack_from("HH", beside[0][2], 16)[0]
        equal("tag of the ARP reply", tci & 0xfff, 100)
    stored_is(appliance, [b"<13>tag 100"])


@case()
def through_a_gateway(appliance):
    """a sender of another network is answered by way of the gateway"""
    ns = appliance.ns
    ns.ip("addr", "add", "198.51.100.9/32", "dev", "lo")
    with ns.inside():
        s = socket.create_connection((HOST4, 514), timeout=10, source_address=("198.51.100.9", 0))
    with s:
        s.sendall(b"<13>from afar\n")
        s.shutdown(socket.SHUT_WR)
        equal("what sluiced sent", s.recv(1), b"")
    stored_is(appliance, [b"<13>from afar"], "198.51.100.9")


@case(changes={"listen": {"trust-devid": ["192.0.2.0/24"]}})
def named_by_devid(appliance):
    """devid= names the device where its address is trusted"""
    logs = [b'<189>date=2025-03-01 time=10:00:00 devname="a" devid="FGT60F0000000%03d" vd="root" n=%d'
            % (n % 3, n) for n in range(30)]
    send(appliance, logs)
    appliance.wait_total("stored", len(logs))
    accounts = appliance.accounts()
    for n in range(3):
        equal(f"received of device {n}", accounts[f"FGT60F0000000{n:03}"]["received"], 10)
    got = appliance.records("--device", "FGT60F0000000001")
    equal("vdom", {r["vdom"] for r in got}, {"root"})


@case(changes={"listen": {"allow": ["192.0.2.1/32"]}})
def addresses_not_allowed(appliance):
    """logs of an address that is not allowed are not stored"""
    with appliance.ns.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        for n in range(10):
            s.sendto(b"<13>no %d" % n, (HOST6, 514))
    logs = [b"<13>yes %d" % n for n in range(10)]
    send(appliance, logs)
    total = appliance.wait_total("stored", 10)
    equal("logs of the other", appliance.logs("--device", PEER6), [])
    expect(balanced(total), f"the account does not add up: {total}")
    expect(wire_balanced(appliance.wire()), "the wire does not add up")


@case()
def flood(appliance):
    """more datagrams than fit: what the port took is stored or counted as dropped"""
    send(appliance, [b"<13>first"])  # so that no frame waits for ARP, where the kernel drops some too
    with appliance.ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect((HOST4, 514))
        log = b"<13>" + b"z" * 500
        for _ in range(200000):
            s.send(log)
    came = 1 + 200000 - appliance.ns.tap_drops()
    total = appliance.wait_total("received", came, timeout=60)
    # Some frames that the TAP dropped are the kernel's own chatter.
    expect(came <= total["received"] <= came + 20, f"{total['received']} received, {came} came in")
    total = appliance.wait_total("stored", total["received"] - sum(total["dropped"].values()))
    expect(balanced(total), f"the account does not add up: {total}")
    expect(wire_balanced(appliance.wire()), "the wire does not add up")
