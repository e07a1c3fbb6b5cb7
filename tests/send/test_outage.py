"""The reference's story of an outage, step by step, with the figures that are printed; two servers; a link
that is cut anywhere; the bound."""

import random
import re
import socket
import subprocess
import threading

from send import equal, expect, log, main

from oftp_server import Proxy

HEAD = 32  # bytes of a record in the queue beside 4 for each length, the vdom and the logs


def record(logs, vdom):
    """What an item takes of the bound."""
    return (HEAD + 4 * len(logs) + len(vdom) + sum(map(len, logs)) + 7) & ~7


def queue_lines(name, items, confirmed, total, maximum, logs=None):
    size = sum(record(i, b"root") for i in items)
    text = (f"{name} queue for: global-faz\n        queue:\n                num:{len(items)} size:{size}({size >> 20}MB) "
            f"total size:{total}({total >> 20}MB) max:{maximum}({maximum >> 20}MB)")
    if logs:
        return text + f" logs:{sum(map(len, items))}\n"
    text += "\n"
    for n, item in enumerate(items):
        cat = 0 if b'type="traffic"' in item[0] else 1
        text += (f"                        type:3, cat={cat}, log_count={len(item)}, "
                 f"seq_no={confirmed + n + 1 if confirmed is not None else 0}, data len={sum(map(len, item))} "
                 f"size:{record(item, b'root')}\n")
    data = sum(len(x) for i in items for x in i)
    return text + f"                'total log count':{sum(map(len, items))},  'total data len':{data}\n"


def the_reference_s_outage(p):
    """connected; cut; the queues fill; connected again; cleared"""
    one = p.send(stdin=subprocess.PIPE, monitor_keepalive_period=1)
    maximum = 189516595

    def write(item):
        one.process.stdin.write(b"".join(x + b"\n" for x in item))
        one.process.stdin.flush()

    # 1. Connected: what is sent is confirmed.
    first = [log(n) for n in range(4)]
    write(first)
    p.server.wait(lambda: len(p.server.stored) == 4, "the first logs")
    text = p.until(1, lambda t: "seq_no:1\n" in t, "confirmed")
    for line in ("vdom-admin=0\nmgmt=root\n\nfortilog:\nfaz: global , enabled \n",
                 "        server=127.0.0.1, realtime=1, ssl=1, state=connected\n",
                 "        server_log_status=Log is allowed.,\n",
                 "        src=, mgmt_name=FGh_Log_root_127.0.0.1, reliable=1, sni_prefix_type=none,\n",
                 "        required_entitlement=none, region=,\n",
                 "        logsync_enabled:1, logsync_conn_id:65535, seq_no:1\n",
                 "            status: ver=1, used_disk=1048576, total_disk=1073741824, global=0, "
                 "vfid=0 conn_verified=Y\n",
                 "            queue: qlen=0.\n"):
        expect(line in text, f"{line!r} is not in:\n{text}")
    expect(re.search(r"SNs: last sn update:\d+ seconds ago.\n +Sn list:\n +\(SL-TEST-1,age=\d+s\)\n", text), text)

    # 2. It is not confirmed any more: items wait in the confirm queue. Then the link is cut, and logs go on
    #    coming: they wait in the memory queue.
    p.server.set(durable=False)
    sent = [[log(10 + n, ("event", "traffic")[n % 2])] * (n % 3 + 1) for n in range(5)]
    for n, item in enumerate(sent):
        write(item)
        p.server.wait(lambda: p.server.items == n + 2, "an item")
    p.server.close()
    p.until(1, lambda t: "state=connected" not in t, "disconnected")
    waiting = [[log(20 + n, ("traffic", "event")[n % 2])] for n in range(9)]
    for n, item in enumerate(waiting):
        write(item)
        p.until(41, lambda t: f"queue:\n                num:{n + 1} " in t.split("Confirm")[0], f"{n + 1} items wait")
    total = sum(record(i, b"root") for i in sent + waiting)
    text = p.diagnose(41)
    expect(text.startswith(f"cache maximum: {maximum}(180MB) objects: 14 used: {total}(0MB) allocated: {total}(0MB)\n"
                           "\nVDOM:root\n"), text)
    expect(text.endswith("VDOM:root\n" + queue_lines("Memory", waiting, None, total, maximum, True)
                         + queue_lines("Confirm", sent, 1, total, maximum, True)), text)
    equal("fgtlogd 30", p.diagnose(30), "VDOM:root\n" + queue_lines("Memory", waiting, None, total, maximum)
          + "\n" + queue_lines("Confirm", sent, 1, total, maximum))
    expect("seq_no:1\n" in p.diagnose(1), "the mark has moved")

    # 3. Connected again: all is sent, what the server had is not stored twice, the queues clear.
    p.server.durable = True
    p.server.listen()
    text = p.until(1, lambda t: "seq_no:15\n" in t and "state=connected" in t, "cleared")
    expect("queue: qlen=0." in text and "server_log_status=Log is allowed.," in text, text)
    equal("fgtlogd 30", p.diagnose(30), "VDOM:root\n" + queue_lines("Memory", [], None, 0, maximum)
          + "\n" + queue_lines("Confirm", [], 0, 0, maximum))
    one.process.stdin.close()
    one.end()
    equal("stored", p.server.stored, [x for i in [first] + sent + waiting for x in i])
    equal("epochs", len(p.server.streams), 1)


