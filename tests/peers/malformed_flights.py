"""The client's later messages, wrong in one way each: RFC 8446 section 4.4, RFC 5246 section 7.4."""

from malformed import BOTH, TLS12, TLS13, altered, before, case, replaced, twice, without
from mutant import HANDSHAKE, LOG, Record, message, u16, vec16, vec24

ORDER = "8446 4, 5246 7.2.2: a message where it does not belong"
SYNTAX = "8446 6, 5246 7.2.2: it cannot be parsed"
CORRUPT = "8446 6.2, 5246 7.2.2: corrupt"
CERTIFICATE, VERIFY, EXCHANGE, FINISHED, KEY_UPDATE = 11, 15, 16, 20, 24


def handshake(kind, data=b""):
    return Record(HANDSHAKE, message(kind, data))


def flip(data, at=-1):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


def entry(der, extensions=b""):
    return vec24(der) + vec16(extensions)


def cert13(alter):
    """A Certificate of TLS 1.3 with alter(DER of the leaf) for its first entry; the others follow."""
    def change(data):
        end = 11 + int.from_bytes(data[8:11], "big")
        return message(CERTIFICATE, b"\0" + vec24(alter(data[11:end]) + data[end + 2:]))
    return altered("certificate", change)


def cert12(alter):
    """The same of TLS 1.2, where `alter` gives the DER."""
    def change(data):
        end = 10 + int.from_bytes(data[7:10], "big")
        return message(CERTIFICATE, vec24(vec24(alter(data[10:end])) + data[end:]))
    return altered("certificate", change)


def certificates_of_80_kib(data):
    """The begin of such a message: its length is enough."""
    return [Record(HANDSHAKE, message(CERTIFICATE, bytes(81920))[:64])]


def signed_by(scheme):
    return altered("certificate_verify", lambda d: message(VERIFY, u16(scheme) + d[6:]))


def with_signature(signature):
    return altered("certificate_verify", lambda d: message(VERIFY, d[4:6] + vec16(signature)))


def point(alter):
    """ClientKeyExchange with another body, out of the point that it had."""
    return altered("client_key_exchange", lambda d: message(EXCHANGE, alter(d[5:])))


def one_byte(key):
    return bytes([len(key)]) + key


def change_keys(conn):
    for _ in conn.send_keyupdate_request(0):
        pass
    return [LOG]


def lengths(name, kind):
    """A message that is cut, one with a byte too many, one without anything."""
    return [
        case(f"{name}_cut", BOTH, SYNTAX, altered(name, lambda d: message(kind, d[4:-1])), "decode_error"),
        case(f"{name}_and_a_byte", BOTH, SYNTAX,
             altered(name, lambda d: message(kind, d[4:] + b"\0")), "decode_error"),
        case(f"{name}_without_a_body", BOTH, SYNTAX, altered(name, lambda d: message(kind, b"")),
             "decode_error"),
    ]


