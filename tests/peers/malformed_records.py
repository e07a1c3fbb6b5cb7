"""Records that are wrong in one way each: RFC 8446 section 5, RFC 5246 section 6."""

from malformed import BOTH, TLS12, TLS13, altered, before, behind, case, replaced, without
from mutant import ALERT, CCS, DATA, HANDSHAKE, HEARTBEAT, LOG, Kept, Record, message, plain

TYPE = "5246 6, 8446 5: a type that is not known, or not expected"
BETWEEN = "8446 5.1: nothing between the records of a message"
ONE_CCS = plain(CCS, b"\1")


def split(size):
    return lambda data: [Record(HANDSHAKE, data[at:at + size]) for at in range(0, len(data), size)]


def around(*pieces):
    """The message in two records with these between."""
    return lambda data: [Record(HANDSHAKE, data[:9]), *pieces, Record(HANDSHAKE, data[9:])]


def flipped(at):
    def spoil(data):
        data = bytearray(data)
        data[at] ^= 1
        return bytes(data)
    return spoil


def spoilt(spoil):
    return lambda data: [Record(HANDSHAKE, data, spoil)]


def together(first, second):
    """Two messages in one record."""
    def make():
        kept = b""

        def change(name, data):
            nonlocal kept
            if name == first:
                kept = data
                return [Kept(data)]
            return [Record(HANDSHAKE, kept + data, hashed=data)] if name == second else None
        return change
    make.fresh = True
    return make


TYPES = [
    case("an_unknown_type", BOTH, TYPE, before("certificate", plain(99, b"what")), "unexpected_message"),
    case("a_heartbeat", BOTH, TYPE + "; 6520 was not negotiated",
         before("certificate", plain(HEARTBEAT, b"\1\0\0" + bytes(16))), "unexpected_message"),
    case("data_in_the_clear", (TLS12,), TYPE,
         before("certificate", plain(DATA, b"<13>early\n")), "unexpected_message"),
    case("data_in_the_clear", (TLS13,), "8446 5.2: taken for protected, which it is not",
         before("certificate", plain(DATA, b"<13>early, and longer than a tag\n")), "bad_record_mac"),
    case("a_certificate_in_the_clear", (TLS13,), "8446 5: MUST be protected",
         altered("certificate", lambda d: [plain(HANDSHAKE, d)]), "unexpected_message"),
    case("data_before_finished", BOTH, "8446 2, 5246 7.4.9: no data before Finished",
         before("finished", Record(DATA, b"<13>early\n")), "unexpected_message"),
    case("protected_zeros", (TLS13,), "8446 5.4: no type at all",
         before("certificate", Record(0, bytes(20))), "unexpected_message"),
    case("a_protected_unknown_type", (TLS13,), TYPE,
         before("certificate", Record(99, b"what")), "unexpected_message"),
]

LENGTHS = [
    case("a_hello_too_long", BOTH, "8446 5.1, 5246 6.2.1: 2^14 at most",
         replaced("client_hello", plain(HANDSHAKE, message(1, bytes(16381)), 0x0301)), "record_overflow"),
    case("a_record_of_64_kib", (TLS12,), "5246 6.2.3: 2^14 + 2048 at most",
         replaced("certificate", plain(HANDSHAKE, bytes(65535))), "record_overflow"),
    case("a_protected_record_too_long", (TLS12,), "5246 6.2.3: 2^14 + 2048 at most",
         replaced("finished", plain(HANDSHAKE, bytes(18433))), "record_overflow"),
    case("a_protected_record_too_long", (TLS13,), "8446 5.2: 2^14 + 256 at most",
         replaced("certificate", plain(DATA, bytes(16641))), "record_overflow"),
    case("an_inner_plaintext_too_long", (TLS13,), "8446 5.4: 2^14 + 1 at most",
         before("certificate", Record(DATA, bytes(16385))), "record_overflow"),
    case("an_inner_plaintext_too_long", (TLS12,), "5246 6.2.1: 2^14 at most",
         replaced("finished", Record(HANDSHAKE, bytes(16385))), "record_overflow"),
    case("shorter_than_a_tag", (TLS13,), "8446 5.2",
         altered("finished", spoilt(lambda d: d[:8])), "bad_record_mac"),
    case("shorter_than_a_tag", (TLS12,), "5246 6.2.3.3",
         altered("finished", spoilt(lambda d: d[:8])), "bad_record_mac", openssl="internal_error"),
    case("an_empty_handshake_record", (TLS13,), "8446 5.1, 5.4: MUST NOT",
         before("certificate", Record(HANDSHAKE, b"")), "unexpected_message"),
    case("an_empty_handshake_record", (TLS12,), "5246 6.2.1: MUST NOT be sent; a receiver may let it pass",
         before("certificate", Record(HANDSHAKE, b"")), None),
    case("a_flood_of_empty_records", (TLS12,), "5246 6.2.1: MUST NOT; 7.2.2",
         before("certificate", *[Record(HANDSHAKE, b"")] * 40), "unexpected_message"),
    case("a_flood_of_empty_logs", BOTH, "8446 5.1, 5246 6.2.1: allowed; 32 at once is our bound", None,
         "unexpected_message", after=[Record(DATA, b"")] * 40 + [LOG]),
    case("some_empty_logs", BOTH, "8446 5.1, 5246 6.2.1: allowed", None, None,
         after=[Record(DATA, b""), LOG]),
    case("an_empty_alert", BOTH, "8446 5.1, 5.4; 5246 6.2.1: MUST NOT",
         before("certificate", Record(ALERT, b"")), "unexpected_message"),
    case("half_an_alert", BOTH, "8446 5.1: not in pieces, 6: it cannot be parsed; 5246 7.2.2",
         before("certificate", Record(ALERT, b"\1")), "decode_error", openssl="unexpected_message"),
    case("two_alerts", (TLS13,), "8446 5.1: exactly one; 6: it cannot be parsed",
         before("certificate", Record(ALERT, b"\1\x5a\1\x5a")), "decode_error",
         openssl="unexpected_message"),
]

