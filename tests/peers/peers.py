"""Senders that we did not write: what is stored is what they sent, byte for byte.

Each case runs a peer in the namespace, watches what leaves by the TAP (lib/witness.py), and compares
that with what sluiced stored, in order within a connection, and with the accounts.
"""

import collections
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import case_malformed  # noqa: E402
import case_tls_clients  # noqa: E402
import case_tls_daemons  # noqa: E402
import case_tls_limits  # noqa: E402
import kill9  # noqa: E402
import relp_kill  # noqa: E402
import witness  # noqa: E402
from appliance import balanced, stage, wire_balanced  # noqa: E402
from cases import Failed, Suite, equal, expect  # noqa: E402
from netns import HOST4, HOST6, PEER4, PEER6  # noqa: E402
from peer_roots import chroot_directory, sample  # noqa: E402

suite = Suite("peers")

LINES = 3000 if os.environ.get("SLUICE_FULL") != "1" else 200000


def peer(appliance, *command, text=None, timeout=120):
    """Runs a peer in the namespace to its end; must succeed."""
    done = subprocess.run(appliance.ns.command(*command), input=text, capture_output=True,
                          timeout=timeout, check=False,
                          **({} if text is not None else {"stdin": subprocess.DEVNULL}))
    if done.returncode:
        raise Failed(f"{command[0]}: status {done.returncode}: {done.stderr.decode()[-500:]}")
    return done


def settle(appliance, seen, number, deframe, source=PEER4):
    """Waits until `number` logs are stored, then compares everything with the witness."""
    total = appliance.wait_total("stored", number)
    seen.close()
    sent = [witness.without_end(d) for d in seen.datagrams]
    streams = [[log for log in deframe(s) if log] for s in seen.streams.values()] if deframe else []
    equal("logs that the peer sent", len(sent) + sum(map(len, streams)), number)
    stored = appliance.logs("--device", source)
    sent_all = collections.Counter(sent)
    for logs in streams:
        sent_all.update(logs)
    stored_all = collections.Counter(stored)
    expect(stored_all == sent_all,
           f"stored and sent differ: lost {list((sent_all - stored_all).items())[:3]}, "
           f"more {list((stored_all - sent_all).items())[:3]}")
    for logs in streams:
        own = set(logs)
        expect([s for s in stored if s in own] == logs, "a connection's logs are not in its order")
    account = appliance.accounts()[source]
    equal("received", account["received"], number)
    equal("stored", account["stored"], number)
    expect(balanced(account) and balanced(total), f"accounts do not add up: {account}, {total}")
    wire = appliance.wire()
    expect(wire_balanced(wire), f"the wire does not add up: {wire}")
    equal("frames the TAP dropped", appliance.ns.tap_drops(), 0)
    return stored


# ---- util-linux logger

def logger_case(appliance, words, deframe, server=HOST4, source=PEER4):
    """60 lines in processes of their own and, over TCP, 500 from one; logger says what it sent."""
    sent = []

    def prefix(line):
        return line.split(b" ", 1)[1] if "--octet-count" in words else line

    with witness.Witness(appliance.ns) as seen:
        number = 0
        for n in range(60):
            done = peer(appliance, "logger", "-n", server, "-P", "514", "--stderr", *words, "--",
                        f"single h\u00e4llo {n}")
            sent.append(prefix(done.stderr.rstrip(b"\n")))
            number += 1
            if "--udp" in words:
                appliance.wait_total("received", number)
        if "--tcp" in words:
            text = "".join(f"from a file {n}\n" for n in range(500)).encode()
            done = peer(appliance, "logger", "-n", server, "-P", "514", "--stderr", *words, text=text)
            sent += [prefix(line) for line in done.stderr.splitlines()]
            number += 500
        stored = settle(appliance, seen, number, deframe, source)
    expect(collections.Counter(stored) == collections.Counter(sent),
           "what logger says it sent is not what was stored")


@suite.case(quick=True)
def logger_udp_rfc3164(appliance):
    """logger --udp --rfc3164"""
    logger_case(appliance, ["--udp", "--rfc3164"], None)


@suite.case()
def logger_udp_rfc5424(appliance):
    """logger --udp --rfc5424"""
    logger_case(appliance, ["--udp", "--rfc5424"], None)


@suite.case()
def logger_udp_ipv6(appliance):
    """logger --udp over IPv6"""
    logger_case(appliance, ["--udp", "--rfc5424"], None, HOST6, PEER6)


@suite.case()
def logger_tcp_rfc3164(appliance):
    """logger --tcp --rfc3164, newline framing"""
    logger_case(appliance, ["--tcp", "--rfc3164"], witness.lines)