CERTIFICATES = [
    *lengths("certificate", CERTIFICATE),
    case("no_certificate", (TLS13,), "8446 4.4.2.4",
         replaced("certificate", handshake(CERTIFICATE, b"\0\0\0\0")), "certificate_required",
         "no_certificate"),
    case("no_certificate", (TLS12,), "5246 7.4.6",
         replaced("certificate", handshake(CERTIFICATE, b"\0\0\0")), "handshake_failure", "no_certificate"),
    case("a_context_nobody_gave", (TLS13,), "8446 4.4.2: the request's, which is empty; 6: invalid",
         altered("certificate", lambda d: message(CERTIFICATE, b"\1x" + d[5:])), "illegal_parameter",
         openssl="decode_error"),
    case("a_certificate_of_no_bytes", (TLS13,), "8446 4.4.2: cert_data<1..2^24-1>",
         cert13(lambda der: entry(b"")), "decode_error"),
    case("a_certificate_of_no_bytes", (TLS12,), "5246 7.4.2: ASN.1Cert<1..2^24-1>",
         cert12(lambda der: b""), "decode_error"),
    case("a_certificate_that_is_none", (TLS13,), CORRUPT, cert13(lambda der: entry(b"none")),
         "bad_certificate", openssl="decode_error"),
    case("a_certificate_that_is_none", (TLS12,), CORRUPT, cert12(lambda der: b"none"),
         "bad_certificate", openssl="decode_error"),
    case("a_certificate_and_a_byte", (TLS13,), CORRUPT, cert13(lambda der: entry(der + b"x")),
         "bad_certificate", openssl="decode_error"),
    case("a_certificate_and_a_byte", (TLS12,), CORRUPT, cert12(lambda der: der + b"x"),
         "bad_certificate", openssl="decode_error"),
    case("a_certificate_with_a_spoilt_signature", (TLS13,), "8446 6.2: signatures that did not verify",
         cert13(lambda der: entry(flip(der))), "bad_certificate", "wrong_ca"),
    case("a_certificate_with_a_spoilt_signature", (TLS12,), "5246 7.2.2: signatures that did not verify",
         cert12(flip), "bad_certificate", "wrong_ca"),
    case("an_extension_not_asked_for", (TLS13,), "8446 4.2, 4.4.2",
         cert13(lambda der: entry(der, u16(5) + vec16(b"\1\0\0\0"))), "unsupported_extension"),
    case("an_extension_of_hellos", (TLS13,), "8446 4.2: known, but not of this message",
         cert13(lambda der: entry(der, u16(10) + vec16(b"\0\2\0\x17"))), "illegal_parameter"),
    case("an_extension_cut", (TLS13,), SYNTAX, cert13(lambda der: entry(der, b"\0\5\0")), "decode_error"),
    case("certificates_of_80_kib", BOTH, "8446 6, 5246 7.2.2: out of range, which ends at 16 KiB here",
         altered("certificate", certificates_of_80_kib), "illegal_parameter"),
    case("certificate_twice", BOTH, ORDER, twice("certificate"), "unexpected_message"),
    case("certificate_not_at_all", BOTH, ORDER, without("certificate"), "unexpected_message"),
]

SIGNATURES = [
    *lengths("certificate_verify", VERIFY),
    case("a_spoilt_signature", BOTH, "8446 4.4.3, 5246 7.2.2",
         altered("certificate_verify", flip), "decrypt_error"),
    case("a_signature_of_something_else", BOTH, "8446 4.4.3, 5246 7.2.2",
         with_signature(bytes.fromhex("3006020101020101")), "decrypt_error"),
    case("a_signature_that_is_none", BOTH, "8446 4.4.3, 5246 7.2.2", with_signature(b"none"),
         "decrypt_error"),
    case("a_signature_of_no_bytes", BOTH, "8446 4.4.3, 5246 7.2.2", with_signature(b""), "decrypt_error"),
    case("an_algorithm_of_another_key", BOTH, "8446 4.4.3, 6; 5246 7.4.8, 7.2.2", signed_by(0x0804),
         "illegal_parameter"),
    case("an_algorithm_not_offered", (TLS13,), "8446 4.4.3, 6", signed_by(0x0203), "illegal_parameter"),
    case("an_algorithm_not_offered", (TLS12,), "5246 7.4.8, 7.2.2", signed_by(0x0203),
         "illegal_parameter", openssl="handshake_failure"),
    case("an_unknown_algorithm", BOTH, "8446 4.4.3, 6; 5246 7.4.8, 7.2.2", signed_by(0xfefe),
         "illegal_parameter"),
    case("pkcs1", (TLS13,), "8446 4.4.3: RSASSA-PSS alone", signed_by(0x0401), "illegal_parameter"),
    case("certificate_verify_not_at_all", BOTH, ORDER, without("certificate_verify"), "unexpected_message"),
    case("certificate_verify_twice", BOTH, ORDER, twice("certificate_verify"), "unexpected_message"),
    case("certificate_verify_first", BOTH, ORDER,
         before("certificate", handshake(VERIFY, u16(0x0403) + vec16(b"x"))), "unexpected_message"),
]

