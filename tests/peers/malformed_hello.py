"""ClientHellos that are wrong in one way each, and some that only look so."""

from malformed import BOTH, TLS12, TLS13, case, hello, raw_hello
from mutant import message, u16, vec16

SERVER_NAME, MAX_FRAGMENT, GROUPS, FORMATS, SIGNATURES, ALPN = 0, 1, 10, 11, 13, 16
EXTENDED_MASTER, PSK, EARLY_DATA, VERSIONS = 23, 41, 42, 43
COOKIE, PSK_MODES, KEY_SHARE, RENEGOTIATION = 44, 45, 51, 0xff01
P256, X25519 = 23, 29
GREASE = 0x0a0a

OUT_OF_RANGE = "5246 7.4.1.2, 7.2.2; 8446 4.1.2, 6.2: a vector's length out of its range"
SYNTAX = "5246 7.2.2, 8446 6.2: a length that does not fit"


def names(*entries):
    return vec16(b"".join(bytes([kind]) + vec16(text) for kind, text in entries))


def share(group, key):
    return vec16(u16(group) + vec16(key))


def ticket(identities=1, binders=1):
    return (vec16((vec16(b"no ticket of yours") + bytes(4)) * identities)
            + vec16((b"\x20" + bytes(32)) * binders))


def twice(kind):
    return hello(lambda h: h.extensions.append((kind, h.get(kind))))


def odd_ciphers(h, data):
    ciphers = u16(*h.ciphers)
    return message(1, data[4:].replace(vec16(ciphers), vec16(ciphers + b"\x13"), 1))


def off_the_curve(h):
    key = bytearray(h.get(KEY_SHARE)[6:])
    key[-1] ^= 1
    h.set(KEY_SHARE, share(P256, key))


def x25519(key):
    return hello(put={KEY_SHARE: share(X25519, key), GROUPS: vec16(u16(X25519))})


def spoilt_binder(h):
    body = bytearray(h.get(PSK))
    body[-1] ^= 1
    h.set(PSK, bytes(body))


def spoilt_ticket(h):
    body = bytearray(h.get(PSK))
    body[20] ^= 1
    h.set(PSK, bytes(body))


VERSION = [
    case("tls_1_1", (TLS12,), "5246 E.1", hello(version=b"\x03\x02"), "protocol_version", "tls_version"),
    case("ssl_3", (TLS12,), "6101 5.4.2: SSL 3.0 has no alert protocol_version",
         hello(version=b"\x03\x00"), "handshake_failure", "tls_version"),
    case("tls_1_1_by_extension", (TLS13,), "8446 4.2.1",
         hello(put={VERSIONS: b"\2\3\2"}), "protocol_version", "tls_version"),
    case("a_version_to_come", (TLS13,), "8446 4.2.1",
         hello(put={VERSIONS: b"\2\3\5"}), "protocol_version", "tls_version"),
    case("grease_as_version", (TLS13,), "8446 4.2.1, 8701 3.1",
         hello(put={VERSIONS: b"\2\x8a\x8a"}), "protocol_version", "tls_version"),
    case("an_empty_list_of_versions", (TLS13,), "8446 4.2.1, 6.2: versions<2..254>",
         hello(put={VERSIONS: b"\0"}), "decode_error"),
    case("half_a_version", (TLS13,), "8446 4.2.1, 6.2", hello(put={VERSIONS: b"\3\3\4\3"}), "decode_error"),
    case("versions_to_come_beside_ours", (TLS13,), "8446 4.2.1: unknown ones are ignored",
         hello(put={VERSIONS: b"\4\x7f\xff\3\4"}), None),
    case("a_fallback_without_need", (TLS12,), "7507 3",
         hello(lambda h: h.ciphers.append(0x5600)), "inappropriate_fallback", "tls_version"),
]

