"""sluice-send with its queues on disk: killed at any time, nothing is lost and nothing doubled."""

import os
import random
import resource
import signal
import socket
import subprocess
import threading

from send import equal, expect, log, main


def killed_again_and_again(p):
    """kill -9 at any time, links cut in between: the server has each log of the file once, in order"""
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    lines = [log(n, ("traffic", "event")[n // 5 % 2], size=rng.randrange(150)) for n in range(3500)]
    file, spill = p.write("a", lines), p.dir / "spill"
    p.server.set(permits=0, durable=False)
    for n in range(12):
        one = p.send(file, spill=spill, queue_size="1MiB", spill_sync=rng.choice(("enable", "disable")))
        more = rng.randrange(55)
        taken = p.server.items
        p.server.set(permits=more, durable=rng.random() < 0.7)
        p.server.wait(lambda: p.server.items >= taken + more, f"{more} items (seed {seed}, {n})")
        if rng.random() < 0.3:
            p.server.cut()
        one.kill()
        p.server.set(permits=0)
        p.server.cut()
        p.server.wait(lambda: not p.server.open, "all sessions at an end")
    p.server.set(permits=None, durable=True)
    said = p.send(file, spill=spill, queue_size="1MiB").end()
    equal(f"stored (seed {seed})", len(p.server.stored), len(lines))
    equal(f"as sent (seed {seed})", p.server.stored == lines, True)
    equal("epochs", len(p.server.streams), 1)
    expect("0 dropped, 0 in the spill" in said, said)


def what_is_read_is_kept(p):
    """Ended by a signal while nobody is there: the next one sends it, once, and reads on where it was"""
    lines = [log(n) for n in range(500)]
    file, spill = p.write("a", lines), p.dir / "spill"
    port = p.server.port
    p.server.close()
    one = p.send(file, spill=spill)
    p.until(1, lambda t: " added=500," in t, "all read")
    one.kill(signal.SIGTERM)
    expect("500 in the spill" in one.said(), one.said())
    with open(file, "ab") as f:
        f.write(b"one more\n")
    p.server.listen()
    equal("port", p.server.port, port)
    said = p.send(file, spill=spill).end()
    expect("items are to be sent" in said, said)
    equal("stored", p.server.stored, lines + [b"one more"])
    said = p.send(file, spill=spill).end()
    expect("0 logs confirmed, 0 dropped, 0 in the spill" in said, said)
    equal("stored", p.server.stored, lines + [b"one more"])


def torn_end_is_cut(p):
    """The newest file ends in the middle of a record: that much is cut and read again from the file"""
    lines = [log(n, ("traffic", "event")[n % 2]) for n in range(200)]
    file, spill = p.write("a", lines), p.dir / "spill"
    p.server.close()
    one = p.send(file, spill=spill)
    p.until(1, lambda t: " added=200," in t, "all read")
    one.kill()
    newest = sorted(x for x in os.listdir(spill) if x.startswith("spill-"))[-1]
    size = os.path.getsize(spill / newest)
    os.truncate(spill / newest, size // 2 + 3)
    p.server.listen()
    said = p.send(file, spill=spill).end()
    expect("a torn end of " in said, said)
    equal("stored", p.server.stored, lines)


def damage_inside_is_told(p):
    """A file before the newest is damaged: what it held is lost and counted, the rest is sent once"""
    lines = [log(n, ("traffic", "event")[n // 50 % 2], size=2000) for n in range(6000)]
    file, spill = p.write("a", lines), p.dir / "spill"
    p.server.close()
    one = p.send(file, spill=spill)
    p.until(1, lambda t: " added=6000," in t, "all read")
    one.kill()
    files = sorted(x for x in os.listdir(spill) if x.startswith("spill-"))
    expect(len(files) > 1, f"{files}")
    with open(spill / files[0], "r+b") as f:
        f.seek(os.path.getsize(spill / files[0]) - 1000000)
        f.write(b"damage")
    p.server.listen()
    said = p.send(file, spill=spill).end()
    expect("bytes inside are damaged" in said, said)
    stored = p.server.stored
    expect(len(lines) - 1000 < len(stored) < len(lines), f"{len(stored)} stored")
    rest = iter(lines)
    expect(all(x in rest for x in stored), "not in order, or doubled")
    expect(f"{len(lines) - len(stored)} dropped" in said, said)


def no_room_holds(p):
    """No room for the spill: nothing is sent that it does not hold; with room again it goes on"""
    lines = [log(n, size=300) for n in range(3000)]
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, limit[1]))
    try:
        one = p.send("-", spill=p.dir / "spill", stdin=subprocess.PIPE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    feed = threading.Thread(target=lambda: (one.process.stdin.write(b"".join(x + b"\n" for x in lines)),
                                            one.process.stdin.close()))
    feed.start()
    while "nothing is sent or read until" not in one.said():
        expect(one.process.poll() is None, one.said())
    expect(len(p.server.stored) < len(lines), "all is stored")
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, limit)
    expect("can be written again" in one.end(), one.said())
    feed.join()
    equal("stored", p.server.stored, lines)


def nothing_leaves_that_it_does_not_hold(p):
    """Killed while there is no room: what the server has then is what the spill knows to be sent"""
    lines = [log(n, size=300) for n in range(1000)]
    file = p.write("a", lines)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, limit[1]))
    try:
        one = p.send(file, spill=p.dir / "spill")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    p.server.wait(lambda: any(p.server.open.values()), "TLS")
    one.kill()
    p.server.wait(lambda: not p.server.open, "its session at an end")
    equal("logins and logs", (p.server.logins, p.server.stored), ([], []))
    p.send(file, spill=p.dir / "spill").end()
    equal("stored", p.server.stored, lines)


def a_flood_of_large_datagrams_is_kept(p):
    """Many send the largest datagrams at once: it goes on, and all it took is in the spill"""
    path = p.dir / "log.sock"
    p.server.close()
    one = p.send(syslog_socket=path, spill=p.dir / "spill", spill_sync="disable", queue_size="64MiB")
    p.until(1, lambda t: " added=0," in t, "there")

    def flood():
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.connect(str(path))
            for _ in range(100):
                s.send(b"x" * 65000)
    senders = [threading.Thread(target=flood) for _ in range(6)]
    for t in senders:
        t.start()
    for t in senders:
        t.join()
    p.until(1, lambda t: " added=600," in t, "all read")
    one.kill(signal.SIGTERM)
    expect("0 dropped, 600 in the spill" in one.said(), one.said())


def only_one_at_a_time(p):
    p.server.close()
    p.send(p.write("a", [b"one"]), spill=p.dir / "spill")
    p.until(1, lambda t: " added=1," in t, "read")
    said = p.send(p.write("b", [b"two"]), spill=p.dir / "spill", control=p.dir / "other").end(1)
    expect("another sluice-send uses it" in said, said)


main([killed_again_and_again, what_is_read_is_kept, torn_end_is_cut, damage_inside_is_told, no_room_holds,
      nothing_leaves_that_it_does_not_hold, a_flood_of_large_datagrams_is_kept, only_one_at_a_time])
