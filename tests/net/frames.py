"""Frames made by hand, as the peer's end of the TAP would send them."""

import socket
import struct

from netns import HOST4, HOST6, HOST_MAC, PEER4, PEER6, PEER_MAC


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


def arp_request():
    return ethernet(0x0806, struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac(PEER_MAC),
                                        socket.inet_aton(PEER4), b"\0" * 6, socket.inet_aton(HOST4)))


def tagged(vlan, frame):
    return frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:]
