"""Random and mutated frames, thrown into the port from a raw socket: sluiced lives on, the books are right."""

import os
import random
import socket
import struct
import time

from appliance import balanced, stage, wire_balanced
from case_wire import send
from cases import FULL, collector, equal, expect
from frames import arp_request, ethernet, icmp, icmp6, ipv4, ipv6, mac, tagged, tcp, udp
from netns import HOST4, HOST6, PEER4, PEER6, PEER_MAC

CASES = []
case = collector(CASES, lambda **changes: stage(**changes))

FRAMES = 10_000_000 if FULL else 1_000_000


def seeds():
    """Frames that are right, one of each kind that sluiced knows."""
    log = b"<189>date=2025-03-01 devname=\"x\" logid=\"1\" n=1"
    mss = bytes.fromhex("020405b40402080a00000001000000000103 0307".replace(" ", ""))
    whole = udp(b"<13>" + b"f" * 3000)[34:]
    frames = [
        arp_request(), tagged(100, udp(log)), udp(log), udp(log, True),
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


def came_in(appliance, begin, sent):
    """Waits until the port has taken all frames that the kernel did not drop; the wire's account."""
    end = time.monotonic() + 30
    while True:
        wire = appliance.wire()
        expect(wire_balanced(wire), f"the wire does not add up: {wire}")
        lost = appliance.ns.tap_drops()
        if wire["packets"] - begin >= sent - lost:
            return wire
        expect(time.monotonic() < end, f"{sent} sent, {lost} lost in the kernel, "
               f"{wire['packets'] - begin} came in")


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
    sent = 0
    while sent < FRAMES:
        for _ in range(500):
            pool[rng.randrange(len(pool))] = mutate(rng, rng.choice(good))
        for frame in rng.choices(pool, k=5000):
            try:
                raw.send(frame)
                sent += 1
            except OSError:  # the kernel's queue is full: this one is not sent
                pass
        came_in(appliance, begin, sent)  # before the TAP's queue is full
    raw.close()
    wire = came_in(appliance, begin, sent)
    expect(wire["packets"] - begin >= FRAMES * 0.9, f"only {wire['packets'] - begin} frames came in")
    expect(wire_balanced(wire), f"the wire does not add up: {wire}")
    total = appliance.total()
    expect(balanced(total), f"the account does not add up: {total}")
    # Service goes on: nothing has leaked that a log needs.
    appliance.ns.ip("neigh", "flush", "dev", "sluice0")
    send(appliance, [b"<13>after the storm %d" % n for n in range(5000)])
    appliance.wait_total("stored", total["received"] + 5000 - sum(total["dropped"].values()))
    stored = [log for log in appliance.logs("--device", PEER4) if log.startswith(b"<13>after the storm")]
    equal("logs after the storm", len(stored), 5000)
    with appliance.ns.connect((HOST4, 514)) as s:
        s.sendall(b"<13>and over TCP\n")
        s.shutdown(socket.SHUT_WR)
        equal("what sluiced sent", s.recv(1), b"")
    equal("exit status", appliance.stop(), 0)