PROTECTION = [
    case("a_spoilt_tag", BOTH, "8446 5.2, 5246 6.2.3.3",
         altered("finished", spoilt(flipped(-1))), "bad_record_mac"),
    case("spoilt_bytes", BOTH, "8446 5.2, 5246 6.2.3.3",
         altered("finished", spoilt(flipped(9))), "bad_record_mac"),
    case("a_spoilt_log", BOTH, "8446 5.2, 5246 6.2.3.3", None, "bad_record_mac",
         after=[Record(DATA, b"<13>never\n", flipped(-1))]),
    case("a_log_in_the_clear", BOTH, "8446 5.2, 5246 6.2.3.3", None, "bad_record_mac",
         after=[plain(DATA, b"<13>in the clear, and longer than a tag and a nonce\n")]),
    case("another_record_version", (TLS12,), "5246 E.1",
         replaced("certificate", plain(HANDSHAKE, message(11, b"\0\0\0"), 0x0302)), "protocol_version"),
    case("a_record_version_to_ignore", (TLS13,), "8446 5.1: MUST be ignored",
         altered("client_hello", lambda d: [plain(HANDSHAKE, d, 0x0303)]), None),
]

CHANGE_CIPHER_SPEC = [
    case("ccs_of_another_value", (TLS13,), "8446 5: MUST", replaced("ccs", plain(CCS, b"\2")),
         "unexpected_message", openssl="illegal_parameter"),
    case("ccs_of_two_bytes", (TLS13,), "8446 5: MUST", replaced("ccs", plain(CCS, b"\1\1")),
         "unexpected_message", openssl="illegal_parameter"),
    case("ccs_protected", (TLS13,), "8446 5: MUST",
         before("certificate", Record(0, b"\1\x14")), "unexpected_message"),
    case("ccs_after_finished", (TLS13,), "8446 5: MUST", behind("finished", ONE_CCS), "unexpected_message"),
    case("ccs_not_at_all", (TLS13,), "8446 D.4: allowed", without("ccs"), None),
    case("ccs_twice", (TLS13,), "8446 5: MUST be dropped", before("certificate", ONE_CCS, ONE_CCS), None),
    case("ccs_of_another_value", (TLS12,), "5246 7.1, 7.2.2: inappropriate",
         replaced("ccs", plain(CCS, b"\2")), "unexpected_message"),
    case("ccs_of_two_bytes", (TLS12,), "5246 7.1, 7.2.2: inappropriate",
         replaced("ccs", plain(CCS, b"\1\1")), "unexpected_message"),
    case("ccs_not_at_all", (TLS12,), "5246 7.1, 7.4.9", without("ccs"), "unexpected_message"),
    case("ccs_before_the_key_exchange", (TLS12,), "5246 7.1, 7.4.9",
         before("client_key_exchange", ONE_CCS), "unexpected_message"),
    case("ccs_after_finished", (TLS12,), "5246 7.1", None, "unexpected_message",
         after=[Record(CCS, b"\1")]),
]

FRAGMENTS = [
    case("one_byte_a_record", BOTH, "8446 5.1, 5246 6.2.1: allowed", altered("client_hello", split(7)), None),
    case("a_certificate_in_pieces", BOTH, "8446 5.1, 5246 6.2.1: allowed",
         altered("certificate", split(100)), None),
    case("two_messages_in_one_record", (TLS12,), "5246 6.2.1: allowed",
         together("certificate", "client_key_exchange"), None),
    case("two_messages_in_one_record", (TLS13,), "8446 5.1: allowed",
         together("certificate", "certificate_verify"), None),
    case("ccs_in_a_message", (TLS12,), "5246 7.1, 7.2.2", altered("certificate", around(ONE_CCS)),
         "unexpected_message"),
    case("ccs_in_a_message", (TLS13,), "8446 5: MUST be dropped, whenever it comes before Finished",
         altered("certificate", around(ONE_CCS)), None),
    case("an_alert_in_a_message", (TLS13,), BETWEEN + ", for senders; 6.1: user_canceled may be ignored",
         altered("certificate", around(Record(ALERT, b"\1\x5a"))), None),
    case("data_in_a_message", (TLS13,), BETWEEN, altered("certificate", around(LOG)), "unexpected_message"),
    case("data_in_a_late_message", (TLS13,), BETWEEN, None, "unexpected_message",
         after=[Record(HANDSHAKE, b"\x18\0"), LOG]),
    case("a_message_behind_the_hello", (TLS13,), "8446 5.1: not across a change of keys",
         altered("client_hello", lambda d: d + message(15, bytes(8))), "unexpected_message"),
    case("a_message_behind_finished", (TLS13,), "8446 5.1: not across a change of keys",
         altered("finished", lambda d: d + message(24, b"\0")), "unexpected_message"),
    case("user_canceled", (TLS13,), "8446 6.1: close_notify follows, or does not",
         before("certificate", Record(ALERT, b"\1\x5a")), None),
]

CASES = TYPES + LENGTHS + PROTECTION + CHANGE_CIPHER_SPEC + FRAGMENTS
