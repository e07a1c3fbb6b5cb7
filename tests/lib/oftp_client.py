"""A device that speaks the OFTP profile: TLS by Python's ssl, SCRAM by hashlib, everything else by
docs/oftp-profile.md alone. Shares no code with sluiced."""

import base64
import hashlib
import hmac
import os
import pathlib
import secrets
import ssl
import struct
import tempfile

import oftp

GO_ON, NEW_EPOCH = 0, 1
ALLOWED, PENDING, REFUSED = 0, 1, 2


class Ended(Exception):
    """The server has ended the session; args: what it said last."""


def tls(sock, pem=None, tls12=False):
    """(connection, function that gives its tls-exporter channel binding)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if pem:
        context.load_cert_chain(str(pem))
    fd, name = tempfile.mkstemp(prefix="sluice-test-keys-")
    os.close(fd)
    context.keylog_filename = name
    try:
        conn = context.wrap_socket(sock)
        keys = pathlib.Path(name).read_text(encoding="ascii")
    finally:
        os.unlink(name)
    return conn, lambda: exporter(conn, keys)


def hkdf_label(digest, secret, label, context, size):
    """HKDF-Expand-Label of RFC 8446, section 7.1, for one block of output."""
    label = b"tls13 " + label
    info = struct.pack(">HB", size, len(label)) + label + bytes([len(context)]) + context
    return hmac.new(secret, info + b"\1", digest).digest()[:size]


def exporter(conn, keys):
    """RFC 9266: 32 bytes of the exporter with this label and no context (RFC 8446, section 7.5)."""
    secret = next(bytes.fromhex(line.split()[2]) for line in keys.splitlines()
                  if line.startswith("EXPORTER_SECRET"))
    digest = hashlib.sha384 if "SHA384" in conn.cipher()[0] else hashlib.sha256
    empty = digest(b"").digest()
    derived = hkdf_label(digest, secret, b"EXPORTER-Channel-Binding", empty, digest().digest_size)
    return hkdf_label(digest, derived, b"exporter", empty, 32)


class Scram:
    """The client's side of SCRAM-SHA-256-PLUS with tls-exporter."""

    def __init__(self, user, password, binding):
        self.password, self.binding = password.encode(), binding
        self.nonce = secrets.token_urlsafe(18)
        self.bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={self.nonce}"
        self.header = "p=tls-exporter,,"

    def first(self):
        return (self.header + self.bare).encode()

    def final(self, challenge):
        challenge = challenge.decode()
        said = dict(part.split("=", 1) for part in challenge.split(","))
        if not said["r"].startswith(self.nonce):
            raise ValueError("the server's nonce does not begin with ours")
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(said["s"]),
                                     int(said["i"]))
        bound = base64.b64encode(self.header.encode() + self.binding).decode()
        without = f"c={bound},r={said['r']}"
        message = ",".join((self.bare, challenge, without)).encode()
        key = self._mac(salted, b"Client Key")
        signature = self._mac(hashlib.sha256(key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(key, signature))
        self.expected = self._mac(self._mac(salted, b"Server Key"), message)
        return f"{without},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, last):
        return last.startswith(b"v=") and base64.b64decode(last[2:]) == self.expected

    @staticmethod
    def _mac(key, data):
        return hmac.new(key, data, hashlib.sha256).digest()


class Stream:
    """What a client keeps of a connection id, from one session to the next."""

    def __init__(self, conn_id, epoch=None):
        self.conn_id, self.epoch = conn_id, epoch or secrets.randbits(63) + 1
        self.confirmed, self.last = 0, 0
        self.unconfirmed = {}  # seq_no: logs
        self.digests = {0: bytes(16)}

    def option(self):
        return (self.conn_id, self.epoch, self.confirmed, 0, self.digests[self.confirmed])

    def number(self, logs):
        self.last += 1
        self.unconfirmed[self.last] = logs
        self.digests[self.last] = oftp.digest(self.last, logs)
        return self.last

    def heard(self, option):
        """STREAM of the server's. False: it knows another story, so a new epoch is needed."""
        conn_id, epoch, confirmed, state, digest = option
        if conn_id != self.conn_id or epoch != self.epoch:
            raise ValueError(f"a stream that is not ours: {option}")
        if state == NEW_EPOCH or confirmed > self.last or self.digests.get(confirmed) != digest:
            return False
        for seq in [n for n in self.unconfirmed if n <= confirmed]:
            del self.unconfirmed[seq]
        for seq in [n for n in self.digests if n < confirmed]:
            del self.digests[seq]
        self.confirmed = confirmed
        return True


class Client:
    """One session."""

    def __init__(self, sock, serial, streams=(), pem=None, timeout=20):
        sock.settimeout(timeout)
        self.conn, self.binding = tls(sock, pem)
        self.serial, self.streams, self.buffer = serial, {s.conn_id: s for s in streams}, b""
        self.said = []  # (name, options) of messages that nobody waited for
        self.hold = False

    def send(self, kind, tag=0, **options):
        self.conn.sendall(oftp.encode(kind, tag, **options))

    def read(self):
        """(name, tag, options) of the next message."""
        while True:
            found = oftp.decode(self.buffer)
            if found:
                self.version = self.buffer[2]
                self.buffer = self.buffer[found[3]:]
                return found[:3]
            data = self.conn.recv(65536)
            if not data:
                raise Ended(self.said[-1:] or "no word")
            self.buffer += data

    def until(self, *names):
        """The next of these; what comes before is handled."""
        while True:
            name, tag, options = self.read()
            self.handle(name, options)
            if name in names:
                return name, tag, options
            if name in ("BYE", "ERROR"):
                raise Ended(name, options)

    def handle(self, name, options):
        if name == "SEQ_REPLY":
            for option in options["stream"]:
                self.streams[option[0]].heard(option)
        elif name == "STATUS":
            self.hold = options["log_status"] != 0
        if name in ("STATUS", "BYE", "ERROR"):
            self.said.append((name, options))

    def login(self, kind="LOGIN_REQUEST", reliable=1, features=1, **more):
        """LOGIN_REPLY's options; the streams of the session are where the server has them."""
        if self.streams:
            more["stream"] = [s.option() for s in self.streams.values()]
        self.send(kind, 7, serial=self.serial, features=features, reliable=reliable, **more)
        return self.reply()

    def reply(self, scram=None):
        _, tag, options = self.until("LOGIN_REPLY")
        if tag != 7:
            raise ValueError(f"the answer's tag is {tag}")
        if scram and options["result"] != REFUSED and not scram.verify(options.get("sasl", b"")):
            raise ValueError("the server does not prove that it knows the password")
        if options["result"] == ALLOWED:
            self.resume(options.get("stream", []))
        return options

    def legacy_login(self, user, password, challenged=None, **more):
        """The options of LOGIN_REPLY. challenged() is called before the proof. Whoever lets us in or makes us wait
        must have proven that he knows the password."""
        scram = Scram(user, password, self.binding())
        self.send("LOGIN_REQUEST_LEGACY", 6, serial=self.serial, features=1, reliable=1,
                  sasl=scram.first(), stream=[s.option() for s in self.streams.values()], **more)
        name, _, options = self.until("AUTH_CHALLENGE", "LOGIN_REPLY")
        if name == "LOGIN_REPLY":
            return options
        if challenged:
            challenged()
        self.send("AUTH_RESPONSE", 7, sasl=scram.final(options["sasl"]))
        return self.reply(scram)

    def resume(self, told):
        """After a login or AUTH_CHANGED: a new epoch where the server's story is not ours, and all
        that it has not confirmed again."""
        for option in told:
            stream = self.streams[option[0]]
            if stream.heard(option):
                continue
            kept = [stream.unconfirmed[n] for n in sorted(stream.unconfirmed)]
            self.streams[stream.conn_id].__init__(stream.conn_id)
            for logs in kept:
                stream.number(logs)
            self.send("SEQ_QUERY", 9, conn_id=stream.conn_id, epoch=stream.epoch)
            self.until("SEQ_REPLY")
        for stream in self.streams.values():
            for seq in sorted(stream.unconfirmed):
                self.item(stream, seq)

    def item(self, stream, seq, **more):
        self.conn.sendall(oftp.log_data(stream.conn_id, stream.epoch, seq,
                                        stream.unconfirmed[seq], **more))

    def log(self, conn_id, logs, **more):
        """A new item; its seq_no."""
        stream = self.streams[conn_id]
        seq = stream.number(logs)
        self.item(stream, seq, **more)
        return seq

    def confirmed(self):
        """Waits until everything that was sent is confirmed."""
        while any(s.unconfirmed for s in self.streams.values()):
            self.until("SEQ_REPLY")

    def query(self, conn_id):
        self.send("SEQ_QUERY", 8, conn_id=conn_id)
        while True:
            _, tag, options = self.until("SEQ_REPLY")
            if tag == 8:
                return options["stream"][0]

    def bye(self):
        self.send("BYE")
        try:
            while self.conn.recv(65536):
                pass
        except (ssl.SSLError, OSError):
            pass
        self.conn.close()

    def drop(self):
        """As if its power were gone."""
        self.conn.close()
