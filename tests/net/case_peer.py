"""The kernel's TCP as a foreign peer, over a wire that loses, repeats, delays and reorders."""

import contextlib
import os
import random
import tempfile

import wire
from appliance import Appliance, balanced
from cases import FULL, equal, expect
from netns import HOST4, HOST6, PEER4, PEER6

CASES = []


def case(fn):
    """Each makes its own wire."""
    CASES.append((fn, False))
    return fn


def seed():
    return int(os.environ.get("SEED", "1"))


def echoes(size, least, **options):
    """Four connections at once, IPv4 and IPv6: all bytes come back as they were sent."""
    size *= 16 if FULL else 1
    with wire.to_host(seed=seed(), **options) as (link, host):
        wire.at_once([lambda n=n, to=to: wire.echo(link, to, size, n)
                      for n, to in enumerate([HOST4, HOST4, HOST6, HOST6])])
        tcp = host.end()
        wire.check_impaired(link.impair.end(), **least)
        equal("connections that our side made and ended", (tcp["accepted"], tcp["conns"]), (4, 0))
        return tcp


@case
def peer_clean(_):
    """a wire that only delays, by 5 ms"""
    echoes(1 << 20, {"segments": 100}, delay=5000)


@case
def peer_loss_0_1(_):
    """0.1 % of segments lost each way, 10 ms"""
    echoes(1 << 20, {"lost": 1}, loss=0.1, delay=10000)


@case
def peer_loss_1(_):
    """1 % lost each way, 50 ms"""
    tcp = echoes(512 << 10, {"lost": 3}, loss=1, delay=50000)
    expect(tcp["retransmits"] > 0, f"nothing was sent again: {tcp}")


@case
def peer_loss_5(_):
    """5 % lost each way, 10 ms"""
    tcp = echoes(512 << 10, {"lost": 10}, loss=5, delay=10000)
    expect(tcp["retransmits"] > 0, f"nothing was sent again: {tcp}")


@case
def peer_reordered(_):
    """5 % come 4 ms late, 2 % twice: others overtake them"""
    echoes(512 << 10, {"reordered": 10, "repeated": 5}, reorder=5, dup=2, delay=2000)


@case
def peer_everything(_):
    """5 % lost, 5 % late, 2 % twice, 50 ms"""
    echoes(192 << 10, {"lost": 5, "reordered": 5}, loss=5, reorder=5, dup=2, delay=50000, late=20000)


@case
def peer_lwip(_):
    """lwIP, which has no SACK: 1 % lost, 2 % twice, 2 % late, 5 ms; IPv4, then IPv6"""
    size = 192 << 10
    said, tcp, link = wire.lwip_to_host(size, seed(), loss=1, dup=2, reorder=2, delay=5000)
    equal("bytes that came back to lwIP", said, {"ipv4": size, "ipv6": size})
    equal("connections that our side made and ended", (tcp["accepted"], tcp["conns"]), (2, 0))
    wire.check_impaired(link, lost=1, repeated=1)


def opened(tcp):
    equal("calls, and those whose bytes all came back", (tcp["calls"], tcp["good_calls"]), (2, 2))
    equal("connections that our side was asked for and that are left", (tcp["accepted"], tcp["conns"]), (0, 0))


@case
def peer_lwip_serves(_):
    """We open, lwIP is the server: 1 % lost, 2 % twice, 2 % late, 5 ms; IPv4 and IPv6"""
    size = 96 << 10
    said, tcp, link = wire.host_to_lwip(size, seed(), loss=1, dup=2, reorder=2, delay=5000)
    opened(tcp)
    equal("bytes that lwIP sent back", said, {"echoed": 2 * size})
    wire.check_impaired(link, lost=1, repeated=1)


@case
def peer_kernel_serves(_):
    """We open, the kernel is the server: 2 % lost, 2 % twice, 5 % late, 10 ms; IPv4 and IPv6"""
    tcp, link = wire.host_to_kernel(512 << 10, seed(), loss=2, dup=2, reorder=5, delay=10000)
    opened(tcp)
    expect(tcp["retransmits"] > 0, f"nothing was sent again: {tcp}")
    wire.check_impaired(link, lost=5, repeated=5, reordered=5)


@case
def peer_logs(_):
    """sluiced behind such a wire: each log is stored, as it was sent, in order"""
    rng = random.Random(seed())
    logs = [b"<13>n=%d %s" % (n, rng.randbytes(rng.randrange(400)).hex().encode())
            for n in range(2000)]
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-test-"))
        far = wire.FarNamespace()
        stack.callback(far.close)
        far.make_tap()
        appliance = Appliance(far, directory)
        stack.callback(appliance.close)
        appliance.start()
        link = wire.Wire(stack, far, "packet:sluice0",
                         {"seed": seed(), "loss": 3, "dup": 5, "reorder": 5, "delay": 5000})

        def send(host, part):
            s = link.connect(host)
            s.sendall(b"\n".join(part) + b"\n")
            s.shutdown(wire.socket.SHUT_WR)
            equal("bytes that sluiced sent", s.recv(1), b"")
            s.close()

        wire.at_once([lambda: send(HOST4, logs[:1000]), lambda: send(HOST6, logs[1000:])])
        total = appliance.wait_total("stored", len(logs))
        equal("logs by IPv4", appliance.logs("--device", PEER4), logs[:1000])
        equal("logs by IPv6", appliance.logs("--device", PEER6), logs[1000:])
        expect(total["stored"] == len(logs) and balanced(total), f"the account: {total}")
        wire.check_impaired(link.impair.end(), lost=1, repeated=1, reordered=1)
