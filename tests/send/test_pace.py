"""sluice-send holds back what it is told to hold back; its clock is moved by the test (clock.c)."""

import os
import subprocess
import sys

from send import equal, expect, main

ITEM = 262144  # bytes of an item at most: the last one may overdraw
SAVED = 1_000_000  # what a rate of 1 MB/s saves up
KEEPALIVE = 50  # seconds; after four times that it takes the server for dead


class Clock:
    """Of all that are started from here on."""

    def __init__(self, p):
        self.file = open(p.dir / "clock", "w+b", buffering=0)
        self.ahead = 0
        self.move(0)
        os.environ["SEND_CLOCK"] = self.file.name

    def move(self, us):
        self.ahead += us
        os.pwrite(self.file.fileno(), self.ahead.to_bytes(8, sys.byteorder), 0)


def pass_time(p, clock, us):
    """In steps after each of which the server hears a keepalive, and what was sent before it."""
    while us > 0:
        step = min(us, 60_000_000)
        us -= step
        before = p.server.keepalives
        clock.move(step)
        p.diagnose(1)
        p.server.wait(lambda b=before: p.server.keepalives > b, "a keepalive")


def write(one, lines):
    one.process.stdin.write(b"".join(line + b"\n" for line in lines))
    one.process.stdin.flush()


def what_is_there_goes_when_it_is_time(p):
    """`upload-option`: at first at once, then all that is there, once in so long"""
    clock = Clock(p)
    for option, seconds in (("realtime", 0), ("1-minute", 60), ("5-minute", 300)):
        p.server.stored.clear()
        one = p.send("-", stdin=subprocess.PIPE, upload_option=option, monitor_keepalive_period=KEEPALIVE,
                     conn_id=1 + seconds)
        write(one, [b"first"])
        p.server.wait(lambda: p.server.stored == [b"first"], "the first at once")
        write(one, [b"second", b"third"])
        p.until(1, lambda t: " added=3," in t, "taken in")
        if seconds:
            pass_time(p, clock, seconds * 1_000_000 - 1)
            equal(f"{option}, a moment before", p.server.stored, [b"first"])
            expect(" added=3, " in p.diagnose(1), p.diagnose(1))
            clock.move(1)
            p.diagnose(1)
        p.server.wait(lambda: len(p.server.stored) == 3, f"{option}: the others")
        equal(option, p.server.stored, [b"first", b"second", b"third"])
        # And again.
        write(one, [b"last"])
        p.until(1, lambda t: " added=4," in t, "taken in")
        if seconds:
            pass_time(p, clock, seconds * 1_000_000 - 1)
            equal(f"{option}, a moment before the next", len(p.server.stored), 3)
            clock.move(1)
            p.diagnose(1)
        p.server.wait(lambda: p.server.stored[3:] == [b"last"], f"{option}: the last")
        one.process.stdin.close()
        expect("4 logs confirmed, 0 dropped" in one.end(), one.said())
    equal("connections", p.server.connections, 3)


def a_rate_is_kept(p):
    """`max-log-rate`: a second saved up at most, and an item overdrawn"""
    clock = Clock(p)
    lines = [b"%03d " % n + b"x" * 29996 for n in range(100)]
    total = sum(map(len, lines))
    one = p.send("-", stdin=subprocess.PIPE, max_log_rate=1, monitor_keepalive_period=KEEPALIVE)
    write(one, lines)
    p.until(1, lambda t: " added=100," in t, "taken in")

    def there():
        return sum(map(len, p.server.stored))

    steps = 0
    while True:
        earned = SAVED + clock.ahead
        p.server.wait(lambda e=earned: there() >= min(e, total), f"{earned} bytes after so many microseconds")
        expect(there() <= earned + ITEM, f"{there()} bytes after {earned} microseconds")
        if there() == total:
            break
        clock.move(250_000)
        p.diagnose(1)
        steps += 1
    expect(steps >= (total - SAVED - ITEM) // 250_000, f"{total} bytes in {steps} quarters of a second")
    one.process.stdin.close()
    expect("100 logs confirmed, 0 dropped" in one.end(), one.said())
    equal("stored", p.server.stored, lines)


main([what_is_there_goes_when_it_is_time, a_rate_is_kept])
