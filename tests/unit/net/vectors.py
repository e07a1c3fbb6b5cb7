#!/usr/bin/env python3
"""Writes vectors.h: frames put together field by field, by code that shares nothing with ours.

    ./vectors.py > vectors.h

The port of all tests (lab.c): MAC 02:00:00:00:00:01, 192.0.2.2/24, 2001:db8::2/64,
fe80::ff:fe00:1. The peer: 02:00:00:00:00:99, 192.0.2.99, 2001:db8::99, fe80::99. The gateway:
02:00:00:00:00:fe, 192.0.2.1, 2001:db8::1.
"""
import ipaddress
import struct

US, PEER, GW = (bytes.fromhex(m) for m in ("020000000001", "020000000099", "0200000000fe"))
ALL = b"\xff" * 6
US4, PEER4, GW4 = "192.0.2.2", "192.0.2.99", "192.0.2.1"
US6, PEER6, GW6 = "2001:db8::2", "2001:db8::99", "2001:db8::1"
US_LL, PEER_LL = "fe80::ff:fe00:1", "fe80::99"


def ip(text):
    return ipaddress.ip_address(text).packed


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def eth(dst, src, kind, payload):
    return dst + src + struct.pack("!H", kind) + payload


def arp(dst, op, sha, spa, tha, tpa, src=None):
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, op) + sha + ip(spa) + tha + ip(tpa)
    return eth(dst, src or sha, 0x0806, body)


def ip4(src, dst, proto, payload, ident=0, frag=0x4000, ttl=64, options=b""):
    ihl = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 0x40 | ihl, 0, ihl * 4 + len(payload), ident, frag, ttl, proto, 0)
    head += ip(src) + ip(dst) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(src, dst, proto, payload, hops=64):
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, hops) + ip(src) + ip(dst) + payload


def pseudo(src, dst, proto, payload):
    if ":" in src:
        return ip(src) + ip(dst) + struct.pack("!II", len(payload), proto)
    return ip(src) + ip(dst) + struct.pack("!BBH", 0, proto, len(payload))


def udp(src, dst, sport, dport, data):
    head = struct.pack("!HHHH", sport, dport, 8 + len(data), 0)
    c = checksum(pseudo(src, dst, 17, head + data) + head + data) or 0xFFFF
    return head[:6] + struct.pack("!H", c) + data


def tcp(src, dst, sport, dport, seq, ack, flags, data):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 64240, 0, 0)
    c = checksum(pseudo(src, dst, 6, head + data) + head + data)
    return head[:16] + struct.pack("!H", c) + head[18:] + data


def icmp4(kind, code, rest):
    body = struct.pack("!BBH", kind, code, 0) + rest
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def icmp6(src, dst, kind, code, rest):
    body = struct.pack("!BBH", kind, code, 0) + rest
    c = checksum(pseudo(src, dst, 58, body) + body)
    return body[:2] + struct.pack("!H", c) + body[4:]


def group_mac(dst):
    return b"\x33\x33" + ip(dst)[12:]


def solicited(addr):
    return str(ipaddress.ip_address(b"\xff\x02" + b"\0" * 9 + b"\x01\xff" + ip(addr)[13:]))


def nd(dst_mac, src_mac, src, dst, kind, flags, target, option, value):
    rest = struct.pack("!I", flags << 24) + ip(target) + bytes([option, 1]) + value
    return eth(dst_mac, src_mac, 0x86DD, ip6(src, dst, 58, icmp6(src, dst, kind, 0, rest), 255))


ALERT = bytes([58, 0, 5, 2, 0, 0, 1, 0])


def mld(src_mac, src, dst, kind, rest):
    return eth(group_mac(dst), src_mac, 0x86DD, ip6(src, dst, 0, ALERT + icmp6(src, dst, kind, 0, rest), 1))