FIELDS = [
    case("a_session_id_of_33_bytes", BOTH, OUT_OF_RANGE, hello(session=bytes(33)), "decode_error"),
    case("no_ciphers", BOTH, OUT_OF_RANGE, hello(ciphers=[]), "decode_error"),
    case("half_a_cipher", BOTH, OUT_OF_RANGE, raw_hello(odd_ciphers), "decode_error"),
    case("unknown_ciphers_alone", BOTH, "5246 7.4.1.3, 8446 4.1.1",
         hello(ciphers=[0x1399, 0xfafa]), "handshake_failure", "no_shared_cipher"),
    case("weak_ciphers_alone", (TLS12,), "5246 7.4.1.3",
         hello(ciphers=[0x0005, 0x000a, 0x002f, 0xc007]), "handshake_failure", "no_shared_cipher"),
    case("ciphers_of_tls_1_2", (TLS13,), "8446 4.1.1",
         hello(ciphers=[0xc02b, 0xc02c]), "handshake_failure", "no_shared_cipher"),
    case("grease_among_the_ciphers", BOTH, "8701 3.1", hello(lambda h: h.ciphers.insert(0, GREASE)), None),
    case("no_compression_method", BOTH, OUT_OF_RANGE, hello(compressions=b""), "decode_error"),
    case("deflate_alone", (TLS12,), "5246 7.4.1.2: null MUST be there; 7.2.2: out of range",
         hello(compressions=b"\1"), "illegal_parameter"),
    case("deflate_alone", (TLS13,), "8446 4.1.2", hello(compressions=b"\1"), "illegal_parameter"),
    case("deflate_beside_null", (TLS13,), "8446 4.1.2: exactly one byte",
         hello(compressions=b"\1\0"), "illegal_parameter"),
    case("deflate_beside_null", (TLS12,), "5246 7.4.1.2: null is chosen", hello(compressions=b"\1\0"), None),
    case("cut_in_the_random", BOTH, SYNTAX, raw_hello(lambda h, d: message(1, d[4:30])), "decode_error"),
    case("without_a_body", BOTH, SYNTAX, raw_hello(lambda h, d: message(1, b"")), "decode_error"),
    case("bytes_behind_the_extensions", BOTH, SYNTAX,
         raw_hello(lambda h, d: message(1, d[4:] + b"\0")), "decode_error"),
    case("extensions_cut", BOTH, SYNTAX, raw_hello(lambda h, d: message(1, d[4:-1])), "decode_error"),
    case("sixteen_mebibytes", BOTH, "8446 6.2, 5246 7.2.2: a field out of (our) range",
         raw_hello(lambda h, d: b"\1\xff\xff\xff" + d[4:]), "illegal_parameter"),
]

