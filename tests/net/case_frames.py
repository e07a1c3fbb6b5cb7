"""Random and mutated frames, thrown into the port from a raw socket: sluiced lives on, the books are right."""

import os
import random
import socket
import struct
import time

from appliance import balanced, stage, wire_balanced
from case_wire import send
from cases import FULL, collector, equal, expect
from netns import HOST4, HOST6, HOST_MAC, PEER4, PEER6, PEER_MAC

CASES = []
case = collector(CASES, lambda **changes: stage(**changes))

FRAMES = 10_000_000 if FULL else 1_000_000


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ethernet(kind, payload):
    return mac(HOST_MAC) + mac(PEER_MAC) + struct.pack("!H", kind) + payload


def ipv4(protocol, payload, fragment=0, source=PEER4, ident=1):
    src, dst = socket.inet_aton(source), socket.inet_aton(HOST4)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, 64, protocol, 0, src, dst)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return ethernet(0x0800, head + payload)


def ipv6(protocol, payload):
    head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
    return ethernet(0x86dd, head + socket.inet_pton(socket.AF_INET6, PEER6)
                    + socket.inet_pton(socket.AF_INET6, HOST6) + payload)


def pseudo(protocol, length, v6):
    if v6:
        return (socket.inet_pton(socket.AF_INET6, PEER6) + socket.inet_pton(socket.AF_INET6, HOST6)
                + struct.pack("!II", length, protocol))
    return socket.inet_aton(PEER4) + socket.inet_aton(HOST4) + struct.pack("!BBH", 0, protocol, length)


def udp(payload, v6=False, dport=514):
    head = struct.pack("!HHHH", 4000, dport, 8 + len(payload), 0)
    check = checksum(pseudo(17, 8 + len(payload), v6) + head + payload) or 0xffff
    body = head[:6] + struct.pack("!H", check) + payload
    return ipv6(17, body) if v6 else ipv4(17, body)


def tcp(flags, payload=b"", options=b"", v6=False, seq=1000, ack=0, sport=4001):
    words = 5 + len(options) // 4
    head = struct.pack("!HHIIBBHHH", sport, 514, seq, ack, words << 4, flags, 8192, 0, 0) + options
    check = checksum(pseudo(6, len(head) + len(payload), v6) + head + payload)
    body = head[:16] + struct.pack("!H", check) + head[18:] + payload
    return ipv6(6, body) if v6 else ipv4(6, body)


def icmp(kind, code, payload):
    head = struct.pack("!BBHI", kind, code, 0, 0)
    head = head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:]
    return ipv4(1, head + payload)


def icmp6(kind, code, payload):
    head = struct.pack("!BBH", kind, code, 0)
    check = checksum(pseudo(58, len(head) + len(payload), True) + head + payload)
    return ipv6(58, struct.pack("!BBH", kind, code, check) + payload)


def seeds():
    """Frames that are right, one of each kind that sluiced knows."""
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac(PEER_MAC), socket.inet_aton(PEER4),
                      b"\0" * 6, socket.inet_aton(HOST4))
    log = b"<189>date=2025-03-01 devname=\"x\" logid=\"1\" n=1"
    mss = bytes.fromhex("020405b40402080a00000001000000000103 0307".replace(" ", ""))
    whole = udp(b"<13>" + b"f" * 3000)[34:]
    frames = [
        ethernet(0x0806, arp), ethernet(0x8100, b"\0\x64\x08\0" + udp(log)[14:]), udp(log), udp(log, True),
        udp(b"", dport=9), udp(b"<34>1 2025-03-01T00:00:00Z h a - - [x y=\"z\"] m"),
        tcp(2, options=mss), tcp(2, options=mss, v6=True), tcp(16, ack=5), tcp(24, log + b"\n", ack=5),
        tcp(4), tcp(17), tcp(1), tcp(0x3f, log), tcp(18, ack=1),
        icmp(8, 0, b"\0\1\0\1" + b"p" * 56), icmp(3, 4, udp(log)[14:42]), icmp(3, 3, tcp(2)[14:42]),
        icmp6(128, 0, b"\0\1\0\1" + b"p" * 56), icmp6(2, 0, struct.pack("!I", 1280) + udp(log, True)[14:70]),
        icmp6(135, 0, b"\0" * 4 + socket.inet_pton(socket.AF_INET6, HOST6) + b"\1\1" + mac(PEER_MAC)),
        icmp6(136, 0, b"\x60\0\0\0" + socket.inet_pton(socket.AF_INET6, PEER6) + b"\2\1" + mac(PEER_MAC)),
        icmp6(134, 0, b"\x40\0\7\x08" + b"\0" * 8),
        ipv4(17, whole[:1480], 0x2000), ipv4(17, whole[1480:2960], 0x2000 | 185), ipv4(17, whole[2960:], 370),
        ipv6(44, struct.pack("!BBHI", 17, 0, 1, 7) + whole[:1232]),
        ipv6(44, struct.pack("!BBHI", 17, 0, 1232, 7) + whole[1232:1400]),
        ipv6(0, b"\x3a\0\5\2\0\0\1\0" + b"\x80\0\0\0"), ipv6(43, b"\x11\2\0\1" + b"\0" * 20),
        ethernet(0x88cc, b"lldp"), b"\xff" * 60,
    ]
    return frames


