#!/usr/bin/env python3
"""The demonstration of deploy/quickstart: sends real logs and compares what came out.

Run inside the namespace `sluice`. Sends over the kernel's UDP (paced: after each window it waits until
the accounts show it received, so nothing overflows the TAP's queue), over several TCP connections, and
single lines by util-linux `logger`; finds the end by the accounts; reads everything back. UDP and
logger lines are compared as a multiset, TCP lines also in order for each connection.

Last line: `demo: sent N, stored N, lost N`; status 0 only when all was stored, unaltered, none twice.
"""

import argparse
import collections
import json
import os
import socket
import subprocess
import sys
import threading
import time

UDP_LINES = 6000
UDP_WINDOW = 200
TCP_CONNECTIONS = 4
TCP_LINES = 1500
LOGGER_LINES = 48
PATIENCE = 30  # seconds without progress


class Sluice:
    def __init__(self, program, path):
        self.command = [program, "--socket", path]

    def call(self, *words):
        done = subprocess.run([*self.command, *words], stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)
        if done.returncode:
            sys.exit(f"demo: sluicectl {' '.join(words)}: {done.stderr.decode().strip()}")
        return done.stdout

    def total(self):
        return json.loads(self.call("--json", "account", "list"))["total"]

    def wait(self, field, wanted):
        """Until the total of `field` is `wanted`; gives up when it stands still for long."""
        last, since = -1, time.monotonic()
        while True:
            total = self.total()
            if total[field] >= wanted:
                return total
            now = time.monotonic()
            if total[field] != last:
                last, since = total[field], now
            elif now - since > PATIENCE:
                sys.exit(f"demo: {field} stands at {last}, {wanted} were sent: {total}")


def line(tag, kind, n):
    """A log as a firewall writes it, told apart from all others by `tag`, `kind` and `n`."""
    return (f"<189>date=2025-03-01 time=12:{n // 60 % 60:02}:{n % 60:02} devname=\"{tag}\" "
            f"devid=\"{kind}\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" "
            f"level=\"notice\" vd=\"root\" srcip=10.1.{n // 250 % 250}.{n % 250} "
            f"srcport={1024 + n % 60000} dstip=198.51.100.{n % 250} dstport=443 proto=6 "
            f"action=\"accept\" policyid={n % 97} sentbyte={n * 131} rcvdbyte={n * 1009} "
            f"seq={n}").encode()


def tap_drops(name):
    out = subprocess.run(["ip", "-json", "-statistics", "link", "show", name], check=True,
                         capture_output=True).stdout
    return json.loads(out)[0]["stats64"]["tx"]["dropped"]


def send_udp(sluice, address, base, tag):
    lines = [line(tag, "udp", n) for n in range(UDP_LINES)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(address)
        for at in range(0, len(lines), UDP_WINDOW):
            window = lines[at:at + UDP_WINDOW]
            for text in window:
                s.send(text)
            sluice.wait("received", base + at + len(window))
    return lines


def send_tcp(address, tag):
    """All connections at once; a list of lines for each."""
    streams = [[line(tag, f"tcp{c}", n) for n in range(TCP_LINES)] for c in range(TCP_CONNECTIONS)]
    failures = []

    def send(lines):
        try:
            with socket.create_connection(address, timeout=PATIENCE) as s:
                s.sendall(b"\n".join(lines) + b"\n")
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
        except OSError as e:
            failures.append(e)

    threads = [threading.Thread(target=send, args=(lines,)) for lines in streams]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failures:
        sys.exit(f"demo: TCP: {failures[0]}")
    return streams


def send_logger(address, tag):
    """Single lines; what logger puts before the text is its own, so only texts are known here."""
    kinds = (["--udp", "--rfc3164"], ["--udp", "--rfc5424"],
             ["--tcp", "--rfc3164"], ["--tcp", "--rfc5424", "--octet-count"])
    texts = []
    for n in range(LOGGER_LINES):
        text = f"{tag} logger {n} of {LOGGER_LINES}"
        subprocess.run(["logger", "--server", address[0], "--port", str(address[1]),
                        *kinds[n % len(kinds)], "--", text], check=True, stdin=subprocess.DEVNULL)
        texts.append(text.encode())
    return texts


def compare(stored, datagrams, streams, texts):
    """(lost, complaints): every line once, nothing else, streams in order."""
    complaints = []
    sent = collections.Counter(datagrams)
    for lines in streams:
        sent.update(lines)
    rest = collections.Counter(stored)
    lost = sum((sent - rest).values())
    rest -= sent
    for text in texts:
        match = [s for s in rest if s.endswith(text)]
        if match:
            rest[match[0]] -= 1
            rest += collections.Counter()
        else:
            lost += 1
    if rest:
        complaints.append(f"{sum(rest.values())} lines that were not sent, first {next(iter(rest))!r}")
    for number, lines in enumerate(streams):
        own = set(lines)
        if [s for s in stored if s in own] != lines:
            complaints.append(f"TCP connection {number}: not in order")
    return lost, complaints


def main():
    ask = argparse.ArgumentParser()
    for name in ("--sluicectl", "--socket", "--address", "--tap"):
        ask.add_argument(name, required=True)
    ask.add_argument("--port", type=int, default=514)
    args = ask.parse_args()
    sluice = Sluice(args.sluicectl, args.socket)
    address = (args.address, args.port)
    tag = f"demo-{os.getpid()}-{int(time.time())}"

    before = sluice.total()
    drops = tap_drops(args.tap)
    start = time.monotonic()
    print(f"sending {UDP_LINES} logs over UDP, {UDP_WINDOW} at a time", flush=True)
    datagrams = send_udp(sluice, address, before["received"], tag)
    print(f"sending {TCP_CONNECTIONS} x {TCP_LINES} logs over TCP", flush=True)
    streams = send_tcp(address, tag)
    print(f"sending {LOGGER_LINES} lines with logger", flush=True)
    texts = send_logger(address, tag)
    sent = len(datagrams) + sum(map(len, streams)) + len(texts)
    total = sluice.wait("stored", before["stored"] + sent)
    took = time.monotonic() - start

    stored = [s for s in sluice.call("log", "show", "--raw", "--grep", tag).split(b"\n")[:-1]]
    lost, complaints = compare(stored, datagrams, streams, texts)
    sums = {k: v if isinstance(v, int) else sum(v.values())
            for k, v in total.items() if k in ("received", "stored", "duplicate", "pending", "dropped")}
    if sums["received"] != sum(v for k, v in sums.items() if k != "received"):
        complaints.append(f"the account does not add up: {sums}")
    moved = tap_drops(args.tap) - drops
    if moved:
        complaints.append(f"the TAP dropped {moved} frames")
    print(f"read back {len(stored)} logs after {took:.1f} s; account: "
          + ", ".join(f"{k} {v}" for k, v in sums.items()), flush=True)
    for text in complaints:
        print(f"demo: {text}", flush=True)
    print(f"demo: sent {sent}, stored {len(stored)}, lost {lost}", flush=True)
    return 0 if not lost and not complaints and len(stored) == sent else 1


if __name__ == "__main__":
    sys.exit(main())
