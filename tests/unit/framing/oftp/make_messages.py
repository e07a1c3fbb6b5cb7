#!/usr/bin/env python3
"""Writes messages.inc: messages of the OFTP profile as tests/lib/oftp.py makes them, one of each type.

  cd tests/unit/framing/oftp && ./make_messages.py
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "lib"))

import oftp  # noqa: E402

LOGS = [b"date=2026-11-22 msg=\"one\"", b"t\xc3\xbcwo \xff\x00", b"3" * 300]
EPOCH = 0x0123456789ABCDEF
LOGIN = {"serial": "FGVM010000064692", "hostname": "edge-1", "firmware": "v7.4.1",
         "timezone": "(GMT+8:00)Somewhere", "features": 1, "reliable": 1,
         "stream": [(0, EPOCH, 5, 0, b"\1" * 16), (65535, 7, 0, 0, b"\0" * 16)]}
STATE = [(0, EPOCH, 9, 0, oftp.digest(9, LOGS)), (65535, 7, 0, 1, b"\0" * 16)]
MESSAGES = {
    "login_request": oftp.encode("LOGIN_REQUEST", 1, **LOGIN),
    "login_request_psk": oftp.encode("LOGIN_REQUEST", 2, serial="A", preshared_key="secret",
                                     features=0, reliable=0),
    "login_request_legacy": oftp.encode("LOGIN_REQUEST_LEGACY", 3, serial="FWB1", features=0,
                                        reliable=1, sasl=b"p=tls-exporter,,n=user,r=abc"),
    "auth_challenge": oftp.encode("AUTH_CHALLENGE", 3, sasl=b"r=abcdef,s=QQ==,i=4096"),
    "auth_response": oftp.encode("AUTH_RESPONSE", 4, sasl=b"c=cA==,r=abcdef,p=AAAA"),
    "login_reply": oftp.encode("LOGIN_REPLY", 1, features=1, result=0,
                               status_text="Log is allowed.", keepalive_period=5,
                               disk=(1 << 40, 1 << 41), server_serial=["SL-1", "SL-2"],
                               stream=STATE),
    "auth_changed": oftp.encode("AUTH_CHANGED", result=2, reason="denied"),
    "item_raw": oftp.log_data(65535, EPOCH, 9, LOGS, tag=8),
    "item_lz4": oftp.log_data(0, EPOCH, 1 << 40, LOGS, codec=1, dropped_before=3, vdom="root"),
    "seq_query": oftp.encode("SEQ_QUERY", 9, conn_id=65535),
    "seq_reply": oftp.encode("SEQ_REPLY", 0, stream=STATE),
    "status": oftp.encode("STATUS", reason="disk_full", status_text="hold", disk=(9, 10), log_status=1),
    "keepalive": oftp.encode("KEEPALIVE", 77),
    "keepalive_answer": oftp.encode("KEEPALIVE_ANSWER", 77, keepalive_state=(1, 950)),
    "bye": oftp.encode("BYE", reason="idle_timeout"),
    "error": oftp.encode("ERROR", 5, status_text="pending", error=9),
}


def c_bytes(data):
    rows = [data[n:n + 16] for n in range(0, len(data), 16)]
    return "\n".join("\t" + " ".join(f"0x{b:02x}," for b in row) for row in rows)


with open("messages.inc", "w", encoding="ascii") as out:
    out.write("/* Written by make_messages.py. */\n/* clang-format off */\n")
    for name, data in MESSAGES.items():
        out.write(f"static const uint8_t {name}[] = {{\n{c_bytes(data)}\n}};\n")
    out.write(f"static const uint8_t digest_of_9[] = {{\n{c_bytes(oftp.digest(9, LOGS))}\n}};\n")
    out.write("static const struct {\n\tconst char *name;\n\tconst uint8_t *at;\n\tsize_t len;\n"
              "} messages[] = {\n")
    for name in MESSAGES:
        out.write(f"\t{{\"{name}\", {name}, sizeof({name})}},\n")
    out.write("};\n/* clang-format on */\n")
