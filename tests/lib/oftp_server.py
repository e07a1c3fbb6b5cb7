"""A server of the OFTP profile over the kernel's sockets, written from docs/oftp-profile.md alone, and a
proxy that harms what goes through it. Both do only what they are told, so that tests count events."""

import os
import random
import select
import socket
import ssl
import struct
import threading

import oftp

IP_PKTOPTIONS, IP_RECVTOS = 9, 13
GO, HOLD, WAIT = 0, 1, 2
ALLOWED, PENDING, REFUSED = 0, 1, 2
STATUS = {ALLOWED: "Log is allowed.", PENDING: "Waiting for authorization.", REFUSED: "Refused."}


class Stream:
    """What the server knows of (serial, connection id, epoch)."""

    def __init__(self):
        self.confirmed, self.logs, self.seen = 0, [], set()
        self.waiting = []  # (seq_no, logs) that are not durable yet


class Server:
    """Takes items; what it has confirmed is in `stored`. Changed by its attributes, under `lock`."""

    def __init__(self, pem, ca, serials=("SL-TEST-1",), port=0):
        self.lock = threading.Condition()
        self.verdict, self.reason = ALLOWED, None
        self.durable = True    # what comes is durable and confirmed at once
        self.permits = None    # how many items may still be taken; None: all
        self.serials = serials
        self.streams, self.stored, self.logins = {}, [], []
        self.items = self.duplicates = self.dropped_before = self.untimely = 0
        self.kinds = []        # log type and vdom of each item
        self.keepalives = self.queries = self.byes = self.connections = self.compressed = 0
        self.open = {}
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pem)
        if ca:
            self.context.load_verify_locations(ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.listener = None
        self.port = port
        self.listen()

    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def close(self):
        """Nobody can connect any more, and all connections are cut."""
        listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self):
        with self.lock:
            for connection, session in list(self.open.items()):
                if session:
                    session.over = True
                _end(connection)
            self.lock.notify_all()

    def wait(self, condition, what, seconds=60):
        with self.lock:
            if not self.lock.wait_for(condition, seconds):
                raise AssertionError(f"never happened: {what}; stored {len(self.stored)}, "
                                     f"items {self.items}, logins {len(self.logins)}")

    def set(self, **changes):
        """Changes attributes and tells all sessions what follows from it."""
        with self.lock:
            for name, value in changes.items():
                setattr(self, name, value)
            for session in list(self.open.values()):
                if session:
                    session.follow()
            self.lock.notify_all()

    def tos(self):
        """What the packets of the newest connection were marked with, as the TOS byte: ip(7), IP_RECVTOS."""
        with self.lock:
            connection = list(self.open)[-1]
            connection.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
            told = connection.getsockopt(socket.IPPROTO_IP, IP_PKTOPTIONS, 256)
        _, level, kind, tos = struct.unpack_from("@NiiB", told)
        if (level, kind) != (socket.IPPROTO_IP, socket.IP_TOS):
            raise AssertionError(f"the kernel tells something else: {told}")
        return tos

    def tell(self, data):
        """These bytes to every session."""
        with self.lock:
            for session in self.open.values():
                if session:
                    session.send(data)

    def _accept(self, listener):
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw):
        with self.lock:
            self.connections += 1
            self.open[raw] = None
        try:
            connection = self.context.wrap_socket(raw, server_side=True,
                                                  do_handshake_on_connect=False)
            with self.lock:
                del self.open[raw]
                self.open[connection] = None
            raw = connection
            _shake(connection)
            with self.lock:
                session = self.open[connection] = Session(self, connection)
                self.lock.notify_all()
            session.run()
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.open.pop(raw, None)
                self.lock.notify_all()
            _end(raw)
            raw.close()


