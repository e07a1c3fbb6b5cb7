"""A TLS client that is right but for one thing: tlslite-ng's, whose outgoing messages can be changed,
left out, doubled, cut into other records or spoiled after encryption.

tlslite-ng (pure Python, PyPI) is where PYTHONPATH says: tests/peers/fetch tlslite-ng.
"""

import socket
import struct

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.constants import AlertDescription, ECPointFormat, HandshakeType
from tlslite.errors import BaseTLSException, TLSAbruptCloseError, TLSRemoteAlert
from tlslite.messages import Message

CCS, ALERT, HANDSHAKE, DATA, HEARTBEAT = 20, 21, 22, 23, 24


class Record:
    """One record of this type, protected as the connection is; `spoil` changes the protected bytes.
    `hashed`: what of it belongs to the transcript, else all of a handshake record."""

    def __init__(self, kind, data, spoil=None, hashed=None):
        self.kind, self.data, self.spoil = kind, bytes(data), spoil
        self.hashed = hashed if hashed is not None else self.data if kind == HANDSHAKE else b""


class Raw:
    """Bytes for the wire, as they are."""

    def __init__(self, data, hashed=b""):
        self.data, self.hashed = bytes(data), hashed


class Kept:
    """A message that is in the transcript, and is sent later."""

    def __init__(self, data):
        self.hashed = data


def plain(kind, data, version=0x0303):
    """A record in the clear."""
    return Raw(struct.pack("!BHH", kind, version, len(data)) + data, data if kind == HANDSHAKE else b"")


def message(kind, body):
    """A handshake message."""
    return struct.pack("!I", kind << 24 | len(body)) + bytes(body)


def u16(*values):
    return struct.pack(f"!{len(values)}H", *values)


def vec16(data):
    return struct.pack("!H", len(data)) + bytes(data)


def vec24(data):
    return struct.pack("!I", len(data))[1:] + bytes(data)


LOG = Record(DATA, b"<13>taken\n")
CLOSE_NOTIFY = Record(ALERT, b"\1\0")


class Hello:
    """A ClientHello, taken apart and put together again (RFC 8446 section 4.1.2)."""

    def __init__(self, data):
        self.version = data[4:6]
        self.random = data[6:38]
        at = 39 + data[38]
        self.session = data[39:at]
        n = struct.unpack_from("!H", data, at)[0]
        self.ciphers = list(struct.unpack_from(f"!{n // 2}H", data, at + 2))
        at += 2 + n
        self.compressions = data[at + 1:at + 1 + data[at]]
        at += 1 + data[at] + 2
        self.extensions = []
        while at < len(data):
            kind, n = struct.unpack_from("!HH", data, at)
            self.extensions.append((kind, data[at + 4:at + 4 + n]))
            at += 4 + n

    def get(self, kind):
        return dict(self.extensions)[kind]

    def set(self, kind, body):
        """Replaces it, or adds it at the end."""
        known = kind in dict(self.extensions)
        self.extensions = [(k, body if k == kind else b) for k, b in self.extensions]
        if not known:
            self.extensions.append((kind, body))

    def drop(self, *kinds):
        self.extensions = [(k, b) for k, b in self.extensions if k not in kinds]

    def build(self):
        extensions = b"".join(u16(k) + vec16(b) for k, b in self.extensions)
        return message(1, self.version + self.random + bytes([len(self.session)]) + self.session
                       + vec16(u16(*self.ciphers)) + bytes([len(self.compressions)])
                       + self.compressions + vec16(extensions))


def name_of(kind, data):
    if kind == HANDSHAKE and data:
        return HandshakeType.toRepr(data[0])
    return {CCS: "ccs", ALERT: "alert", DATA: "data"}.get(kind, "other")


class Mutant(TLSConnection):
    """`change(name, data)`: what is sent instead of a message, a list of pieces; None: the message."""

    def __init__(self, raw, change=None):
        super().__init__(raw)
        self.change = change
        self.ignoreAbruptClose = False

    def _sendMsg(self, msg, randomizeFirstBlock=True, update_hashes=True):
        kind, data = msg.contentType, bytes(msg.write())
        pieces = self.change(name_of(kind, data), data) if self.change else None
        if pieces is None:
            pieces = [Record(kind, data)]
        for piece in pieces:
            if piece.hashed and update_hashes:
                self._handshake_hash.update(bytearray(piece.hashed))
            if isinstance(piece, Raw):
                self.sock.send(piece.data)
            elif isinstance(piece, Record):
                yield from self._spoiled(piece)

    def _spoiled(self, piece):
        below = self._recordLayer._recordSocket
        send = below.send
        if piece.spoil:
            below.send = lambda m, padding=0: send(
                Message(m.contentType, bytearray(piece.spoil(bytes(m.write())))), padding)
        try:
            yield from self._sendMsgThroughSocket(Message(piece.kind, bytearray(piece.data)))
        finally:
            below.send = send

    def say(self, *pieces):
        """Sends these now."""
        for piece in pieces:
            if isinstance(piece, Raw):
                self.sock.send(piece.data)
            else:
                for _ in self._spoiled(piece):
                    pass
        self.sock.flush()


class Identity:
    """What the client shows: a chain and its key."""

    def __init__(self, made):
        self.chain = X509CertChain()
        self.chain.parsePemList(made.chain.read_text())
        self.key = parsePEMKey(made.key.read_text(), private=True)


def settings(version, **more):
    s = HandshakeSettings()
    s.minVersion = s.maxVersion = version
    s.versions = [version]
    s.use_heartbeat_extension = False
    s.record_size_limit = None
    s.ec_point_formats = [ECPointFormat.uncompressed]
    s.keyShares = ["secp256r1"]
    s.eccCurves = ["secp256r1"]
    s.certificate_compression_receive = s.certificate_compression_send = []
    for key, value in more.items():
        setattr(s, key, value)
    return s


def converse(conn, identity, version, after=None, session=None, **more):
    """Shakes hands, says `after` (pieces, or what gives them; by default a log) and close_notify, and reads
    to the end: the name of the server's alert, "taken" where it reads all of it, else what went wrong."""
    try:
        conn.handshakeClientCert(identity and identity.chain, identity and identity.key,
                                 session=session, settings=settings(version, **more))
        if session and not conn.resumed and not conn.change:
            return "not resumed"
        conn.say(*(after(conn) if callable(after) else after or [LOG]), CLOSE_NOTIFY)
        conn.sock.socket.shutdown(socket.SHUT_WR)
        while conn.read(max=1):
            pass
        return "taken"
    except TLSRemoteAlert as e:
        return AlertDescription.toRepr(e.description) or str(e.description)
    except TLSAbruptCloseError:
        return "closed"
    except (BaseTLSException, OSError) as e:
        return f"{type(e).__name__}: {e}"
    finally:
        conn.sock.socket.close()


def once(connect, identity, version, case):
    """What the server says of the case, by connections that `connect` makes."""
    more, session = dict(case.more), None
    if more.pop("resume", False):
        first = Mutant(connect())
        said = converse(first, identity, version, after=[])
        if said != "taken":
            return f"the first session: {said}"
        session = first.session
    change = case.change() if hasattr(case.change, "fresh") else case.change
    return converse(Mutant(connect(), change), identity, version, case.after, session, **more)
