"""Sees what peers really send: frames that leave by the kernel's end of the TAP, put together to
datagrams and byte streams. Independent of what a peer says of itself."""

import collections
import socket
import struct
import threading

from relp import frames

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_RCVBUFFORCE = 33


class Stream:
    """One direction of a TCP connection, from its SYN."""

    def __init__(self, isn):
        self.isn = isn
        self.data = bytearray()
        self.segments = 0

    def add(self, seq, payload):
        self.segments += 1
        at = (seq - self.isn - 1) & 0xffffffff
        if at > len(self.data):
            raise RuntimeError("the witness missed a segment")
        self.data[at:at + len(payload)] = payload  # a retransmission brings the same again


class Witness:
    """Between `with` and its end: .datagrams (payloads) and .streams ({(address, port): Stream})."""

    def __init__(self, ns, name="sluice0", ports=(514,)):
        self.ports = ports
        self.datagrams = []
        self.streams = collections.OrderedDict()
        self.failure = None
        self.socket = ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.bind((name, ETH_P_ALL))
        self.socket.settimeout(0.1)
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Takes what is still queued, then stops."""
        if self.thread.is_alive():
            self.done.set()
            self.thread.join()
        if self.socket.fileno() >= 0:
            stats = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
            self.socket.close()
            dropped = struct.unpack("II", stats)[1]
            if dropped and not self.failure:
                self.failure = RuntimeError(f"the witness lost {dropped} frames")
        if self.failure:
            raise self.failure

    def _watch(self):
        try:
            while True:
                try:
                    frame, where = self.socket.recvfrom(65600)
                except TimeoutError:
                    if self.done.is_set():
                        return
                    continue
                if where[2] == socket.PACKET_OUTGOING:
                    self._frame(frame)
        except (RuntimeError, struct.error) as e:
            self.failure = e

    def _frame(self, frame):
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == 0x0800:
            size = struct.unpack_from("!H", frame, 16)[0]
            protocol, source = frame[23], frame[26:30]
            packet = frame[14 + (frame[14] & 15) * 4:14 + size]
        elif kind == 0x86dd:
            size = struct.unpack_from("!H", frame, 18)[0]
            protocol, source = frame[20], frame[22:38]
            packet = frame[54:54 + size]
        else:
            return
        if protocol not in (socket.IPPROTO_UDP, socket.IPPROTO_TCP):
            return
        sport, dport = struct.unpack_from("!HH", packet)
        if dport not in self.ports:
            return
        if protocol == socket.IPPROTO_UDP:
            self.datagrams.append(bytes(packet[8:]))
            return
        seq = struct.unpack_from("!I", packet, 4)[0]
        flags = packet[13]
        key = (source, sport)
        if flags & 2:
            if key not in self.streams or self.streams[key].isn != seq:
                self.streams[key] = Stream(seq)
        elif key in self.streams:
            payload = packet[(packet[12] >> 4) * 4:]
            if payload:
                self.streams[key].add(seq, payload)


def without_end(log):
    """One trailing LF, CRLF or NUL is framing."""
    if log.endswith(b"\r\n"):
        return log[:-2]
    if log.endswith((b"\n", b"\0")):
        return log[:-1]
    return log


def lines(stream):
    """The logs of a newline-framed stream."""
    data = bytes(stream.data)
    parts = data.split(b"\n")
    if parts[-1] == b"":
        parts.pop()
    return [p[:-1] if p.endswith(b"\r") else p for p in parts]


def counted(stream):
    """The logs of an octet-counted stream."""
    data, at, out = bytes(stream.data), 0, []
    while at < len(data):
        space = data.index(b" ", at)
        size = int(data[at:space])
        log = data[space + 1:space + 1 + size]
        if len(log) != size:
            raise RuntimeError("the peer's last frame is cut")
        out.append(without_end(log))
        at = space + 1 + size
    return out


def relp(stream):
    """The logs of a RELP stream, those of `syslog` commands."""
    found, size = frames(stream.data)
    if size != len(stream.data):
        raise RuntimeError("the peer's last frame is cut")
    return [without_end(log) for _, command, log in found if command == b"syslog"]