def mld2_report(src, kind, groups):
    rest = struct.pack("!HH", 0, len(groups))
    for g in groups:
        rest += struct.pack("!BBH", kind, 0, 0) + ip(g)
    return mld(US, src, "ff02::16", 143, rest)


V = {}
nobody = b"\0" * 6

# ARP
V["ARP_PEER_ASKS_US"] = arp(ALL, 1, PEER, PEER4, nobody, US4)
V["ARP_WE_ANSWER_PEER"] = arp(PEER, 2, US, US4, PEER, PEER4)
V["ARP_WE_ASK_PEER"] = arp(ALL, 1, US, US4, nobody, PEER4)
V["ARP_WE_PROBE_PEER"] = arp(PEER, 1, US, US4, nobody, PEER4)
V["ARP_PEER_ANSWERS"] = arp(US, 2, PEER, PEER4, US, US4)
V["ARP_WE_ASK_GATEWAY"] = arp(ALL, 1, US, US4, nobody, GW4)
V["ARP_WE_PROBE_GATEWAY"] = arp(GW, 1, US, US4, nobody, GW4)
V["ARP_GATEWAY_ANSWERS"] = arp(US, 2, GW, GW4, US, US4)
V["ARP_OUR_PROBE"] = arp(ALL, 1, US, "0.0.0.0", nobody, US4)
V["ARP_OUR_ANNOUNCEMENT"] = arp(ALL, 1, US, US4, nobody, US4)
V["ARP_PEER_PROBES_OURS"] = arp(ALL, 1, PEER, "0.0.0.0", nobody, US4)
V["ARP_WE_ANSWER_PROBE"] = arp(PEER, 2, US, US4, PEER, "0.0.0.0")
V["ARP_PEER_CLAIMS_OURS"] = arp(ALL, 1, PEER, US4, nobody, US4)
V["ARP_PEER_ANNOUNCES"] = arp(ALL, 1, PEER, PEER4, nobody, PEER4)

# ND
V["NS_PEER_ASKS_US"] = nd(group_mac(solicited(US6)), PEER, PEER6, solicited(US6), 135, 0, US6, 1, PEER)
V["NA_WE_ANSWER_PEER"] = nd(PEER, US, US6, PEER6, 136, 0x60, US6, 2, US)
V["NS_WE_ASK_PEER"] = nd(group_mac(solicited(PEER6)), US, US6, solicited(PEER6), 135, 0, PEER6, 1, US)
V["NS_WE_PROBE_PEER"] = nd(PEER, US, US6, PEER6, 135, 0, PEER6, 1, US)
V["NA_PEER_ANSWERS"] = nd(US, PEER, PEER6, US6, 136, 0x60, PEER6, 2, PEER)
V["NS_WE_ASK_GATEWAY"] = nd(group_mac(solicited(GW6)), US, US6, solicited(GW6), 135, 0, GW6, 1, US)
V["NA_GATEWAY_ANSWERS"] = nd(US, GW, GW6, US6, 136, 0xE0, GW6, 2, GW)
V["NS_PEER_ASKS_LINK_LOCAL"] = nd(group_mac(solicited(US_LL)), PEER, PEER_LL, solicited(US_LL), 135, 0, US_LL, 1, PEER)
V["NA_WE_ANSWER_LINK_LOCAL"] = nd(PEER, US, US_LL, PEER_LL, 136, 0x60, US_LL, 2, US)
V["NA_OUR_ANNOUNCEMENT"] = nd(group_mac("ff02::1"), US, US6, "ff02::1", 136, 0x20, US6, 2, US)
V["NA_LL_ANNOUNCEMENT"] = nd(group_mac("ff02::1"), US, US_LL, "ff02::1", 136, 0x20, US_LL, 2, US)
V["NS_PEER_PROBES_OURS"] = nd(group_mac(solicited(US6)), PEER, "::", solicited(US6), 135, 0, US6, 14, b"peers!")
V["NA_PEER_CLAIMS_OURS"] = nd(group_mac("ff02::1"), PEER, US6, "ff02::1", 136, 0x20, US6, 2, PEER)