class Session:
    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.serial, self.allowed, self.named = None, False, {}
        self.verdict = None
        self.over = False
        self.outbox = b""
        self.wake, self.woken = socket.socketpair()

    def send(self, data):
        """By any thread; only the session's own one touches the connection."""
        self.outbox += data
        self.wake.send(b".")

    def receive(self):
        """Bytes of the client's, when there are some; meanwhile what there is to say is said."""
        while True:
            with self.server.lock:
                out, self.outbox = self.outbox, b""
            if out:
                self.connection.sendall(out)
            if self.connection.pending() == 0:
                ready, _, _ = select.select([self.connection, self.woken], [], [])
                if self.woken in ready:
                    self.woken.recv(4096)
                if self.connection not in ready:
                    continue
            return self.connection.recv(65536)

    def run(self):
        data = b""
        while True:
            message = oftp.decode(data)
            if message is None:
                with self.server.lock:
                    self.follow()  # all that came is confirmed at once
                more = self.receive()
                if not more:
                    return
                data += more
                continue
            name, tag, options, used = message
            data = data[used:]
            if not getattr(self, "on_" + name.lower())(tag, options):
                self.connection.sendall(self.outbox)
                return

    def stream(self, conn_id):
        key = (self.serial, conn_id, self.named[conn_id])
        return self.server.streams.setdefault(key, Stream())

    def states(self):
        states = []
        for conn_id, epoch in self.named.items():
            s = self.stream(conn_id)
            digest = oftp.digest(s.confirmed, s.logs) if s.confirmed else bytes(16)
            states.append((conn_id, epoch, s.confirmed, 0, digest))
        return states

    def answer(self):
        v = self.server.verdict
        self.verdict = v
        more = {"reason": self.server.reason} if self.server.reason else {}
        if v == ALLOWED:
            self.allowed = True
            more["stream"] = self.states()
        return {"result": v, "status_text": STATUS[v], **more}

    def follow(self):
        """After a change of the server's attributes."""
        if self.serial and self.verdict == PENDING and self.server.verdict != PENDING:
            self.send(oftp.encode("AUTH_CHANGED", **self.answer()))
        if self.allowed and self.server.durable:
            self.confirm()

    def confirm(self):
        moved = False
        for conn_id in self.named:
            s = self.stream(conn_id)
            for seq, logs in s.waiting:
                self.server.stored += logs
                s.confirmed, s.logs, moved = seq, logs, True
            s.waiting = []
        if moved:
            self.send(oftp.encode("SEQ_REPLY", stream=self.states()))
            self.server.lock.notify_all()

    def on_login_request(self, tag, options):
        with self.server.lock:
            # The newest session has the streams; what the others got is durable before.
            for connection, other in list(self.server.open.items()):
                if other and other is not self and other.serial == options["serial"] and \
                        "stream" in options:
                    other.confirm()
                    _end(connection)
            self.serial = options["serial"]
            self.named = {s[0]: s[1] for s in options.get("stream", [])}
            for conn_id in self.named:
                s = self.stream(conn_id)
                s.waiting, waiting = [], s.waiting
                for seq, logs in waiting:
                    self.server.stored += logs
                    s.confirmed, s.logs = seq, logs
            self.server.logins.append(options)
            answer = self.answer()
            self.send(oftp.encode(
                "LOGIN_REPLY", tag, features=options["features"] & 1, keepalive_period=5,
                server_serial=list(self.server.serials), disk=(1 << 20, 1 << 30), **answer))
            self.server.lock.notify_all()
            return answer["result"] != REFUSED

    def on_log_data(self, tag, options):
        raw = options["payload"]
        if options["codec"]:
            raw = lz4_inflate(raw, options["raw_len"])
        logs, at = [], 0
        for n in range(options["log_count"]):
            size = int.from_bytes(options["lengths"][4 * n:4 * n + 4], "big")
            logs.append(raw[at:at + size])
            at += size
        server = self.server
        with server.lock:
            if not self.allowed:
                server.untimely += 1
                return True
            server.lock.wait_for(lambda: server.permits != 0 or self.over)
            if self.over:
                raise ValueError("it was cut")
            if server.permits:
                server.permits -= 1
            server.items += 1
            server.kinds.append((options["log_type"], options.get("vdom")))
            server.compressed += options["codec"]
            server.dropped_before += options.get("dropped_before", 0)
            s = self.stream(options["conn_id"])
            if options["epoch"] != self.named[options["conn_id"]]:
                raise ValueError("another epoch")
            if options["seq_no"] in s.seen:
                server.duplicates += 1
            else:
                s.seen.add(options["seq_no"])
                s.waiting.append((options["seq_no"], logs))
            server.lock.notify_all()
        return True

    def on_seq_query(self, tag, options):
        with self.server.lock:
            self.server.queries += 1
            if "epoch" in options:
                self.named[options["conn_id"]] = options["epoch"]
            self.send(oftp.encode("SEQ_REPLY", tag, stream=self.states()))
            return True

    def on_keepalive(self, tag, _):
        with self.server.lock:
            self.server.keepalives += 1
            self.server.lock.notify_all()
            self.send(oftp.encode("KEEPALIVE_ANSWER", tag, keepalive_state=(GO, 1)))
            return True

    def on_bye(self, *_):
        with self.server.lock:
            self.server.byes += 1
        return False

    def on_error(self, *_):
        return False


def lz4_inflate(data, size):
    """One LZ4 block."""
    out, at = bytearray(), 0

    def extended(n):
        nonlocal at
        if n == 15:
            while data[at] == 255:
                n, at = n + 255, at + 1
            n, at = n + data[at], at + 1
        return n

    while True:
        token, at = data[at], at + 1
        n = extended(token >> 4)
        out += data[at:at + n]
        at += n
        if at == len(data):
            break
        offset, at = int.from_bytes(data[at:at + 2], "little"), at + 2
        for _ in range(extended(token & 15) + 4):
            out.append(out[-offset])
    if len(out) != size:
        raise ValueError("an LZ4 block of another size")
    return bytes(out)


class Proxy:
    """127.0.0.1:port to the server's; each connection ends after `budget()` bytes, either way."""

    def __init__(self, to, budget=None):
        self.to, self.budget, self.cuts = to, budget, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            left = [self.budget() if self.budget else None]
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=(a, b, left), daemon=True).start()

    def _forward(self, a, b, left):
        try:
            while True:
                data = a.recv(random.choice((1, 100, 1460, 65536)))
                if not data:
                    break
                if left[0] is not None:
                    data, whole = data[:max(0, left[0])], len(data)
                    left[0] -= whole
                b.sendall(data)
                if left[0] is not None and left[0] <= 0:
                    self.cuts += 1
                    break
        except OSError:
            pass
        for s in (a, b):
            _end(s)


def _shake(connection):
    """Whom it refuses gets the alert: a socket closed with bytes unread would be reset instead."""
    try:
        connection.do_handshake()
    except ssl.SSLError:
        with socket.socket(fileno=os.dup(connection.fileno())) as plain:
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(65536):
                pass
        raise


def _end(s):
    try:
        s.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
