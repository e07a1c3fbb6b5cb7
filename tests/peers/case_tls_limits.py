"""Limits that a TLS sender meets: each by the same word in trace, list, audit and metric."""

import contextlib
import re
import socket

from appliance import Rpc
from case_tls_clients import metric, until
from cases import Failed, Suite, equal, expect
from netns import HOST4, PEER4
from tls_stage import authority, authorize, client, configure, show, trust

suite = Suite("peers")


def raw(appliance):
    s = appliance.ns.connect((HOST4, 514))
    s.settimeout(20)
    return s


def trickle(appliance, stack, _made):
    """The beginning of a ClientHello, and no more."""
    stack.enter_context(raw(appliance)).sendall(bytes.fromhex("16030102000100"))


def hurry(appliance, stack, made):
    """Handshakes until one is too many."""
    with contextlib.suppress(OSError):
        for _ in range(50):
            stack.enter_context(client(appliance, made, made.root)())


def crowd(appliance, stack, made):
    """A session, and one beside it."""
    stack.enter_context(client(appliance, made, made.root)())
    with contextlib.suppress(OSError):
        stack.enter_context(client(appliance, made, made.root)())


def knock(appliance, stack, _made):
    """A SYN from where none may come; nothing answers."""
    s = stack.enter_context(appliance.ns.socket(socket.AF_INET, socket.SOCK_STREAM))
    s.setblocking(False)
    s.connect_ex((HOST4, 514))


LIMITS = [
    ("handshake_timeout", {"limits": {"handshake-timeout": "1s"}}, trickle),
    ("handshake_rate", {"limits": {"handshake-rate": "1/s"}}, hurry),
    ("session_limit", {"limits": {"sessions": 1, "handshake-rate": "none"}}, crowd),
    ("address_not_allowed", {"limits": {"sessions": 1000}, "listen": {"allow": ["192.0.2.0/32"]}}, knock),
]


@suite.case()
def tls_limits(appliance):
    """A handshake that does not end, too many of them, too many sessions, a foreign address"""
    pki = authority()
    trust(appliance, pki)
    show(appliance, pki)
    made = pki.device("FGTLIMITS-0001")
    made.root = pki.root
    authorize(appliance, made.name)
    watch = Rpc(appliance)
    expect("result" in watch.call("debug.start", what="oftpd", level=8), "no trace")
    for slug, changes, act in LIMITS:
        configure(appliance, **changes)
        with contextlib.ExitStack() as stack:
            act(appliance, stack, made)
            line, lines = "", []
            while not re.search(rf"refused: {slug}(:|$)", line):
                try:
                    line = watch.read()["params"]["line"]
                except TimeoutError:
                    raise Failed(f"{slug}: no such word in {lines[-8:]}") from None
                lines.append(line)
        expect(metric(appliance, slug) > 0, f"metric of {slug}")
        listed = [r for r in appliance.ctl("refusal", "list")["refusals"] if r["reason"] == slug]
        expect(listed and all(r["address"] == PEER4 for r in listed), f"{slug}: the list says {listed}")
        until(f"{slug} in the audit", lambda s=slug: any(
            r["what"] == "auth.refused" and r["after"] == s for r in appliance.ctl("audit", "list")["audit"]))
        until("all sessions are gone", lambda: not appliance.ctl("session", "list")["sessions"])
    equal("exit status", appliance.stop(), 0)