# MLD
G6, GLL = solicited(US6), solicited(US_LL)
V["MLD2_JOIN_FROM_NOWHERE"] = mld2_report("::", 4, [G6])
V["MLD2_JOIN_LL_FROM_NOWHERE"] = mld2_report("::", 4, [GLL])
V["MLD2_CHANGE_ALL"] = mld2_report(US_LL, 4, [G6, GLL])
V["MLD2_STATE_ALL"] = mld2_report(US_LL, 2, [G6, GLL])
V["MLD2_STATE_ONE"] = mld2_report(US_LL, 2, [G6])
V["MLD1_REPORT_ONE"] = mld(US, US_LL, G6, 131, struct.pack("!HH", 0, 0) + ip(G6))
V["MLD1_REPORT_LL"] = mld(US, US_LL, GLL, 131, struct.pack("!HH", 0, 0) + ip(GLL))
V["MLD2_GENERAL_QUERY"] = mld(PEER, PEER_LL, "ff02::1", 130, struct.pack("!HH", 10000, 0) + ip("::") + struct.pack("!BBH", 2, 125, 0))
V["MLD2_GROUP_QUERY"] = mld(PEER, PEER_LL, G6, 130, struct.pack("!HH", 1000, 0) + ip(G6) + struct.pack("!BBH", 2, 125, 0))
V["MLD1_GENERAL_QUERY"] = mld(PEER, PEER_LL, "ff02::1", 130, struct.pack("!HH", 10000, 0) + ip("::"))

# Echo
PING = struct.pack("!HH", 0x1234, 7) + b"are you there?"
V["PING4"] = eth(US, PEER, 0x0800, ip4(PEER4, US4, 1, icmp4(8, 0, PING), ident=0x77))
V["PONG4"] = eth(PEER, US, 0x0800, ip4(US4, PEER4, 1, icmp4(0, 0, PING)))
V["PING6"] = eth(US, PEER, 0x86DD, ip6(PEER6, US6, 58, icmp6(PEER6, US6, 128, 0, PING)))
V["PONG6"] = eth(PEER, US, 0x86DD, ip6(US6, PEER6, 58, icmp6(US6, PEER6, 129, 0, PING)))
V["PING6_ALL_NODES"] = eth(group_mac("ff02::1"), PEER, 0x86DD, ip6(PEER_LL, "ff02::1", 58, icmp6(PEER_LL, "ff02::1", 128, 0, PING)))
V["PONG6_LINK_LOCAL"] = eth(PEER, US, 0x86DD, ip6(US_LL, PEER_LL, 58, icmp6(US_LL, PEER_LL, 129, 0, PING)))

# UDP and TCP
LOG = b"<13>hello"
udp4 = ip4(PEER4, US4, 17, udp(PEER4, US4, 40000, 515, LOG))
udp6 = ip6(PEER6, US6, 17, udp(PEER6, US6, 40000, 515, LOG))
V["UDP4"] = eth(US, PEER, 0x0800, udp4)
V["UDP6"] = eth(US, PEER, 0x86DD, udp6)
tcp4 = ip4(PEER4, US4, 6, tcp(PEER4, US4, 40001, 514, 0x01020304, 0, 2, b""))
tcp6 = ip6(PEER6, US6, 6, tcp(PEER6, US6, 40001, 514, 0x01020304, 0x05060708, 0x18, b"data"))
V["TCP4"] = eth(US, PEER, 0x0800, tcp4)
V["TCP6"] = eth(US, PEER, 0x86DD, tcp6)
V["UDP4_VLAN7"] = US + PEER + struct.pack("!HH", 0x8100, 0x6007) + struct.pack("!H", 0x0800) + udp4
V["UDP4_PRIORITY"] = US + PEER + struct.pack("!HH", 0x8100, 0xE000) + struct.pack("!H", 0x0800) + udp4

