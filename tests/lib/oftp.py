"""The OFTP profile's messages, written from docs/oftp-profile.md alone. Shares no code with sluiced."""

import ctypes
import struct

MAGIC, VERSION = 0xF514, 1
TYPES = {name: n + 1 for n, name in enumerate(
    "LOGIN_REQUEST LOGIN_REQUEST_LEGACY AUTH_CHALLENGE AUTH_RESPONSE LOGIN_REPLY AUTH_CHANGED LOG_DATA "
    "SEQ_QUERY SEQ_REPLY STATUS KEEPALIVE KEEPALIVE_ANSWER BYE ERROR".split())}
NAMES = {n: name for name, n in TYPES.items()}
TEXT, BYTES, REST = "text", "bytes", "rest"
OPTIONS = {
    "serial": (1, TEXT), "hostname": (2, TEXT), "firmware": (3, TEXT), "timezone": (4, TEXT),
    "preshared_key": (5, TEXT), "features": (6, ">I"), "reliable": (7, ">B"), "sasl": (8, BYTES),
    "result": (9, ">B"), "reason": (10, TEXT), "status_text": (11, TEXT),
    "keepalive_period": (12, ">H"), "disk": (13, ">QQ"), "server_serial": (14, TEXT),
    "stream": (15, ">IQQB16s"), "log_status": (16, ">B"), "conn_id": (17, ">I"), "epoch": (18, ">Q"),
    "seq_no": (19, ">Q"), "log_type": (20, ">B"), "category": (21, ">B"), "log_count": (22, ">H"),
    "dropped_before": (23, ">I"), "codec": (24, ">B"), "raw_len": (25, ">I"), "vdom": (26, TEXT),
    "lengths": (27, BYTES), "error": (28, ">B"), "keepalive_state": (29, ">BI"),
    "payload": (255, REST),
}
BY_CODE = {code: (name, kind) for name, (code, kind) in OPTIONS.items()}
REPEATED = ("server_serial", "stream")


def encode(kind, tag=0, version=VERSION, **options):
    """A message. A repeated option is a list; one with several fields is a tuple."""
    body = b""
    for name, value in options.items():
        code, form = OPTIONS[name]
        for one in value if name in REPEATED else [value]:
            if form == TEXT:
                data = one.encode()
            elif form in (BYTES, REST):
                data = one
            else:
                data = struct.pack(form, *(one if isinstance(one, tuple) else (one,)))
            body += struct.pack(">HH", code, 0 if form == REST else len(data)) + data
    return struct.pack(">HBBII", MAGIC, version, TYPES[kind], len(body), tag) + body


def decode(data):
    """(name, tag, options, how many bytes), or None where the message is not all there."""
    if len(data) < 12:
        return None
    magic, _, kind, size, tag = struct.unpack_from(">HBBII", data)
    if magic != MAGIC:
        raise ValueError(f"magic {magic:04x}")
    if len(data) < 12 + size:
        return None
    at, end, options = 12, 12 + size, {}
    while at < end:
        code, length = struct.unpack_from(">HH", data, at)
        at += 4
        name, form = BY_CODE.get(code, (None, None))
        if form == REST:
            length = end - at
        value = bytes(data[at:at + length])
        if at + length > end:
            raise ValueError("an option reaches past the body")
        at += length
        if name is None:
            continue
        if form == TEXT:
            value = value.decode()
        elif form not in (BYTES, REST):
            value = struct.unpack(form, value)
            value = value[0] if len(value) == 1 else value
        if name in REPEATED:
            options.setdefault(name, []).append(value)
        else:
            options[name] = value
    return NAMES[kind], tag, options, end


def lz4_block(data):
    """One LZ4 block of literals only: legal, and needs no library."""
    extra = len(data) - 15
    out = bytes([min(len(data), 15) << 4])
    while extra >= 0:
        out += bytes([min(extra, 255)])
        if extra < 255:
            break
        extra -= 255
    return out + data


def log_data(conn_id, epoch, seq_no, logs, codec=0, log_type=3, category=0, tag=0, **more):
    """An item of these logs."""
    raw = b"".join(logs)
    return encode("LOG_DATA", tag, conn_id=conn_id, epoch=epoch, seq_no=seq_no, log_type=log_type,
                  category=category, log_count=len(logs), codec=codec, raw_len=len(raw), **more,
                  lengths=b"".join(struct.pack(">I", len(log)) for log in logs),
                  payload=lz4_block(raw) if codec else raw)


class _Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


_xxh3 = ctypes.CDLL("libxxhash.so.0").XXH3_128bits_withSeed
_xxh3.argtypes, _xxh3.restype = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64], _Hash128


def digest(seq_no, logs):
    raw = b"".join(logs)
    said = _xxh3(raw, len(raw), seq_no)
    return struct.pack(">QQ", said.high, said.low)


def eccf(logs, devid="", vdom="", time_s=0):
    """An EC CF record: these logs in one datagram."""
    raw = b"".join(logs)
    packed = lz4_block(raw)
    return (struct.pack(">2sBBBBBBHHHI", b"\xec\xcf", 0, 0, 0, len(devid), 0, len(vdom), len(logs),
                        len(packed), len(raw), time_s)
            + devid.encode() + vdom.encode()
            + b"".join(struct.pack(">H", len(log)) for log in logs) + packed)