def mutate(rng, frame):
    """One of: as it is, some bytes changed, cut, made longer, a length or type field of the edge."""
    how = rng.random()
    if how < 0.1:
        return frame
    data = bytearray(frame)
    if how < 0.7:
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            data[rng.randrange(12, len(data))] = rng.choice((0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)))
    elif how < 0.85:
        del data[rng.randrange(14, len(data)):]
    elif how < 0.95:
        data += rng.randbytes(rng.randrange(1, 1500 - min(len(data), 1400)))
    else:
        at = rng.randrange(12, len(data))
        data[at:] = rng.randbytes(len(data) - at)
    return bytes(data[:1514])


@case()
def random_and_mutated_frames(appliance):
    """a million random and mutated frames: no crash, the wire equation holds, service goes on"""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"     seed {seed}, {FRAMES} frames", flush=True)
    rng = random.Random(seed)
    good = seeds()
    # Mutants are drawn from a pool made once, each round with another part of it made anew.
    pool = [mutate(rng, rng.choice(good)) for _ in range(50000)]
    raw = appliance.ns.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    raw.bind(("sluice0", 0))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    begin = appliance.wire()["packets"]
    sent, last = 0, time.monotonic()
    while sent < FRAMES:
        for _ in range(2000):
            pool[rng.randrange(len(pool))] = mutate(rng, rng.choice(good))
        burst = rng.choices(pool, k=20000)
        for at in range(0, len(burst), 500):
            for frame in burst[at:at + 500]:
                try:
                    raw.send(frame)
                except OSError:  # the kernel's queue is full: this one is not sent
                    continue
                sent += 1
            if at % 5000 == 0:
                wire = appliance.wire()
                expect(wire_balanced(wire), f"the wire does not add up: {wire}")
        expect(time.monotonic() - last < 60, "20000 frames took more than a minute")
        last = time.monotonic()
    raw.close()
    lost = appliance.ns.tap_drops()
    wire = appliance.wire()
    end = time.monotonic() + 30
    while wire["packets"] - begin < sent - lost and time.monotonic() < end:
        wire = appliance.wire()
    expect(wire["packets"] - begin >= sent - lost,
           f"{sent} sent, {lost} lost in the kernel, {wire['packets'] - begin} came in")
    expect(wire["packets"] - begin >= FRAMES * 0.9, f"only {wire['packets'] - begin} frames came in")
    expect(wire_balanced(wire), f"the wire does not add up: {wire}")
    total = appliance.total()
    expect(balanced(total), f"the account does not add up: {total}")
    # Service goes on: nothing has leaked that a log needs.
    appliance.ns.ip("neigh", "flush", "dev", "sluice0")
    send(appliance, [b"<13>after the storm %d" % n for n in range(5000)])
    stored = [log for log in appliance.logs("--device", PEER4) if log.startswith(b"<13>after the storm")]
    appliance.wait_total("stored", total["received"] + 5000 - sum(total["dropped"].values()))
    stored = [log for log in appliance.logs("--device", PEER4) if log.startswith(b"<13>after the storm")]
    equal("logs after the storm", len(stored), 5000)
    with appliance.ns.connect((HOST4, 514)) as s:
        s.sendall(b"<13>and over TCP\n")
        s.shutdown(socket.SHUT_WR)
        equal("what sluiced sent", s.recv(1), b"")
    equal("exit status", appliance.stop(), 0)