# ICMP errors that we send
V["PORT_UNREACHABLE4"] = eth(PEER, US, 0x0800, ip4(US4, PEER4, 1, icmp4(3, 3, bytes(4) + udp4)))
V["PORT_UNREACHABLE6"] = eth(PEER, US, 0x86DD, ip6(US6, PEER6, 58, icmp6(US6, PEER6, 1, 4, bytes(4) + udp6)))
odd4 = ip4(PEER4, US4, 200, b"what is this")
odd6 = ip6(PEER6, US6, 200, b"what is this")
V["PROTO4"] = eth(US, PEER, 0x0800, odd4)
V["PROTO_UNREACHABLE4"] = eth(PEER, US, 0x0800, ip4(US4, PEER4, 1, icmp4(3, 2, bytes(4) + odd4)))
V["NEXT6"] = eth(US, PEER, 0x86DD, odd6)
V["NEXT_UNKNOWN6"] = eth(PEER, US, 0x86DD, ip6(US6, PEER6, 58, icmp6(US6, PEER6, 4, 1, struct.pack("!I", 6) + odd6)))

# Fragments: "0123456789abcdef" in two, of a UDP datagram
whole4 = udp(PEER4, US4, 40000, 514, b"0123456789abcdef")
whole6 = udp(PEER6, US6, 40000, 514, b"0123456789abcdef")
first4 = ip4(PEER4, US4, 17, whole4[:16], ident=0xBEEF, frag=0x2000)
V["FRAG4_FIRST"] = eth(US, PEER, 0x0800, first4)
V["FRAG4_LAST"] = eth(US, PEER, 0x0800, ip4(PEER4, US4, 17, whole4[16:], ident=0xBEEF, frag=2))
first6 = ip6(PEER6, US6, 44, struct.pack("!BBHI", 17, 0, 1, 0xDEADBEEF) + whole6[:16])
V["FRAG6_FIRST"] = eth(US, PEER, 0x86DD, first6)
V["FRAG6_LAST"] = eth(US, PEER, 0x86DD, ip6(PEER6, US6, 44, struct.pack("!BBHI", 17, 0, 16, 0xDEADBEEF) + whole6[16:]))
V["FRAG_TIMEOUT4"] = eth(PEER, US, 0x0800, ip4(US4, PEER4, 1, icmp4(11, 1, bytes(4) + first4)))
V["FRAG_TIMEOUT6"] = eth(PEER, US, 0x86DD, ip6(US6, PEER6, 58, icmp6(US6, PEER6, 3, 1, bytes(4) + first6)))

# ICMP errors about a segment of ours: 192.0.2.2:514 -> 192.0.2.99:40001, sequence number 0x0a0b0c0d
ours4 = ip4(US4, PEER4, 6, tcp(US4, PEER4, 514, 40001, 0x0A0B0C0D, 1, 0x10, b"x" * 8))
ours6 = ip6(US6, PEER6, 6, tcp(US6, PEER6, 514, 40001, 0x0A0B0C0D, 1, 0x10, b"x" * 8))
V["TOO_BIG4"] = eth(US, GW, 0x0800, ip4(GW4, US4, 1, icmp4(3, 4, struct.pack("!HH", 0, 1400) + ours4[:28])))
V["TOO_BIG6"] = eth(US, GW, 0x86DD, ip6(GW6, US6, 58, icmp6(GW6, US6, 2, 0, struct.pack("!I", 1400) + ours6)))

print("/* Written by vectors.py; see there. */")
print("#ifndef SLUICE_TEST_NET_VECTORS_H\n#define SLUICE_TEST_NET_VECTORS_H\n")
for name, frame in V.items():
    text = frame.hex()
    print(f"#define V_{name} \\")
    lines = [text[i:i + 76] for i in range(0, len(text), 76)]
    print(" \\\n".join(f'\t"{line}"' for line in lines) + "\n")
print("#endif")
