#!/usr/bin/env python3
"""A reader of the journal written from docs/journal.md alone; it shares no code with Sluice.
journal_reader.py DIR prints every log as a line of JSON; what is damaged is skipped.
"""
import base64, ctypes, ipaddress, json, os, re, struct, sys
zstd = ctypes.CDLL("libzstd.so.1")
zstd.ZSTD_decompress.restype = ctypes.c_size_t
zstd.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
TABLE = list(range(256))
for _ in range(8):
    TABLE = [n >> 1 ^ (0x82F63B78 if n & 1 else 0) for n in TABLE]
TRANSPORTS = ["internal", "udp", "tcp", "tls", "relp", "relp-tls", "oftp", "eccf"]
FLAGS = ["cut", "lf", "crlf", "nul", "counted", "late", "partial", "batch"]
class Damaged(Exception): pass
def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
def inflate(data, length):
    out = ctypes.create_string_buffer(length or 1)
    if zstd.ZSTD_decompress(out, length, data, len(data)) != length:
        raise Damaged("zstd")
    return out.raw[:length]

class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0
    def take(self, n):
        if self.at + n > len(self.data):
            raise Damaged("short")
        self.at += n
        return self.data[self.at - n:self.at]
    def u8(self):
        return self.take(1)[0]
    def varint(self):
        value = shift = 0
        while (byte := self.u8()) >= 128:
            value, shift = value | (byte & 127) << shift, shift + 7
        return (value | byte << shift) & 2**64 - 1
    def zigzag(self):
        n = self.varint()
        return n >> 1 ^ -(n & 1)
    def many(self, n):
        return [self.varint() for _ in range(n)]

class Segment:
    def __init__(self, path, ident):
        self.data, self.ident = open(path, "rb").read(), ident
        self.first = int(os.path.basename(path)[:16], 16)
    def frame(self, at):
        """(kind, length, fixed part, payload) of the frame of ours at `at`."""
        head = self.data[at:at + 48]
        if len(head) < 48 or head[:4] != struct.pack("<I", 0x184D2A53) or head[8:12] != b"SLJF":
            raise Damaged("no frame")
        length = struct.unpack("<I", head[4:8])[0] + 8
        kind, version, fixed = struct.unpack("<BBH", head[12:16])
        part = self.data[at:at + fixed]
        if at + length > len(self.data) or not 52 <= fixed <= length or \
                struct.unpack("<I", part[-4:])[0] != crc32c(part[:-4]):
            raise Damaged("fixed part")
        if head[16:32] != self.ident or struct.unpack("<Q", head[32:40])[0] != self.first or version != 1:
            raise Damaged("another's, or newer")
        raw_len, stored, crc = struct.unpack("<III", part[{1: 84, 2: 100, 3: 104}[kind]:][:12])
        payload = self.data[at + fixed:at + fixed + stored]
        return kind, length, part, inflate(payload, raw_len) if crc32c(payload) == crc else None
    def blocks(self):
        """(offset, length, fixed part, columns) of each block frame; then there is self.index."""
        at, self.index = 0, None
        while at < len(self.data):
            try:
                kind, length, part, payload = self.frame(at)
            except Damaged:
                at = self.data.find(struct.pack("<I", 0x184D2A53), at + 1) % 2**64
                continue
            if kind == 2:
                yield at, length, part, payload
            elif kind == 3:
                return setattr(self, "index", (at, length, part, payload))
            at += length + (struct.unpack("<I", part[88:92])[0] if kind == 2 else 0)
    def logs(self, at, length, part, payload):
        first_block, _, first_ns, last_ns, rows, raw_len, stored, crc = struct.unpack("<4Q4I", part[48:96])
        data = self.data[at + length:at + length + stored]
        if payload is None or crc32c(data) != crc:
            raise Damaged("columns or data")
        raw, at, c = inflate(data, raw_len), 0, Cursor(payload)
        parts, devices, sources, vdoms, streams, gaps, deltas = c.many(7)
        numbers = []
        for _ in range(parts):
            first_block += c.varint()
            numbers += [first_block] * c.varint()
            c.u8()
        names = [c.take(n) for n in c.many(devices + vdoms)]
        device, vdom = names[:devices], names[devices:]
        families, ports = list(c.take(sources)), c.many(sources)
        source = [(str(ipaddress.ip_address(c.take(4 if f == 4 else 16))), p) for f, p in zip(families, ports)]
        stream = []
        for _ in range(streams):
            c.varint()
            stream.append([c.varint(), c.take(8)[::-1].hex(), c.varint()])
            c.zigzag(), c.zigzag(), c.take(16)
        self.gaps = [(c.varint(), c.u8(), c.varint(), c.varint()) for _ in range(gaps)]
        self.counters = [c.take(c.varint()) for _ in range(c.varint())]
        self.deltas = [(c.varint(), c.u8(), c.varint()) for _ in range(deltas)]
        owner, fields = c.many(rows), []
        for field in range(5):  # source, vdom, stream, transport, flags
            last, column = {}, []
            for d in owner:
                if field < 3:
                    n = c.varint()
                    last[d] = last.get(d) if n == 0 else None if n == 1 else n - 2
                else:
                    last[d] = last.get(d, 0) ^ c.u8()
                column.append(last[d])
            fields.append(column)
        lengths, ns = c.many(rows), 0
        times = [ns := ns + c.zigzag() & 2**64 - 1 for _ in range(rows)]
        for i, (s, v, t, transport, flags) in enumerate(zip(*fields)):
            log, at = raw[at:at + lengths[i]], at + lengths[i] + 1
            if raw[at - 1:at] != b"\n":
                raise Damaged("newline")
            if t is not None:
                stream[t][2] += c.zigzag()
            yield {"block": numbers[i], "ns": times[i], "device": device[owner[i]], "log": log,
                   "vdom": None if v is None else vdom[v], "source": None if s is None else source[s],
                   "stream": None if t is None else tuple(stream[t]), "transport": TRANSPORTS[transport],
                   "flags": [name for bit, name in enumerate(FLAGS) if flags >> bit & 1]}
        if (min(times, default=0), max(times, default=0)) != (first_ns, last_ns) or at != raw_len:
            raise Damaged("totals")

def segments(directory):
    """(Segment, the first block of the one behind it) in their order."""
    version, ident, _ = open(directory + "/ID", encoding="ascii").read().splitlines()
    assert version == "sluice-journal 1"
    ident = struct.pack("<QQ", int(ident[3:19], 16), int(ident[19:35], 16))
    names = sorted(n for n in os.listdir(directory) if re.fullmatch("[0-9a-f]{16}[.]zst", n))
    for name, behind in zip(names, names[1:] + [None]):
        yield Segment(os.path.join(directory, name), ident), int(behind[:16], 16) if behind else 2**63

def read(directory):
    for segment, behind in segments(directory):
        for block in segment.blocks():
            try:
                yield from [log for log in segment.logs(*block) if log["block"] < behind]
            except Damaged: pass

if __name__ == "__main__":
    for entry in read(sys.argv[1]):
        print(json.dumps({k: base64.b64encode(v).decode() if isinstance(v, bytes) else v
                          for k, v in entry.items()}))