EXTENSIONS = [
    case("groups_twice", BOTH, "8446 4.2, 5246 7.4.1.4: MUST NOT", twice(GROUPS), "illegal_parameter"),
    case("versions_twice", (TLS13,), "8446 4.2: MUST NOT", twice(VERSIONS), "illegal_parameter"),
    case("an_unknown_one", BOTH, "8446 4.1.2, 5246 7.4.1.4: ignored", hello(put={0x1a1a: b"what"}), None),
    case("an_unknown_one_twice", BOTH, "8446 4.1.2: what is not known is ignored",
         hello(lambda h: h.extensions.extend([(0x7777, b"")] * 2)), None),
    case("no_groups_in_the_list", BOTH, "8446 4.2.7, 8422 5.1.1: <2..2^16-1>",
         hello(put={GROUPS: b"\0\0"}), "decode_error"),
    case("half_a_group", BOTH, "8446 4.2.7, 8422 5.1.1",
         hello(put={GROUPS: b"\0\3\0\x17\0"}), "decode_error"),
    case("no_signature_algorithms_in_the_list", BOTH, "8446 4.2.3, 5246 7.4.1.4.1: <2..2^16-2>",
         hello(put={SIGNATURES: b"\0\0"}), "decode_error"),
    case("half_a_signature_algorithm", BOTH, "8446 4.2.3, 5246 7.4.1.4.1",
         hello(put={SIGNATURES: b"\0\3\4\3\4"}), "decode_error"),
    case("unknown_signature_algorithms_alone", BOTH, "8446 4.4.2.2, 5246 7.4.2",
         hello(put={SIGNATURES: vec16(u16(0xfefe))}), "handshake_failure", "no_shared_cipher"),
    case("without_signature_algorithms", (TLS13,), "8446 9.2",
         hello(lambda h: h.drop(SIGNATURES)), "missing_extension"),
    case("without_groups", (TLS13,), "8446 9.2", hello(lambda h: h.drop(GROUPS)), "missing_extension"),
    case("without_a_key_share", (TLS13,), "8446 9.2",
         hello(lambda h: h.drop(KEY_SHARE)), "missing_extension"),
    case("unknown_groups_alone", (TLS12,), "8422 5.1",
         hello(put={GROUPS: vec16(u16(GREASE))}), "handshake_failure", "no_shared_cipher"),
    case("unknown_groups_alone", (TLS13,), "8446 4.1.1",
         hello(put={GROUPS: vec16(u16(GREASE)), KEY_SHARE: b"\0\0"}), "handshake_failure",
         "no_shared_cipher"),
    case("formats_without_uncompressed", (TLS12,), "8422 5.1.2: MUST",
         hello(put={FORMATS: b"\1\1"}), "illegal_parameter"),
    case("no_formats_in_the_list", (TLS12,), "8422 5.1.2: <1..2^8-1>",
         hello(put={FORMATS: b"\0"}), "decode_error"),
    case("a_server_name_of_no_bytes", BOTH, "6066 3: HostName<1..2^16-1>",
         hello(put={SERVER_NAME: names((0, b""))}), "decode_error"),
    case("no_server_names_in_the_list", BOTH, "6066 3: <1..2^16-1>",
         hello(put={SERVER_NAME: b"\0\0"}), "decode_error"),
    case("two_host_names", BOTH, "6066 3: MUST NOT; a list of one is what can be parsed",
         hello(put={SERVER_NAME: names((0, b"a.example"), (0, b"b.example"))}), "decode_error"),
    case("a_server_name_with_a_nul", BOTH, "6066 3: no such name",
         hello(put={SERVER_NAME: names((0, b"a\0.example"))}), "unrecognized_name"),
    case("a_server_name_of_another_type", BOTH, "6066 3: the type says how it is parsed, and is unknown",
         hello(put={SERVER_NAME: names((7, b"a.example"))}), "decode_error"),
    case("a_server_name_of_300_bytes", BOTH, "6066 3, 1035 2.3.4: no such name",
         hello(put={SERVER_NAME: names((0, b"a" * 300))}), "unrecognized_name"),
    case("an_unknown_server_name", BOTH, "6066 3: MAY go on; index 0 serves it",
         hello(put={SERVER_NAME: names((0, b"nobody.example"))}), None),
    case("no_protocols_in_alpn", BOTH, "7301 3.1: <2..2^16-1>", hello(put={ALPN: b"\0\0"}), "decode_error"),
    case("an_empty_protocol_in_alpn", BOTH, "7301 3.1: MUST NOT",
         hello(put={ALPN: vec16(b"\0")}), "decode_error"),
    case("an_unknown_protocol_in_alpn", BOTH, "7301 3.2: who selects none need not look",
         hello(put={ALPN: vec16(b"\7unheard")}), None),
    case("a_fragment_length_that_is_none", BOTH, "6066 4",
         hello(put={MAX_FRAGMENT: b"\5"}), "illegal_parameter"),
    case("a_fragment_length_of_two_bytes", BOTH, "6066 4; " + SYNTAX,
         hello(put={MAX_FRAGMENT: b"\1\1"}), "decode_error"),
    case("renegotiation_info_that_is_not_empty", (TLS12,), "5746 3.6",
         hello(lambda h: h.ciphers.remove(0xff), put={RENEGOTIATION: b"\1x"}), "handshake_failure"),
    case("renegotiation_info_cut", (TLS12,), "5746 3.2; " + SYNTAX,
         hello(lambda h: h.ciphers.remove(0xff), put={RENEGOTIATION: b"\2x"}), "decode_error"),
    case("extended_master_secret_with_a_body", (TLS12,), "7627 5.1: empty",
         hello(put={EXTENDED_MASTER: b"x"}), "decode_error"),
]

