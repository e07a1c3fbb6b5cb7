"""What a malformed case is, and the ways in which it changes what tlslite-ng would send."""

import collections

from mutant import ALERT, CCS, DATA, HANDSHAKE, Hello, Record

TLS12, TLS13 = (3, 3), (3, 4)
BOTH = (TLS12, TLS13)

# `clause`: of the RFC that names the alert, and why. `alert`: its name; None: it is allowed, and the log
# must arrive. `instead`: what OpenSSL sends instead of it (docs/tls-inside.md lists these). `after`: what is
# said when the handshake is complete instead of a log. `more`: settings of tlslite's.
Case = collections.namedtuple("Case", "name versions clause change alert slug instead after more")


def case(name, versions, clause, change, alert, slug="protocol_error", openssl=None, after=None, **more):
    return Case(name, versions, clause, change, alert, slug if alert else None, openssl, after, more)


def whole(name, data):
    return Record({"ccs": CCS, "alert": ALERT, "data": DATA}.get(name, HANDSHAKE), data)


def replaced(what, *pieces):
    """These pieces instead of the message of that name."""
    return lambda name, data: list(pieces) if name == what else None


def before(what, *pieces):
    return lambda name, data: [*pieces, whole(name, data)] if name == what else None


def behind(what, *pieces):
    return lambda name, data: [whole(name, data), *pieces] if name == what else None


def without(what):
    return replaced(what)


def altered(what, alter):
    """The message of that name through `alter`, which gives bytes or pieces."""
    def change(name, data):
        if name != what:
            return None
        got = alter(data)
        return [Record(HANDSHAKE, got)] if isinstance(got, bytes) else got
    return change


def twice(what):
    return altered(what, lambda d: [Record(HANDSHAKE, d), Record(HANDSHAKE, d)])


def hello(alter=None, put=None, number=1, **fields):
    """ClientHello `number` with other fields, with the extensions of `put`, through `alter`.

    Made anew for each connection, as it counts."""
    def make():
        seen = 0

        def change(name, data):
            nonlocal seen
            if name != "client_hello":
                return None
            seen += 1
            if seen != number:
                return None
            h = Hello(data)
            for key, value in fields.items():
                setattr(h, key, value)
            for kind, body in (put or {}).items():
                h.set(kind, body)
            if alter:
                alter(h)
            return [Record(HANDSHAKE, h.build())]
        return change
    make.fresh = True
    return make


def raw_hello(alter):
    """alter(h, data): the bytes of the message out of what it holds."""
    return altered("client_hello", lambda data: alter(Hello(data), data))
