#!/usr/bin/env python3
"""Writes records.inc: EC CF records made without liblz4, and what they hold.

Run by hand when a case is added; its output is committed, so the tests need no Python. The LZ4
block encoder below follows lz4_Block_format.md and shares no code with what it is used to test.
"""

import struct


def lz4_length(n):
    out = b""
    while n >= 255:
        out += b"\xff"
        n -= 255
    return out + bytes([n])


def lz4_sequence(literals, offset=0, match=0):
    high, low = min(len(literals), 15), min(match - 4, 15) if match else 0
    out = bytes([high << 4 | low])
    if high == 15:
        out += lz4_length(len(literals) - 15)
    out += literals
    if match:
        out += struct.pack("<H", offset)
        if low == 15:
            out += lz4_length(match - 4 - 15)
    return out


def lz4_block(raw, matches=True):
    """Greedy; the last 5 bytes are literals, no match begins in the last 12."""
    out, anchor, at, seen = b"", 0, 0, {}
    while matches and at + 12 < len(raw):
        four = raw[at : at + 4]
        before = seen.get(four)
        seen[four] = at
        if before is None or at - before > 65535:
            at += 1
            continue
        n = 4
        while at + n < len(raw) - 5 and raw[before + n] == raw[at + n]:
            n += 1
        out += lz4_sequence(raw[anchor:at], at - before, n)
        at += n
        anchor = at
    return out + lz4_sequence(raw[anchor:])


def record(logs, devid=b"FGTEST0000000001", devname=b"edge-1", vdom=b"root", time=1714979289,
           flags=0, matches=True, behind=b"", raw_less=0):
    raw = b"".join(logs) + behind
    block = lz4_block(raw, matches)
    head = b"\xec\xcf" + bytes([flags, 0x11, 0x22, len(devid), len(devname), len(vdom)])
    head += struct.pack(">HHHI", len(logs), len(block), len(raw) - raw_less, time)
    head += devid + devname + vdom
    head += b"".join(struct.pack(">H", len(log)) for log in logs)
    if flags & 4:
        head += b"\xab\xcd" * len(logs)
    return head + block


def line(i, text):
    return (b'date=2024-05-06 time=07:08:%02d logid="0100032002" type="event" level="alert" '
            b'msg="%s number %d"' % (i % 60, text, i))


def c_bytes(b):
    """As a C string; three octal digits cannot run into what follows."""
    text = "".join(chr(c) if 32 <= c < 127 and c not in b'"\\?' else "\\%03o" % c for c in b)
    parts, part = [], ""
    while text:
        n = 4 if text[0] == "\\" else 1
        if len(part) + n > 80:
            parts.append(part)
            part = ""
        part, text = part + text[:n], text[n:]
    return " ".join('"%s"\n' % p for p in parts + [part])


CASES = [
    ("one_log", [line(1, b"single")], {}),
    ("several_logs", [line(i, b"login failed") for i in range(7)], {}),
    ("extra_array", [line(i, b"with flags") for i in range(3)], {"flags": 0x04}),
    ("other_flags", [line(i, b"with flags") for i in range(2)], {"flags": 0xfb}),
    ("literals_only", [line(i, b"plain") for i in range(3)], {"matches": False}),
    ("no_names", [line(i, b"nobody") for i in range(2)], {"devid": b"", "devname": b"", "vdom": b""}),
    ("any_bytes", [bytes(range(256)), b"caf\xc3\xa9\n", b"\x00"],
     {"vdom": b"k\xc3\xbcche", "devname": b"a b\"c"}),
    ("an_empty_log", [b"first log of them", b"", b"last log of them"], {}),
    ("trailing_nul_counted", [line(i, b"nul") + b"\x00" for i in range(2)], {}),
    ("trailing_nul_in_raw_len", [line(i, b"nul") for i in range(2)], {"behind": b"\x00"}),
    ("trailing_nul_not_in_raw_len", [line(i, b"nul") for i in range(2)],
     {"behind": b"\x00", "raw_less": 1}),
    ("one_log_one_byte_longer", [line(1, b"single")], {"behind": b"\n", "raw_less": 1}),
    ("long_runs", [b"x" * 4000, b"yx" * 2000, b"z"], {"time": 0xffffffff}),
]


def main():
    with open("records.inc", "w", encoding="ascii") as out:
        out.write("/* Written by make_records.py. */\n")
        for name, logs, how in CASES:
            full = {"devid": b"FGTEST0000000001", "devname": b"edge-1", "vdom": b"root",
                    "time": 1714979289, **how}
            data = record(logs, **how)
            out.write("{.name = \"%s\", .time_s = %uu, .nlogs = %u,\n" % (name, full["time"], len(logs)))
            for key in "devid", "devname", "vdom":
                out.write(".%s = \"%s\",\n" % (key, "".join("\\%03o" % c for c in full[key])))
            out.write(".len = %u, .data = %s,\n" % (len(data), c_bytes(data)))
            out.write(".behind = %u, .log = {\n" % len(how.get("behind", b"")))
            for log in logs:
                if len(log) > 1000:
                    out.write("{.len = %u, .repeats = \"%s\"},\n" % (len(log), log[:2].decode()
                              if log[0] != log[1] else chr(log[0])))
                else:
                    out.write("{.len = %u, .bytes = %s},\n" % (len(log), c_bytes(log)))
            out.write("}},\n")


main()