KEY_SHARES = [
    case("a_point_off_the_curve", (TLS13,), "8446 4.2.8.2, 6: MUST validate",
         hello(off_the_curve), "illegal_parameter"),
    case("a_compressed_point", (TLS13,), "8446 4.2.8.2: uncompressed, 65 bytes",
         hello(lambda h: h.set(KEY_SHARE, share(P256, b"\2" + h.get(KEY_SHARE)[7:39]))),
         "illegal_parameter"),
    case("a_point_at_infinity", (TLS13,), "8446 4.2.8.2",
         hello(put={KEY_SHARE: share(P256, b"\0")}), "illegal_parameter"),
    case("x25519_of_31_bytes", (TLS13,), "8446 4.2.8.2, 7748 5", x25519(bytes(31)), "illegal_parameter"),
    case("x25519_of_a_small_order", (TLS13,), "8446 7.4.2: MUST abort on a secret of zeros",
         x25519(bytes(32)), "illegal_parameter"),
    case("a_share_without_a_key", (TLS13,), "8446 4.2.8: <1..2^16-1>",
         hello(put={KEY_SHARE: share(P256, b"")}), "decode_error"),
    case("a_share_cut", (TLS13,), "8446 4.2.8", hello(put={KEY_SHARE: b"\0\6\0\x17\0\x41xx"}), "decode_error"),
    case("a_share_of_a_group_not_offered", (TLS13,), "8446 4.2.8: MUST NOT",
         hello(put={GROUPS: vec16(u16(X25519))}), "illegal_parameter"),
    case("two_shares_of_a_group", (TLS13,), "8446 4.2.8: MUST NOT, a server MAY look",
         hello(lambda h: h.set(KEY_SHARE, vec16(h.get(KEY_SHARE)[2:] * 2))), None),
    # ---- a second ClientHello, as no share came with the first
    case("asked_again", (TLS13,), "8446 4.1.4: allowed", None, None, keyShares=[]),
    case("asked_again_in_vain", (TLS13,), "8446 4.2.8: one share, of the group asked for",
         hello(number=2, put={KEY_SHARE: b"\0\0"}), "illegal_parameter", keyShares=[]),
    case("asked_again_for_another_group", (TLS13,), "8446 4.2.8: one share, of the group asked for",
         hello(number=2, put={KEY_SHARE: share(X25519, b"\x09" + bytes(31))}), "illegal_parameter",
         keyShares=[]),
    case("asked_again_with_other_ciphers", (TLS13,), "8446 4.1.2, 4.1.4: the same but for what was asked",
         hello(number=2, ciphers=[0x1301]), "illegal_parameter", keyShares=[],
         cipherNames=["aes128gcm", "chacha20-poly1305"]),
    case("asked_again_with_tls_1_2", (TLS13,), "8446 4.1.2, 6.2: a version that is no choice any more",
         hello(lambda h: h.drop(VERSIONS), number=2), "protocol_version", "tls_version", keyShares=[]),
]

TICKETS = [
    case("a_ticket_that_is_not_the_last", (TLS13,), "8446 4.2.11",
         hello(lambda h: h.extensions.insert(0, (PSK, ticket()))), "illegal_parameter"),
    case("a_ticket_without_modes", (TLS13,), "8446 4.2.9",
         hello(lambda h: h.drop(PSK_MODES), put={PSK: ticket()}), "missing_extension"),
    case("a_ticket_without_its_binder", (TLS13,), "8446 4.2.11: binders<33..2^16-1>",
         hello(put={PSK: ticket(binders=0)}), "decode_error"),
    case("no_tickets_in_the_list", (TLS13,), "8446 4.2.11: identities<7..2^16-1>",
         hello(put={PSK: ticket(identities=0)}), "decode_error"),
    case("a_ticket_cut", (TLS13,), "8446 4.2.11", hello(put={PSK: ticket()[:-1]}), "decode_error"),
    case("a_ticket_with_a_binder_too_many", (TLS13,), "8446 4.2.11: as many",
         hello(put={PSK: ticket(1, 2)}), "illegal_parameter"),
    case("a_ticket_of_somebody_else", (TLS13,), "8446 4.2.11: unknown ones are ignored",
         hello(put={PSK: ticket()}), None),
    case("modes_without_a_mode", (TLS13,), "8446 4.2.9: <1..255>",
         hello(put={PSK_MODES: b"\0"}), "decode_error"),
    case("an_empty_cookie", (TLS13,), "8446 4.2.2: <1..2^16-1>",
         hello(put={COOKIE: b"\0\0"}), "decode_error"),
    case("early_data_without_a_ticket", (TLS13,), "8446 4.2.10: a server may ignore it",
         hello(put={EARLY_DATA: b""}), None),
    # ---- with a ticket of ours
    case("resumed", BOTH, "8446 2.2, 5077 3.1: allowed", None, None, resume=True),
    case("a_spoilt_binder", (TLS13,), "8446 4.2.11, 6.2", hello(spoilt_binder), "decrypt_error",
         openssl="illegal_parameter", resume=True),
    case("a_spoilt_ticket", (TLS13,), "8446 4.2.11: a full handshake", hello(spoilt_ticket), None,
         resume=True),
    case("resumed_without_extended_master_secret", (TLS12,), "7627 5.3: MUST abort",
         hello(lambda h: h.drop(EXTENDED_MASTER)), "handshake_failure", resume=True),
]

CASES = VERSION + FIELDS + EXTENSIONS + KEY_SHARES + TICKETS
