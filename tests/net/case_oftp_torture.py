"""Exactly once: sluiced is killed again and again under devices whose links are cut, who come again
from other ports while their old sessions still live, on two workers."""

import os
import random
import re
import subprocess
import threading

from appliance import BUILD, balanced
from case_oftp import SERIAL, device
from case_oftp_login import stage_of
from case_oftp_streams import APART
from cases import FULL, Failed, collector, equal, expect
from netns import HOST4

CASES = []
case = collector(CASES, stage_of)

CONNECTIONS = 4
KILLS, LOGS = (100, 250000) if FULL else (20, 7500)  # logs of each connection
STANDSTILL = 120  # seconds without a line of theirs, though they tell of every thousand logs
LOG = re.compile(rb"<13>stream (\d) log (\d+) (\.*)")


class Senders:
    """The program, and how many logs it says are confirmed."""

    def __init__(self, appliance, pem, seed):
        self.process = subprocess.Popen(
            appliance.ns.command(str(BUILD / "tests/net/peer/peer-oftp-sender"), HOST4, str(pem),
                                 SERIAL, str(CONNECTIONS), str(LOGS), str(seed)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.moved, self.confirmed, self.last, self.ended = threading.Condition(), 0, "", False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.moved:
                self.last = line.strip()
                if line.startswith("confirmed"):
                    self.confirmed = int(line.split()[1])
                self.moved.notify_all()
        with self.moved:
            self.ended = True
            self.moved.notify_all()

    def until(self, reached):
        """As long as something moves it may take its time."""
        with self.moved:
            while not self.ended and not reached():
                if not self.moved.wait(STANDSTILL):
                    raise Failed(f"it stands still: {self.last}")

    def wait(self, confirmed):
        self.until(lambda: self.confirmed >= confirmed)

    def finish(self):
        self.until(lambda: False)
        equal("exit status of the senders", self.process.wait(10), 0)
        return self.last


def check(appliance):
    """Each log once, unaltered, in order for each stream."""
    done = appliance.run("log", "show", "--raw", "--dir", str(appliance.journal), timeout=600)
    equal(f"status of log show --dir ({done.stderr.decode()})", done.returncode, 0)
    next_of = dict.fromkeys(range(1, CONNECTIONS + 1), 0)
    for log in done.stdout.split(b"\n"):
        match = LOG.fullmatch(log)
        if match is None:
            expect(b"stream" not in log or b"<13>" not in log, f"an altered log: {log!r}")
            continue
        stream, n, filling = int(match[1]), int(match[2]), match[3]
        expect(n == next_of[stream], f"stream {stream}: {n} where {next_of[stream]} was expected")
        expect(len(filling) == n % 60, f"an altered log: {log!r}")
        next_of[stream] = n + 1
    equal("logs of each stream", next_of, dict.fromkeys(next_of, LOGS))


@case(cores=APART, limits={"idle-timeout": "60s"})
def oftp_exactly_once(appliance):
    """killed by -9 at random, links cut, streams claimed: each log is there once, in order, counted once"""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"     seed {seed}", flush=True)
    rng = random.Random(seed)
    senders = Senders(appliance, device(appliance), seed)
    total = CONNECTIONS * LOGS
    marks = sorted(rng.randrange(total) for _ in range(KILLS))
    try:
        for mark in marks:
            senders.wait(mark)
            appliance.kill()
            appliance.start()
        said = senders.finish()
    finally:
        senders.process.kill()
        senders.process.wait(10)
    account = appliance.ctl("account", "show", SERIAL)
    expect(balanced(account), account)
    life = account["life"]
    equal("stored, for life", life["stored"], total)
    equal("gaps", account["gaps"], [])
    equal("dropped, for life", {k: n for k, n in life["dropped"].items() if n}, {})
    equal("late and conflicts", (account["late"], account["conflict"]), (0, 0))
    equal("exit status at SIGTERM", appliance.stop(), 0)
    code, words = appliance.verify()
    equal(f"journal verify ({words})", code, 0)
    check(appliance)
    print(f"     {KILLS} times killed; {said}; {life['duplicate']} logs came again", flush=True)
