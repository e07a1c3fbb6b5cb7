"""What the machine itself does to whoever wants an answer: how long its disk takes to sync in the very seconds of a
run, and for how long it holds a CPU from somebody who never sleeps.

    python3 beside.py sync DIRECTORY CPU    64 KiB written and synced every 5 ms until standard input ends
    python3 beside.py holds CPU SECONDS     turns
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import time

PACE_S = 0.005
HOLD_S = 0.0001  # less is a timer's interrupt, or our own loop
STEP_S = 0.00002


# ---- in a process of its own

def sync(directory, cpu):
    """Prints {fifo, samples: [[when it began, seconds]]}, by the monotonic clock."""
    os.sched_setaffinity(0, {cpu})
    try:  # it asks how long the disk takes, not how long it takes to have a CPU that others hold
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        fifo = True
    except OSError:
        fifo = False
    samples = list(syncs(directory, lambda: select.select([0], [], [], PACE_S)[0]))
    json.dump({"fifo": fifo, "samples": samples}, sys.stdout)


def syncs(directory, done):
    """64 KiB written and synced to a file of its own, again and again until done(): when each began, and its seconds."""
    block = os.urandom(65536)
    fd, name = tempfile.mkstemp(dir=directory)
    os.unlink(name)
    try:
        while not done():
            begun = time.monotonic()
            os.write(fd, block)
            os.fdatasync(fd)
            yield begun, time.monotonic() - begun
    finally:
        os.close(fd)


def holds(cpu, seconds):
    """Prints [[when it began, seconds]] of times in which this did not run."""
    os.sched_setaffinity(0, {cpu})
    found, clock = [], time.monotonic
    before = clock()
    end = before + seconds
    while before < end:
        now = clock()
        if now - before > HOLD_S:
            found.append((before, now - before))
        before = now
    json.dump(found, sys.stdout)


# ---- who asks

def alone(directory, count):
    """Quantiles of syncs while nobody else uses the disk."""
    left = iter(range(count))
    return quantiles([took for _, took in syncs(directory, lambda: next(left, None) is None)])


def start(*words):
    return subprocess.Popen([sys.executable, "-B", __file__, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def quantiles(values):
    """Of seconds, in microseconds."""
    values = sorted(values)
    return {key: round(values[min(int(q * len(values)), len(values) - 1)] * 1e6, 1)
            for key, q in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}


class Disk:
    """Syncs beside a run: `with Disk(directory, cpu) as disk:`, then disk.between(begin, end)."""

    def __init__(self, directory, cpu):
        self.directory, self.cpu, self.samples, self.fifo = directory, cpu, [], None

    def __enter__(self):
        self.process = start("sync", self.directory, self.cpu)
        return self

    def __exit__(self, *_):
        try:
            said = json.loads(self.process.communicate(b"", 60)[0] or "{}")
            self.samples, self.fifo = said.get("samples", []), said.get("fifo")
        finally:
            self.process.kill()
            self.process.wait()

    def between(self, begin, end):
        """What each took that was begun in these seconds of the monotonic clock."""
        return [took for when, took in self.samples if begin <= when <= end]


def late(gaps, seconds):
    """Quantiles of how late something is that is due at any time and goes through both CPUs, each able to do twice as
    much as comes: it waits for the end of a hold, and behind what has piled up, which takes as long again to be done.
    Computed, as a fluid in steps of 20 us."""
    waits, piled, at = [], 0.0, 0.0
    gaps = sorted(gaps)
    until = index = 0
    while at < seconds:
        while index < len(gaps) and gaps[index][0] <= at:
            until = max(until, gaps[index][0] + gaps[index][1])
            index += 1
        waits.append(max(0.0, until - at) + piled / 2)
        piled = piled + STEP_S if until > at else max(0.0, piled - STEP_S)
        at += STEP_S
    return quantiles(waits)


def held(cpus, seconds):
    """(late() by what these CPUs were held, the longest hold in seconds) while each turned for so long."""
    begun = time.monotonic()
    turning = [start("holds", cpu, seconds) for cpu in cpus]
    try:
        gaps = [(when - begun, took) for process in turning
                for when, took in json.loads(process.communicate(timeout=60 + seconds)[0])]
    finally:
        for process in turning:
            process.kill()
            process.wait()
    return late(gaps, time.monotonic() - begun), max((took for _, took in gaps), default=0.0)


if __name__ == "__main__":
    if sys.argv[1] == "sync":
        sync(sys.argv[2], int(sys.argv[3]))
    else:
        holds(int(sys.argv[2]), float(sys.argv[3]))