def past_the_bound_the_oldest_are_dropped_and_told(p):
    """Syslog does not wait: what is too much is counted, and the server is told."""
    p.server.close()
    path = p.dir / "devlog"
    one = p.send(syslog_socket=path, queue_size="512KiB")
    p.until(1, lambda t: "state=" in t, "there")
    lines = [b"%06d %s" % (n, b"x" * 2000) for n in range(1000)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(str(path))
        for line in lines:
            s.send(line)
    text = p.until(1, lambda t: " added=1000," in t, "all added")
    dropped = int(re.search(r"dropped=(\d+)", text)[1])
    expect(dropped > 700, text)
    used = int(re.search(r"used: (\d+)\(0MB\)", p.diagnose(41))[1])
    expect(used <= 512 * 1024, f"{used} bytes are used")
    p.server.listen()
    p.until(1, lambda t: f"confirmed={1000 - dropped}," in t, "confirmed")
    one.process.terminate()
    said = one.end()
    expect(f"{1000 - dropped} logs confirmed, {dropped} dropped, 0 not sent" in said, said)
    equal("stored", p.server.stored, lines[dropped:])
    equal("told", p.server.dropped_before, dropped)


def a_link_cut_anywhere(p):
    """A link that is cut anywhere, again and again: each log once, in order"""
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    budgets = [rng.choice((rng.randrange(3000), rng.randrange(20000), 60000)) for _ in range(4)]
    proxy = Proxy(p.server.port, lambda: budgets.pop() if budgets else None)
    lines = [log(n, ("traffic", "event")[n // 3 % 2], size=rng.randrange(200)) for n in range(3000)]
    p.send(p.write("a", lines), port=proxy.port, compress="disable").end()
    equal(f"stored (seed {seed})", p.server.stored == lines, True)
    expect(proxy.cuts > 1, f"{proxy.cuts} cuts (seed {seed})")
    equal("epochs", len(p.server.streams), 1)
    proxy.close()


def the_alternative_and_back(p):
    """The primary goes: the alternative takes over; it is back: so are we. Each has what it confirmed."""
    other = p.serve()
    # Both on one port: the alternative is another address.
    proxy = Forward("127.0.0.2", p.server.port, other.port)
    one = p.send(stdin=subprocess.PIPE, alt_server="127.0.0.2")

    def write(line):
        one.process.stdin.write(line + b"\n")
        one.process.stdin.flush()

    write(b"to the primary")
    p.until(1, lambda t: "seq_no:1\n" in t, "confirmed")
    p.server.close()
    other.wait(lambda: other.logins, "a login at the alternative")
    write(b"to the alternative")
    p.until(1, lambda t: "server=127.0.0.2," in t and "state=connected" in t and "seq_no:1\n" in t,
            "confirmed by the alternative")
    logins = len(p.server.logins)
    p.server.listen()
    p.server.wait(lambda: len(p.server.logins) > logins, "a login at the primary")
    write(b"to the primary again")
    p.server.wait(lambda: len(p.server.stored) == 2, "a log at the primary")
    one.process.stdin.close()
    said = one.end()
    expect("127.0.0.1: is there again" in said, said)
    equal("primary", p.server.stored, [b"to the primary", b"to the primary again"])
    equal("alternative", other.stored, [b"to the alternative"])
    equal("epochs at the primary", len(p.server.streams), 1)
    equal("numbers at the primary", sorted(*[s.seen for s in p.server.streams.values()]), [1, 2])
    proxy.close()


class Forward(Proxy):
    """The same, at an address and port of its own."""

    def __init__(self, address, port, to):
        self.to, self.budget, self.cuts = to, None, 0
        self.listener = socket.create_server((address, port))
        self.port = port
        threading.Thread(target=self._accept, daemon=True).start()


def stays_without_fallback(p):
    other = p.serve()
    proxy = Forward("127.0.0.2", p.server.port, other.port)
    p.server.close()
    one = p.send(stdin=subprocess.PIPE, alt_server="127.0.0.2", fallback_to_primary="disable")
    other.wait(lambda: other.logins, "a login at the alternative")
    p.server.listen()
    one.process.stdin.write(b"one\n")
    one.process.stdin.close()
    one.end()
    equal("alternative", other.stored, [b"one"])
    equal("connections to the primary", p.server.connections, 0)
    proxy.close()


main([the_reference_s_outage, past_the_bound_the_oldest_are_dropped_and_told, a_link_cut_anywhere,
      the_alternative_and_back, stays_without_fallback])