@suite.case()
def logger_tcp_rfc5424(appliance):
    """logger --tcp --rfc5424, newline framing"""
    logger_case(appliance, ["--tcp", "--rfc5424"], witness.lines)


@suite.case()
def logger_octet_counted(appliance):
    """logger --tcp --octet-count, RFC 5424 and RFC 3164, and over IPv6"""
    logger_case(appliance, ["--tcp", "--rfc5424", "--octet-count"], witness.counted)


@suite.case()
def logger_octet_counted_rfc3164_ipv6(appliance):
    """logger --tcp --octet-count --rfc3164 over IPv6"""
    logger_case(appliance, ["--tcp", "--rfc3164", "--octet-count"], witness.counted, HOST6, PEER6)


# ---- rsyslog

def rsyslog_case(appliance, action, deframe, template=None):
    """rsyslogd reads a file and forwards it by omfwd."""
    root = os.environ["RSYSLOG"]
    with chroot_directory(root) as (here, there), witness.Witness(appliance.ns) as seen:
        (here / "input").write_text("".join(sample(n) + "\n" for n in range(LINES)), encoding="utf-8")
        named = f'template="{template}"' if template else ""
        (here / "conf").write_text(f"""
            global(workDirectory="{there}" maxMessageSize="64k")
            module(load="imfile")
            template(name="asis" type="string" string="%rawmsg%")
            input(type="imfile" file="{there}/input" tag="file:" freshStartTail="off")
            action(type="omfwd" target="{HOST4}" port="514" {named} {action})
            """, encoding="utf-8")
        process = subprocess.Popen(
            appliance.ns.command("chroot", root, "/usr/sbin/rsyslogd", "-n", "-i", f"{there}/pid",
                                 "-f", f"{there}/conf"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            appliance.wait_total("stored", LINES, timeout=60)
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            output = process.stdout.read().decode(errors="replace")
            process.stdout.close()
        equal(f"exit status of rsyslogd ({output})", process.returncode, 0)
        stored = settle(appliance, seen, LINES, deframe)
    if template == "asis":
        equal("lines of the file that are stored as they are",
              collections.Counter(stored) == collections.Counter(sample(n).encode()
                                                                 for n in range(LINES)), True)


@suite.case()
def rsyslog_udp(appliance):
    """rsyslog omfwd over UDP, its own forward format"""
    rsyslog_case(appliance, 'protocol="udp" udp.sendDelay="150"', None)


@suite.case()
def rsyslog_tcp(appliance):
    """rsyslog omfwd over TCP, its own forward format"""
    rsyslog_case(appliance, 'protocol="tcp"', witness.lines)


@suite.case()
def rsyslog_tcp_rfc5424(appliance):
    """rsyslog omfwd over TCP, RFC 5424"""
    rsyslog_case(appliance, 'protocol="tcp"', witness.lines, "RSYSLOG_SyslogProtocol23Format")


@suite.case()
def rsyslog_octet_counted(appliance):
    """rsyslog omfwd over TCP, octet-counted"""
    rsyslog_case(appliance, 'protocol="tcp" tcp_framing="octet-counted"', witness.counted, "asis")


# ---- rsyslog's omrelp

CONNECTIONS = 64
STANDSTILL = 300  # seconds without a log that gets durable


@contextlib.contextmanager
def omrelp(appliance, root, each, orderly=True):
    """rsyslogd that sends `each` lines over each of 64 RELP connections of its own: what they are, and the
    files that they come from. Not `orderly`: it is killed in the end (it tends to crash at SIGTERM while one of
    its connections is broken)."""
    with chroot_directory(root) as (here, there):
        conf = f'''
            global(workDirectory="{there}" maxMessageSize="64k")
            module(load="imfile")
            module(load="omrelp")
            main_queue(queue.size="20000" queue.timeoutShutdown="10")
            template(name="asis" type="string" string="%rawmsg%")
            '''
        for c in range(CONNECTIONS):
            (here / f"input{c}").write_text(
                "".join(sample(n, f"c{c}") + "\n" for n in range(each)), encoding="utf-8")
            conf += f'''
                input(type="imfile" file="{there}/input{c}" tag="file:" freshStartTail="off"
                      ruleset="r{c}")
                ruleset(name="r{c}") {{
                    action(type="omrelp" target="{HOST4}" port="514" template="asis"
                           action.resumeRetryCount="-1" action.resumeInterval="1" timeout="5")
                }}
                '''
        (here / "conf").write_text(conf, encoding="utf-8")
        with open(here / "output", "wb") as output:
            process = subprocess.Popen(
                appliance.ns.command("chroot", root, "/usr/sbin/rsyslogd", "-n", "-i", f"{there}/pid",
                                     "-f", f"{there}/conf"),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield (collections.Counter(sample(n, f"c{c}").encode()
                                       for c in range(CONNECTIONS) for n in range(each)),
                   [here / f"input{c}" for c in range(CONNECTIONS)])
            process.send_signal(signal.SIGTERM if orderly else signal.SIGKILL)
            process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        equal(f"exit status of rsyslogd ({(here / 'output').read_text()[-500:]})",
              process.returncode, 0 if orderly else -signal.SIGKILL)


def omrelp_plain(appliance, root):
    allow_relp(appliance)
    with witness.Witness(appliance.ns) as seen:
        each = LINES // 20
        with omrelp(appliance, root, each) as (wanted, _):
            appliance.wait_total("stored", CONNECTIONS * each, timeout=60)
            sessions = appliance.ctl("session", "list")["sessions"]
            equal("sessions", [s["kind"] for s in sessions], ["relp"] * CONNECTIONS)
        stored = settle(appliance, seen, CONNECTIONS * each, witness.relp)
        expect(collections.Counter(stored) == wanted, "stored is not what the files hold")


def allow_relp(appliance):
    appliance.config["listen"] = {"cleartext": ["udp-syslog", "tcp-syslog", "relp"]}
    appliance.write_config()
    appliance.ctl("config", "reload")


@suite.case()
def rsyslog_relp(appliance):
    """rsyslog omrelp of Debian 12, 64 connections"""
    omrelp_plain(appliance, os.environ["RSYSLOG"])


@suite.case()
def rsyslog_13_relp(appliance):
    """rsyslog omrelp of Debian 13, 64 connections"""
    omrelp_plain(appliance, os.environ["RSYSLOG_13"])


def only_full(fn):
    """A case of the long runs: whether anything is wrong shows only after minutes of silence."""
    return suite.case()(fn) if os.environ.get("SLUICE_FULL") == "1" else fn


def until_durable(appliance, more, first=lambda: None):
    """Until so many logs more are; `first` is called as soon as those before are known. rsyslog's connections that
    wait for an answer which the dead one owed them look at their socket when the next log comes, or after librelp's
    90 s."""
    watcher = kill9.Watcher(str(appliance.socket), patience=STANDSTILL)
    expect(watcher.first.wait(60), f"announced nothing: {watcher.failure}")
    more += watcher.logs
    first()
    with watcher.moved:
        while watcher.logs < more:
            expect(watcher.moved.wait(STANDSTILL) and watcher.is_alive(),
                   f"nothing gets durable: {watcher.logs} logs, wanted {more}")
    return watcher


def nudge(files, turn):
    """Another log for each connection: librelp learns only by sending that its peer is another one now, and
    sends again then what was not answered."""
    for c, file in enumerate(files):
        with open(file, "a", encoding="utf-8") as f:
            f.write(f"<14>nudge {turn} of connection {c}\n")


@only_full
def rsyslog_relp_kill_9(appliance):
    """kill -9 of sluiced under rsyslog's 64 RELP connections: at least once, nothing lost"""
    each, kills = 1000, 5
    allow_relp(appliance)
    with omrelp(appliance, os.environ["RSYSLOG"], each, orderly=False) as (wanted, files):
        for _ in range(kills):
            watcher = until_durable(appliance, each * CONNECTIONS // kills // 4)
            appliance.kill()
            watcher.close()
            appliance.start()
        stored, nudges = collections.Counter(), 0
        while missing := set(wanted) - set(stored):
            expect(nudges < 100, f"{len(missing)} logs are missing: {list(missing)[:3]}")
            until_durable(appliance, 1, lambda n=nudges: nudge(files, n)).close()
            nudges += 1
            stored = collections.Counter(log for log in appliance.logs("--device", PEER4)
                                         if not log.startswith(b"<14>nudge "))
    expect(set(stored) == set(wanted), f"not sent: {list(set(stored) - set(wanted))[:3]}")
    code, said = appliance.verify()
    equal(f"journal verify ({said})", code, 0)
    print(f"     {kills} times killed; {len(wanted)} logs all there, "
          f"{sum(stored.values()) - len(stored)} there twice, {nudges} more logs of each connection", flush=True)


@suite.case()
def relp_kill_9(appliance):
    """kill -9 of sluiced under RELP clients: what was answered is there, at least once"""
    allow_relp(appliance)
    relp_kill.run(appliance, 100 if os.environ.get("SLUICE_FULL") == "1" else 10)


# ---- syslog-ng's loggen

def loggen_case(appliance, words, deframe, number=None, rate=4000):
    number = number or LINES
    root = os.environ["SYSLOG_NG"]
    # Its first burst must not wait for ARP: the kernel keeps few datagrams meanwhile.
    peer(appliance, "ping", "-c", "1", HOST4)
    with witness.Witness(appliance.ns) as seen:
        peer(appliance, "chroot", root, "/usr/bin/loggen", "--inet", "--quiet", f"--rate={rate}",
             *words, HOST4, "514")
        return settle(appliance, seen, number, deframe)


@suite.case()
def loggen_udp(appliance):
    """loggen --dgram"""
    loggen_case(appliance, ["--dgram", f"--number={LINES}", "--size=500"], None)


@suite.case()
def loggen_tcp(appliance):
    """loggen --stream, 8 connections at once"""
    loggen_case(appliance, ["--stream", f"--number={LINES // 8}", "--active-connections=8"],
                witness.lines, LINES // 8 * 8)


@suite.case()
def loggen_octet_counted(appliance):
    """loggen --syslog-proto: octet-counted RFC 5424 with a byte order mark"""
    loggen_case(appliance, ["--stream", "--syslog-proto", f"--number={LINES // 4}",
                            "--active-connections=4", "--size=1200"],
                witness.counted, LINES // 4 * 4)


@suite.case()
def loggen_file(appliance):
    """loggen sends the lines of a file as they are"""
    root = os.environ["SYSLOG_NG"]
    wanted = [sample(n, "file") for n in range(LINES)]
    with chroot_directory(root) as (here, there):
        (here / "input").write_text("\n".join(wanted) + "\n", encoding="utf-8")
        stored = loggen_case(appliance, ["--stream", "--dont-parse", f"--read-file={there}/input",
                                         f"--number={LINES}"], witness.lines)
    equal("stored lines are the file's, in order", stored == [w.encode() for w in wanted], True)


# ---- a slow one

def dribble(appliance, encode, deframe):
    """One byte a segment (no Nagle), three connections at once, each with logs of its own."""
    streams = [encode([sample(n, f"slow{c}").encode()[:120 + n] for n in range(12)]) for c in range(3)]
    with witness.Witness(appliance.ns) as seen:
        sockets = []
        for _ in streams:
            s = appliance.ns.connect((HOST4, 514))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets.append(s)
        for at in range(max(map(len, streams))):
            for s, data in zip(sockets, streams):
                s.sendall(data[at:at + 1])
        for s in sockets:
            s.shutdown(socket.SHUT_WR)
            equal("bytes that sluiced sent", s.recv(1), b"")
            s.close()
        settle(appliance, seen, 36, deframe)
    # While it waits for an ACK the kernel puts bytes together; logs must still arrive in pieces.
    segments = sum(s.segments for s in seen.streams.values())
    expect(segments > 3 * 36, f"the bytes came in {segments} segments only")


@suite.case()
def dribble_lines(appliance):
    """a byte at a time, newline framing with CRLF among them"""
    dribble(appliance, lambda logs: b"".join(log + (b"\r\n" if n % 3 == 0 else b"\n")
                                             for n, log in enumerate(logs)), witness.lines)


@suite.case()
def dribble_octet_counted(appliance):
    """a byte at a time, octet-counted"""
    dribble(appliance, lambda logs: b"".join(b"%d %s" % (len(log), log) for log in logs),
            witness.counted)


@suite.case()
def kill_9(appliance):
    """kill -9 of sluiced again and again: what was announced as durable is there, unaltered"""
    kill9.run(appliance, 50)


# ---- a published reader of the seekable format

if os.environ.get("SLUICE_FULL") == "1":
    @suite.case()
    def seekable_reader(appliance):
        """pyzstd's SeekableZstdFile reads closed segments from any offset"""
        logger_case(appliance, ["--udp", "--rfc3164"], None)
        equal("exit status", appliance.stop(), 0)
        here = pathlib.Path(__file__).resolve().parent
        where = subprocess.run([here / "fetch", "pyzstd"], stdin=subprocess.DEVNULL, text=True,
                               capture_output=True, check=True).stdout.strip()
        segments = sorted(appliance.journal.glob("*.zst"))
        expect(segments, "no segment")
        done = subprocess.run([sys.executable, "-B", here / "seekable.py", *segments], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              env={**os.environ, "PYTHONPATH": where})
        equal(f"seekable.py ({done.stderr[-500:]})", done.returncode, 0)
        print("     " + done.stdout.strip().replace("\n", "\n     "), flush=True)


for part in (case_tls_clients, case_tls_limits, case_tls_daemons, case_malformed):
    suite.cases += part.suite.cases


if __name__ == "__main__":
    sys.exit(suite.main(stage))
