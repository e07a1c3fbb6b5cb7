"""kill -9 of sluiced under senders that reconnect, watched over `journal.subscribe`.

After each death the journal is read without sluiced: it must hold at least as many logs as were
announced as durable; what it held after an earlier death must still open it, unaltered (a prefix);
each log must be one that was sent (it carries its own checksum) and none may be there twice.
`journal verify` may find a torn tail in what a death left (10), never corruption (11), and nothing at
all once sluiced has opened it again.
"""

import contextlib
import json
import os
import random
import re
import socket
import threading
import time
import zlib

from cases import equal, expect
from netns import HOST4

SENDERS = 3
WINDOW = 3000  # logs sent beyond what is announced as durable
LOG = re.compile(rb"<14>kill9 sender=(\d+) n=(\d+) (x*) sum=([0-9a-f]{8})")


def make_log(sender, n):
    body = b"<14>kill9 sender=%d n=%d %s" % (sender, n, b"x" * (n * 37 % 400))
    return body + b" sum=%08x" % zlib.crc32(body)


class Watcher(threading.Thread):
    """Follows journal.subscribe; `logs` is the newest announcement, which never goes back."""

    def __init__(self, path, patience=30):
        """`patience`: it ends after so many seconds without an announcement."""
        super().__init__(daemon=True)
        self.logs = -1
        self.first = threading.Event()
        self.moved = threading.Condition()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(patience)
        self.socket.connect(path)
        self.socket.sendall(b'{"jsonrpc":"2.0","id":1,"method":"journal.subscribe"}\n')
        self.failure = None
        self.start()

    def run(self):
        with contextlib.suppress(OSError):  # it was killed
            for line in self.socket.makefile("rb"):
                if not line.endswith(b"\n"):
                    return  # cut by its death
                message = json.loads(line)
                if "error" in message:
                    self.failure = message["error"]
                    return
                said = message.get("params") or message.get("result") or {}
                if "logs" in said:
                    with self.moved:
                        if said["logs"] < self.logs:
                            self.failure = f"announced {self.logs}, then {said['logs']}"
                        self.logs = said["logs"]
                        self.moved.notify_all()
                    self.first.set()
        with self.moved:
            self.moved.notify_all()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.join(10)
        self.socket.close()


class Sender(threading.Thread):
    """Sends its numbered logs on one connection until that ends; goes on from `n` on the next."""

    def __init__(self, ns, number, state, may_send):
        super().__init__(daemon=True)
        self.number, self.state, self.may_send = number, state, may_send
        self.socket = ns.connect((HOST4, 514))
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while self.may_send():
                n = self.state[self.number]
                batch = b"".join(make_log(self.number, n + i) + b"\n" for i in range(50))
                self.state[self.number] = n + 50  # before: what is cut off must not come again
                self.socket.sendall(batch)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.join(10)


class Books:
    """What the journal held after each death; grows, and is looked at once."""

    def __init__(self):
        self.raw = b""
        self.logs = 0
        self.last = dict.fromkeys(range(SENDERS), -1)

    def read(self, appliance, state):
        """Reads it without sluiced: sluiced's own events are in it too."""
        done = appliance.run("log", "show", "--raw", "--dir", str(appliance.journal), timeout=120)
        equal(f"status of log show --dir ({done.stderr.decode()})", done.returncode, 0)
        expect(done.stdout.startswith(self.raw), "what was there after an earlier death has changed")
        for log in done.stdout[len(self.raw):].split(b"\n")[:-1]:
            self.logs += 1
            self.check(log, state)
        self.raw = done.stdout

    def check(self, log, state):
        """Only what was sent, unaltered, none twice, in order for each sender."""
        match = LOG.fullmatch(log)
        if match is None:
            expect(b"kill9 sender" not in log, f"an altered log: {log!r}")
            return  # an event of sluiced's own
        sender, n = int(match[1]), int(match[2])
        expect(log == make_log(sender, n), f"an altered log: {log!r}")
        expect(self.last[sender] < n < state[sender],
               f"sender {sender}: {n} after {self.last[sender]}, sent up to {state[sender]}")
        self.last[sender] = n


def one_life(appliance, rng, state, early):
    """From start to kill -9; what was announced last, -1 if nothing was."""
    if early:
        appliance.spawn()
        with contextlib.suppress(Exception):
            appliance.process.wait(rng.uniform(0.02, 1.0))
        expect(appliance.process.poll() is None, "sluiced ended while it started")
        appliance.kill()
        return -1
    appliance.start()
    code, said = appliance.verify()
    equal(f"journal verify after recovery ({said})", code, 0)
    watcher = Watcher(str(appliance.socket))
    base = sum(state.values())
    expect(watcher.first.wait(10), f"journal.subscribe announced nothing: {watcher.failure}")
    start = watcher.logs
    dead = threading.Event()

    def may_send():
        with watcher.moved:
            while not dead.is_set() and sum(state.values()) - base > watcher.logs - start + WINDOW:
                watcher.moved.wait(0.5)
        return not dead.is_set()

    senders = [Sender(appliance.ns, number, state, may_send) for number in range(SENDERS)]
    with watcher.moved:
        expect(watcher.moved.wait_for(lambda: watcher.logs > start, 20), "nothing gets durable")
        end = time.monotonic() + rng.uniform(0, 0.5)
        while time.monotonic() < end:
            watcher.moved.wait(end - time.monotonic())
    appliance.kill()
    dead.set()
    watcher.join(10)  # reads what was announced before the end
    for sender in senders:
        sender.close()
    watcher.close()
    expect(watcher.failure is None, f"journal.subscribe: {watcher.failure}")
    return watcher.logs


def run(appliance, times):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    rng = random.Random(seed)
    print(f"     seed {seed}", flush=True)
    state = dict.fromkeys(range(SENDERS), 0)
    appliance.kill()
    books, announced = Books(), 0
    for life in range(times):
        announced = max(announced, one_life(appliance, rng, state, early=life % 5 == 4))
        code, said = appliance.verify()
        expect(code in (0, 10), f"life {life}: journal verify says {code}: {said}")
        books.read(appliance, state)
        expect(books.logs >= announced, f"life {life}: {announced} announced, {books.logs} there")
    appliance.start()
    equal("exit status at SIGTERM", appliance.stop(), 0)
    code, said = appliance.verify()
    equal(f"journal verify in the end ({said})", code, 0)
    books.read(appliance, state)
    print(f"     {times} times killed; {books.logs} logs there, {announced} had been announced, "
          f"{sum(state.values())} sent", flush=True)
