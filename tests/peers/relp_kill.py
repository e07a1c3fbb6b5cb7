"""kill -9 of sluiced under RELP clients: what was answered is there, unaltered, at least once.

After each death the journal is read without sluiced. A client that reconnects sends again what was
not answered, in its order, so a log may be there twice: that is told, and bounded by what the
clients had not been answered when sluiced died.
"""

import collections
import contextlib
import os
import random
import socket
import threading

import kill9
import relp
from cases import equal, expect
from netns import HOST4

SENDERS = 4
WINDOW = 400  # logs of a client that wait for their answers


class State:
    """One client's memory, over all its connections."""

    def __init__(self, number):
        self.number, self.next = number, 0
        self.answered, self.kept = set(), []

    def fresh(self, count):
        self.next += count
        return [kill9.make_log(self.number, n) for n in range(self.next - count, self.next)]


class Sender(threading.Thread):
    """One connection: first what an earlier one had not been answered, then new logs."""

    def __init__(self, ns, state):
        super().__init__(daemon=True)
        self.state, self.over, self.failure = state, threading.Event(), None
        self.client = relp.Client(ns.connect((HOST4, 514)))
        self.start()

    def run(self):
        try:
            with contextlib.suppress(OSError):  # it was killed
                again, self.state.kept = self.state.kept, []
                for at in range(0, len(again), 50):
                    self.state.kept = again[at + 50:]
                    self._send(again[at:at + 50])
                while not self.over.is_set():
                    self._send(self.state.fresh(25))
                while self.client.unanswered and not self.client.ended:
                    self._read()
        except (relp.Violation, ValueError) as e:
            self.failure = e

    def _send(self, logs):
        self.state.kept[:0] = logs  # until they are among the client's unanswered
        while len(self.client.unanswered) >= WINDOW:
            self._read()
        del self.state.kept[:len(logs)]
        self.client.send(logs)

    def _read(self):
        self.client.read()
        self.state.answered.update(self.client.answered)
        self.client.answered.clear()
        if self.client.ended:
            raise ConnectionError("ended")

    def finish(self):
        """After its end: what it was not answered is kept for the next connection."""
        self.join(60)
        expect(not self.is_alive(), "a client does not end")
        expect(self.failure is None, f"a client says: {self.failure}")
        self.state.kept[:0] = self.client.unanswered.values()
        self.client.socket.close()


def check(appliance, states):
    """Reads the journal without sluiced; the number of logs that are there more than once."""
    done = appliance.run("log", "show", "--raw", "--dir", str(appliance.journal), timeout=120)
    equal(f"status of log show --dir ({done.stderr.decode()})", done.returncode, 0)
    stored = collections.Counter(log for log in done.stdout.split(b"\n") if b"kill9 sender" in log)
    for log in stored:
        match = kill9.LOG.fullmatch(log)
        expect(match is not None and log == kill9.make_log(int(match[1]), int(match[2])),
               f"an altered log: {log!r}")
    for state in states:
        lost = [log for log in state.answered if log not in stored]
        expect(not lost, f"client {state.number}: {len(lost)} logs were answered and are not there, "
               f"the first {lost[:1]}")
    return sum(stored.values()) - len(stored)


def run(appliance, times):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    rng = random.Random(seed)
    print(f"     seed {seed}", flush=True)
    states = [State(n) for n in range(SENDERS)]
    repeated = again = 0
    for life in range(times + 1):
        senders = [Sender(appliance.ns, state) for state in states]
        watcher = kill9.Watcher(str(appliance.socket))
        expect(watcher.first.wait(10), f"journal.subscribe announced nothing: {watcher.failure}")
        start = watcher.logs
        wanted = start + rng.randrange(1, 3000)
        with watcher.moved:
            expect(watcher.moved.wait_for(lambda: watcher.logs >= wanted, 30),
                   "nothing gets durable")
        if life < times:
            appliance.kill()
        for sender in senders:
            sender.over.set()
            if life < times:  # its peer is silent: read what has come, and end
                with contextlib.suppress(OSError):
                    sender.client.socket.shutdown(socket.SHUT_RDWR)
        for sender in senders:
            sender.finish()
        watcher.close()
        if life == times:
            break
        again += sum(len(state.kept) for state in states)
        code, said = appliance.verify()
        expect(code in (0, 10), f"life {life}: journal verify says {code}: {said}")
        repeated = check(appliance, states)
        appliance.start()
    equal("unanswered in the end", [len(state.kept) for state in states], [0] * SENDERS)
    equal("exit status at SIGTERM", appliance.stop(), 0)
    repeated = check(appliance, states)
    expect(repeated <= again, f"{repeated} logs are there twice, {again} were sent again")
    for state in states:
        equal(f"answered of client {state.number}", len(state.answered), state.next)
    print(f"     {times} times killed; {sum(s.next for s in states)} logs, all answered and there; "
          f"{again} sent again, {repeated} there twice", flush=True)
