"""A RELP client: sends, and remembers what was answered. Shares no code with sluiced."""

import collections
import re

OFFERS = b"relp_version=0\nrelp_software=test\ncommands=syslog"
TXNR_MAX = 999999999
HEADER = re.compile(rb"(\d{1,9}) ([A-Za-z]{1,32}) (\d{1,9})(?=[ \n])")


class Violation(Exception):
    """The server did what RELP does not allow."""


def frame(txnr, command, data=b""):
    return b"%d %s %d%s\n" % (txnr, command, len(data), b" " + data if data else b"")


def frames(data):
    """Whole frames at the begin of `data`: [(txnr, command, data)] and how many bytes they are."""
    out, at = [], 0
    while True:
        match = HEADER.match(data, at)
        if match is None:
            if len(data) - at > 64:
                raise Violation(f"no header: {bytes(data[at:at + 64])!r}")
            return out, at
        size = int(match[3])
        body = match.end() + (1 if size else 0)
        if len(data) < body + size + 1:
            return out, at
        if data[body + size:body + size + 1] != b"\n":
            raise Violation(f"no LF behind {match[0]!r}")
        out.append((int(match[1]), match[2], bytes(data[body:body + size])))
        at = body + size + 1


class Client:
    """One connection. `unanswered`: what was sent and not answered, by its number, oldest first."""

    def __init__(self, sock):
        self.socket = sock
        self.txnr = 0
        self.data = bytearray()
        self.unanswered = collections.OrderedDict()
        self.answered = []
        self.goodbye = self.ended = False
        self.socket.sendall(self._next(b"open", OFFERS))
        while self.unanswered:
            self.read()
            if self.ended:
                raise ConnectionError("it ended before open was answered")
        self.answered.clear()

    def _next(self, command, data=b"", what=None):
        self.txnr = self.txnr % TXNR_MAX + 1
        self.unanswered[self.txnr] = command if what is None else what
        return frame(self.txnr, command, data)

    def send(self, logs):
        self.socket.sendall(b"".join(self._next(b"syslog", log, log) for log in logs))

    def read(self):
        """What has come, at least something; `ended` at the end of the stream."""
        got = self.socket.recv(65536)
        self.ended = not got
        self.data += got
        found, size = frames(self.data)
        del self.data[:size]
        for txnr, command, data in found:
            if txnr == 0:
                self.goodbye |= command == b"serverclose"
                continue
            if command != b"rsp" or txnr not in self.unanswered:
                raise Violation(f"{txnr} {command!r} {data!r}")
            if next(iter(self.unanswered)) != txnr:
                raise Violation(f"{txnr} is answered out of order")
            if not data.startswith(b"200 OK"):
                raise Violation(f"{txnr} is answered {data!r}")
            self.answered.append(self.unanswered.pop(txnr))

    def finish(self):
        """Waits for all answers, says close, and waits for the end."""
        self.socket.sendall(self._next(b"close"))
        while not self.ended:
            self.read()
        self.socket.close()
