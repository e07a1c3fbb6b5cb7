"""sluice-send sends what it reads, says what it does, and knows whom it talks to."""

import os
import pathlib
import re
import socket
import ssl
import subprocess

from send import DEVICE, MAKE_PKI, SERIAL, Send, equal, expect, log, main

import oftp
from oftp_server import ALLOWED, PENDING, REFUSED


def file_is_sent_and_confirmed(p):
    lines = [log(n, ("traffic", "event")[n // 7 % 2], ("root", "dmz")[n // 20 % 2]) for n in range(5000)]
    said = p.send(p.write("a", lines[:3000]), p.write("b", lines[3000:])).end()
    equal("stored", p.server.stored, lines)
    expect("5000 logs confirmed, 0 dropped, 0 not sent" in said, said)
    expect(f"connected, serial number {SERIAL}" in said, said)
    expect(p.server.compressed > 0, "nothing was compressed")
    login = p.server.logins[0]
    equal("serial", login["serial"], DEVICE)
    equal("byes", p.server.byes, 1)


def stdin_is_sent_as_it_comes(p):
    one = p.send(stdin=subprocess.PIPE)
    for n in range(3):
        one.process.stdin.write(b"line %d\n\nmore %d\r\n" % (n, n))
        one.process.stdin.flush()
        p.server.wait(lambda: len(p.server.stored) == 2 * n + 2, "the lines of stdin")
    one.process.stdin.write(b"without an end")
    one.process.stdin.close()
    one.end()
    equal("stored", p.server.stored[-3:], [b"line 2", b"more 2", b"without an end"])


def long_lines_are_cut_and_counted(p):
    lines = [b"a" * 65536, b"b" * 65537, b"c" * 300000, b"d"]
    said = p.send(p.write("a", lines)).end()
    equal("lengths", [len(x) for x in p.server.stored], [65536, 65536, 65536, 1])
    expect("2 logs were longer than 65536 bytes and were cut" in said, said)


def local_syslog_is_taken(p):
    path = p.dir / "devlog"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one = p.send(syslog_socket=path, syslog_udp=f"127.0.0.1:{port}")
    p.until(1, lambda t: "state=connected" in t, "connected")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(str(path))
        s.send(b"<13>Nov 22 04:00:00 tag: by the socket\n")
        p.server.wait(lambda: len(p.server.stored) == 1, "a log by the socket")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", port))
        s.send(b"<13>by UDP\0")
        p.server.wait(lambda: len(p.server.stored) == 2, "a log by UDP")
    one.process.terminate()
    one.end()
    equal("stored", p.server.stored, [b"<13>Nov 22 04:00:00 tag: by the socket", b"<13>by UDP"])
    expect(not path.exists(), "the socket is left behind")


def datagrams_leave_and_errors_are_nobody_s(p):
    """`reliable disable`: logs leave by UDP; that nobody listened there ends nothing"""
    lines = [log(n) for n in range(40)]
    one = p.send("-", reliable="disable", stdin=subprocess.PIPE)
    p.until(1, lambda t: "state=connected" in t, "connected")
    one.process.stdin.write(b"nobody listens\n")
    one.process.stdin.flush()
    p.until(1, lambda t: " added=1," in t and "confirmed=1," in t, "sent")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", p.server.port))
        udp.settimeout(60)
        one.process.stdin.write(b"".join(line + b"\n" for line in lines))
        one.process.stdin.close()
        expect("41 logs sent, 0 dropped, 0 not sent" in one.end(), one.said())
        expect(DEVICE.encode() in udp.recv(65536), "another datagram")


def pending_waits_and_goes_on(p):
    p.server.set(verdict=PENDING, reason="not_authorized")
    one = p.send(p.write("a", [b"one"]))
    p.until(1, lambda t: "state=pending" in t, "pending")
    p.server.set(verdict=ALLOWED, reason=None)
    expect("waiting to be authorized" in one.end(), one.said())
    equal("stored", p.server.stored, [b"one"])
    equal("untimely", p.server.untimely, 0)


def hold_and_go(p):
    one = p.send(stdin=subprocess.PIPE)
    p.until(1, lambda t: "state=connected" in t, "connected")
    p.server.tell(oftp.encode("STATUS", log_status=1, status_text="Log is held."))
    p.until(1, lambda t: "server_log_status=Log is held back.," in t, "held")
    one.process.stdin.write(b"one\n")
    one.process.stdin.close()
    p.until(41, lambda t: "Memory queue for: global-faz\n        queue:\n                num:1 " in t, "waiting")
    p.server.tell(oftp.encode("STATUS", log_status=0))
    one.end()
    equal("stored", p.server.stored, [b"one"])


def first_contact_is_shown_and_confirmed(p):
    """Without anything to know it by the server is not trusted; `trust` asks, and sets what is needed."""
    config = p.dir / "config"
    config.write_text("config log fortianalyzer setting\n    set status enable\n"
                      f"    set server \"127.0.0.1\"\n    set port {p.server.port}\n"
                      f"    set certificate \"{p.dir / DEVICE}.pem\"\nend\n", encoding="ascii")
    file = p.write("a", [b"one"])
    said = Send(p, f"--config={config}", file).end(2)
    expect("nothing says how to know the server" in said and "sluice-send trust" in said, said)
    equal("logins", p.server.logins, [])
    words = ["--config", str(config)]
    said = p.run("trust", *words, status=1, stdin="n\n")
    expect(f"Obtained serial number from X509 certificate of the server is: {SERIAL}" in said, said)
    expect("Nothing was set" in said, said)
    said = p.run("trust", *words, stdin="y\n")
    expect(f"serial to be set:{SERIAL}" in said, said)
    expect(re.search(r'set server-serial "SL-TEST-1"\n    set server-fingerprint "[0-9a-f]{64}"\nend',
                     config.read_text()), config.read_text())
    p.run("trust", *words, stdin="y\n")
    equal("lines of trust", [config.read_text().count(f"set server-{word}") for word in ("serial", "fingerprint")], [1, 1])
    Send(p, *words, file).end()
    equal("stored", p.server.stored, [b"one"])


def files_that_cannot_be_are_named(p):
    (p.dir / "empty").write_bytes(b"")
    (p.dir / "binary").write_bytes(bytes(range(256)))
    (p.dir / "directory").mkdir()
    file = p.write("a", [b"one"])
    for name, words in (("empty", "is empty"), ("directory", "Is a directory"), ("binary", "")):
        path = p.dir / name
        for option in ("certificate", "certificate_password", "server_cert_ca"):
            said = p.send(file, **{option: path}).end(1)
            expect(f"{path}: {words}" in said and "error:" not in said, f"{option}: {said}")
    expect("its first line is no password" in p.send(file, certificate_password=p.dir / "binary").end(1), "no word of it")
    expect("has no certificate in PEM" in p.send(file, server_cert_ca=p.dir / "binary").end(1), "no word of it")
    said = Send(p, f"--config={p.dir / 'directory'}", file).end(2)
    expect(f"{p.dir / 'directory'}: Is a directory" in said, said)
    p.run("diagnose", "5", "--control", str(p.dir / "control"), status=2)


def another_server_is_refused(p):
    def fails(word, **options):
        p.send(p.write("a", [b"one"]), **options).fails(word)
        equal("logins", len(p.server.logins), 0)

    fails("serial number is SL-TEST-1, not SL-OTHER", server_serial="SL-OTHER")
    said = p.send(p.write("a", [b"one"]), server_serial="").end(2)
    expect("server-serial is not set: see sluice-send trust" in said, said)
    fails("shows another certificate", server_fingerprint="00" * 32)
    (p.dir / "other").mkdir()
    subprocess.run([MAKE_PKI, str(p.dir / "other"), SERIAL, DEVICE], check=True)
    fails("does not hold", server_cert_ca=p.dir / "other" / "ca.pem")
    p.send(p.write("a", [b"one"]), certificate_verification="disable", server_cert_ca=None,
           server_serial="").end()
    equal("stored", p.server.stored, [b"one"])


def a_server_that_says_another_serial_is_left(p):
    p.server.serials = ("SL-OTHER",)
    p.send(p.write("a", [b"one"])).fails("serial numbers are not its certificate's")
    equal("stored", p.server.stored, [])


def it_gives_up_where_nobody_is(p):
    p.server.close()
    said = p.send(p.write("a", [b"one"]), give_up=1).end(1)
    expect("gives up: no connection for 1 s" in said and "1 not sent or not confirmed" in said, said)


def connectivity_is_said_in_words(p):
    words = p.options()
    said = p.run("test-connectivity", *words)
    for line in (f"Server Serial Number: {SERIAL}\n", f"Device ID: {DEVICE}\n",
                 "Registration: registered\n", "Connection: allow\n",
                 "Disk Space (Used/Total): 1048576B/1073741824B\n", "Log: Log is allowed.\n",
                 f"Certificate of the server valid and serial number is: {SERIAL}\n"):
        expect(line in said, said)
    equal("streams named", "stream" in p.server.logins[0], False)
    p.server.set(verdict=PENDING, reason="not_authorized")
    said = p.run("test-connectivity", *words)
    expect("Registration: pending\n" in said and "Connection: wait\n" in said, said)
    p.server.set(verdict=REFUSED, reason="no_legal_sn")
    said = p.run("test-connectivity", *words, status=1)
    expect(said.startswith("Failed to get FAZ's status. Authentication Failed. (-19)\n"), said)
    expect("no_legal_sn" in said, said)
    (p.dir / "other").mkdir()
    subprocess.run([MAKE_PKI, str(p.dir / "other"), SERIAL, DEVICE], check=True)
    said = p.run("test-connectivity", *p.options(certificate=p.dir / "other" / f"{DEVICE}.pem"), status=1)
    expect("Authentication Failed. (-19)" in said, said)
    p.server.close()
    said = p.run("test-connectivity", *words, status=1)
    expect("Failed to get FAZ's status. No connection: Connection refused" in said, said)


def preshared_key_and_names_are_told(p):
    p.send(p.write("a", [b"one"]), preshared_key="open sesame 1", hostname="fw-1",
           timezone="(GMT+1:00)Berlin", conn_id=7, source_ip="127.0.0.1").end()
    login = p.server.logins[0]
    equal("key", login["preshared_key"], "open sesame 1")
    equal("names", (login["hostname"], login["timezone"]), ("fw-1", "(GMT+1:00)Berlin"))
    equal("connection id", login["stream"][0][0], 7)
    equal("reliable", login["reliable"], 1)


def it_gives_way(p):
    """`priority low`: behind other programs, and on the wire DSCP CS1"""
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    for n, (priority, nice, tos) in enumerate((("default", ours, 0), ("low", max(10, ours), 0x20))):
        one = p.send(stdin=subprocess.PIPE, priority=priority)
        p.server.wait(lambda n=n: len(p.server.logins) > n, "a login")
        equal("nice", os.getpriority(os.PRIO_PROCESS, one.process.pid), nice)
        equal("TOS", p.server.tos(), tos)
        one.process.stdin.close()
        one.end()


def items_are_of_their_type_and_vdom(p):
    p.send(p.write("a", [log(1)])).end()
    p.send(p.write("b", [log(2, vdom="dmz")]), log_type=17).end()
    p.send(p.write("c", [log(3)]), log_type=255, vdom="seventh").end()
    equal("log type and vdom", p.server.kinds, [(3, "root"), (17, "dmz"), (255, "seventh")])


def versions_and_ciphers_are_held_to(p):
    """A server that has only what is not allowed is not spoken to; allowed, it is."""
    file = p.write("a", [b"one"])
    p.server.context.maximum_version = ssl.TLSVersion.TLSv1_2
    p.send(file, ssl_min_proto_version="TLSv1-3").fails("TLS: ")
    p.server.context.set_ciphers("ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA")
    p.send(file, enc_algorithm="high").fails("TLS: ")
    equal("logins", len(p.server.logins), 0)
    p.send(file, enc_algorithm="high-medium", ssl_min_proto_version="TLSv1-2").end()
    equal("stored", p.server.stored, [b"one"])


def usage_is_said(p):
    for words, text in ((["--nonsense", "1"], 'no setting "nonsense"'),
                        (["--port", "70000"], "not in 1 to 65535"),
                        (["--upload-option=hourly"], "none of realtime|1-minute|5-minute"),
                        ([], "no server is set"),
                        (["--server", "x"], "who are we?")):
        expect(text in Send(p, *words).end(2), text)
    said = p.run("--help")
    for key in ("monitor-failure-retry-period", "fallback-to-primary", "realtime|1-minute|5-minute"):
        expect(key in said, key)
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "sluice-send.md").read_text()
    for key in re.findall(r"^  --([a-z-]+) [A-Z1-9a-z]", said, re.M):
        expect(key == "config" or f"`{key}`" in page, f"docs/sluice-send.md does not name {key}")


main([file_is_sent_and_confirmed, stdin_is_sent_as_it_comes, long_lines_are_cut_and_counted,
      local_syslog_is_taken, datagrams_leave_and_errors_are_nobody_s, pending_waits_and_goes_on, hold_and_go,
      first_contact_is_shown_and_confirmed, files_that_cannot_be_are_named,
      another_server_is_refused, a_server_that_says_another_serial_is_left, it_gives_up_where_nobody_is, connectivity_is_said_in_words,
      preshared_key_and_names_are_told, it_gives_way,
      items_are_of_their_type_and_vdom, versions_and_ciphers_are_held_to, usage_is_said])