KEY_EXCHANGE = [
    case("a_point_off_the_curve", (TLS12,), "8422 5.11: MUST; 5246 7.2.2",
         point(lambda k: one_byte(flip(k))), "illegal_parameter"),
    case("a_point_at_infinity", (TLS12,), "8422 5.11; 5246 7.2.2", point(lambda k: one_byte(b"\0")),
         "illegal_parameter", openssl="internal_error"),
    case("a_point_of_no_bytes", (TLS12,), "8422 5.4: ECPoint<1..2^8-1>", point(lambda k: b"\0"),
         "decode_error", openssl="illegal_parameter"),
    case("a_point_cut", (TLS12,), SYNTAX, point(lambda k: b"\x41" + k[:-1]), "decode_error"),
    case("a_point_and_a_byte", (TLS12,), SYNTAX, point(lambda k: one_byte(k) + b"\0"), "decode_error"),
    case("a_key_exchange_without_a_body", (TLS12,), SYNTAX, point(lambda k: b""), "decode_error",
         openssl="handshake_failure"),
    case("a_key_exchange_not_at_all", (TLS12,), ORDER, without("client_key_exchange"), "unexpected_message"),
    case("a_key_exchange_twice", (TLS12,), ORDER, twice("client_key_exchange"), "unexpected_message"),
    case("a_key_exchange_of_tls_1_2", (TLS13,), ORDER,
         before("certificate", handshake(EXCHANGE, b"\x41" + bytes(65))), "unexpected_message"),
]

FINISH = [
    *lengths("finished", FINISHED),
    case("a_finished_of_something_else", BOTH, "8446 4.4.4, 5246 7.4.9, 7.2.2", altered("finished", flip),
         "decrypt_error"),
    case("finished_first", BOTH, ORDER, before("certificate", handshake(FINISHED, bytes(32))),
         "unexpected_message"),
]

OTHERS = [
    case(f"{name}_among_them", BOTH, ORDER, before("certificate", handshake(kind, data)),
         "unexpected_message")
    for name, kind, data in (
        ("client_hello", 1, bytes(40)), ("server_hello", 2, bytes(40)), ("hello_request", 0, b""),
        ("encrypted_extensions", 8, b"\0\0"), ("end_of_early_data", 5, b""),
        ("message_hash", 254, bytes(32)), ("what_nobody_knows", 99, b"what"),
        ("new_session_ticket", 4, bytes(13)), ("certificate_request", 13, b"\0\0\0"),
        ("server_hello_done", 14, b""), ("certificate_status", 22, b"\1\0\0\0"))
]

LATE = [
    case("key_update", (TLS13,), "8446 4.6.3: allowed, at any time", None, None, after=change_keys),
    case("key_update_first", (TLS13,), "8446 4.6.3: not before Finished",
         before("finished", handshake(KEY_UPDATE, b"\0")), "unexpected_message"),
    case("key_update_of_another_value", (TLS13,), "8446 4.6.3", None, "illegal_parameter",
         after=[handshake(KEY_UPDATE, b"\2")]),
    case("key_update_of_two_bytes", (TLS13,), SYNTAX, None, "decode_error", openssl="illegal_parameter",
         after=[handshake(KEY_UPDATE, b"\0\0")]),
    case("key_update_without_a_body", (TLS13,), SYNTAX, None, "decode_error",
         after=[handshake(KEY_UPDATE)]),
    case("key_update_and_a_message", (TLS13,), "8446 5.1: not across a change of keys", None,
         "unexpected_message", after=[Record(HANDSHAKE, message(KEY_UPDATE, b"\0") * 2)]),
    case("late_client_hello", (TLS13,), "8446 4.1.2", None, "unexpected_message",
         after=[handshake(1, bytes(40))]),
    case("late_ticket", (TLS13,), "8446 4.6.1: of servers alone", None, "unexpected_message",
         after=[handshake(4, bytes(13))]),
    case("late_certificate_request", (TLS13,), "8446 4.6.2: of servers alone", None, "unexpected_message",
         after=[handshake(13, b"\0\0\0")]),
    case("late_certificate", (TLS13,), "8446 4.6.2: nobody asked", None, "unexpected_message",
         after=[handshake(CERTIFICATE, b"\0\0\0\0")]),
    case("late_certificate", (TLS12,), "5246 7.2.2", None, "unexpected_message",
         after=[handshake(CERTIFICATE, b"\0\0\0")]),
    case("late_finished", BOTH, "8446 4.6.2, 5246 7.2.2", None, "unexpected_message",
         after=[handshake(FINISHED, bytes(12))]),
    case("renegotiation", (TLS12,), "5246 7.2.2: a warning", None, "no_renegotiation", None,
         after=[handshake(1, bytes(40)), LOG]),
]

CASES = CERTIFICATES + SIGNATURES + KEY_EXCHANGE + FINISH + OTHERS + LATE
