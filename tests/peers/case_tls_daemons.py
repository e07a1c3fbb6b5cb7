"""Log daemons over TLS with client certificates: rsyslog's omfwd by GnuTLS and by OpenSSL, its omrelp, and
syslog-ng; each with RSA-2048, RSA-4096 and P-256, a chain of two levels on either side. All logs arrive, in
the order of each connection, once."""

import collections
import contextlib
import os
import signal
import subprocess

from cases import Suite, equal, expect
from netns import HOST4
from peer_roots import chroot_directory, sample
from pki import KINDS
from tls_stage import authority, authorize, configure, show, trust

suite = Suite("peers")

EACH = 1000 if os.environ.get("SLUICE_FULL") != "1" else 50000


class Sender:
    """What one connection of a daemon shows and sends."""

    def __init__(self, here, there, number, kind, pki):
        self.serial = f"FGT{kind.upper()}-{number:04d}"
        self.name = f"{kind}-{number}"
        self.there = there
        made = pki.device(self.serial)
        for what, data in (("crt", made.chain), ("key", made.key), ("ca", pki.root.crt)):
            (here / f"{self.name}.{what}").write_bytes(data.read_bytes())
        self.lines = [sample(n, self.serial) for n in range(EACH)]
        (here / f"{self.name}.log").write_text("".join(line + "\n" for line in self.lines), encoding="utf-8")

    def file(self, what):
        return f"{self.there}/{self.name}.{what}"


@contextlib.contextmanager
def senders(appliance, root, groups):
    """(directory here, there, senders): one of each kind of key for each of `groups`. All are authorized,
    and sluiced shows an RSA and a P-256 identity that each can verify."""
    with chroot_directory(root) as (here, there):
        pkis = {kind: authority(kind) for kind in KINDS}
        for pki in pkis.values():
            trust(appliance, pki)
        serial = show(appliance, pkis["rsa-4096"], pkis["p-256"])
        made = [Sender(here, there, group, kind, pki)
                for group in range(groups) for kind, pki in pkis.items()]
        # Whichever identity is chosen: the roots of both are trusted by all.
        roots = b"".join(pki.root.crt.read_bytes() for pki in pkis.values())
        for sender in made:
            (here / f"{sender.name}.ca").write_bytes(roots)
            authorize(appliance, sender.serial)
        yield here, there, made, serial


@contextlib.contextmanager
def daemon(appliance, root, output, *command):
    """The daemon in its chroot, ended by SIGTERM; what it said is in a failure."""
    with open(output, "wb") as out:
        process = subprocess.Popen(appliance.ns.command("chroot", root, *command),
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        try:
            yield process
        except Exception:
            print(output.read_text(errors="replace")[-3000:], flush=True)
            raise
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    said = output.read_text(errors="replace")
    equal(f"exit status of {command[0]} ({said[-500:]})", process.returncode, 0)


def all_there(appliance, made, kind):
    """Every line once, in order, each device's by its own certificate."""
    appliance.wait_total("stored", EACH * len(made), timeout=60)
    sessions = appliance.ctl("session", "list")["sessions"]
    equal("sessions", sorted((s["device"], s["kind"]) for s in sessions),
          sorted((sender.serial, kind) for sender in made))
    for sender in made:
        stored = appliance.logs("--device", sender.serial)
        wanted = [line.encode() for line in sender.lines]
        expect(stored == wanted, f"{sender.serial}: {len(stored)} logs, wanted {len(wanted)} in order")
        equal(f"last refusal of {sender.serial}",
              appliance.ctl("device", "show", sender.serial).get("last_refusal"), None)


def rsyslog(appliance, root, groups, action, kind, modules=""):
    """rsyslogd reads a file for each sender and forwards it by `action(group, sender, serial)`."""
    with senders(appliance, root, groups) as (here, there, made, serial):
        conf = (f'global(workDirectory="{there}" maxMessageSize="64k")\n'
                f'module(load="imfile")\n{modules}\n'
                'template(name="asis" type="string" string="%rawmsg%")\n')
        for number, sender in enumerate(made):
            conf += (f'input(type="imfile" file="{sender.file("log")}" tag="file:" freshStartTail="off" '
                     f'ruleset="{sender.name}")\n'
                     f'ruleset(name="{sender.name}") {{\n'
                     f'    action(target="{HOST4}" port="514" template="asis" '
                     'action.resumeRetryCount="-1" action.resumeInterval="1"\n'
                     f'           {action(number // len(KINDS), sender, serial)})\n}}\n')
        (here / "conf").write_text(conf, encoding="utf-8")
        with daemon(appliance, root, here / "output", "/usr/sbin/rsyslogd", "-n", "-i", f"{there}/pid",
                    "-f", f"{there}/conf"):
            all_there(appliance, made, kind)


def omfwd(group, sender, serial):
    return (f'type="omfwd" protocol="tcp" tcp_framing="octet-counted" '
            f'streamDriver="{("gtls", "ossl")[group]}" streamDriverMode="1" '
            f'streamDriverAuthMode="x509/name" streamDriverPermittedPeers="{serial}" '
            f'streamDriver.CAFile="{sender.file("ca")}" streamDriver.CertFile="{sender.file("crt")}" '
            f'streamDriver.KeyFile="{sender.file("key")}"')


def omrelp(_, sender, serial):
    return (f'type="omrelp" tls="on" tls.caCert="{sender.file("ca")}" tls.myCert="{sender.file("crt")}" '
            f'tls.myPrivKey="{sender.file("key")}" tls.authMode="name" tls.permittedPeer=["{serial}"]')


@suite.case()
def rsyslog_tls(appliance):
    """rsyslog omfwd of Debian 12 over TLS, by GnuTLS and by OpenSSL"""
    rsyslog(appliance, os.environ["RSYSLOG"], 2, omfwd, "counted")


@suite.case()
def rsyslog_13_tls(appliance):
    """rsyslog omfwd of Debian 13 over TLS, by GnuTLS and by OpenSSL"""
    rsyslog(appliance, os.environ["RSYSLOG_13"], 2, omfwd, "counted")


@suite.case()
def rsyslog_relp_tls(appliance):
    """rsyslog omrelp of Debian 12 over TLS"""
    rsyslog(appliance, os.environ["RSYSLOG"], 1, omrelp, "relp", 'module(load="omrelp")')


@suite.case()
def rsyslog_13_relp_tls(appliance):
    """rsyslog omrelp of Debian 13 over TLS, by OpenSSL"""
    rsyslog(appliance, os.environ["RSYSLOG_13"], 1, omrelp, "relp",
            'module(load="omrelp" tls.tlslib="openssl")')


MANY = 64  # connections of one device
EACH_OF_MANY = 100


def many_relp_tls(appliance, root, modules):
    """rsyslogd that sends a file over each of 64 connections, all with the same certificate."""
    with senders(appliance, root, 1) as (here, there, made, serial):
        sender = made[-1]
        conf = (f'global(workDirectory="{there}" maxMessageSize="64k")\nmodule(load="imfile")\n{modules}\n'
                'template(name="asis" type="string" string="%rawmsg%")\n')
        wanted = collections.Counter()
        for c in range(MANY):
            lines = [sample(n, f"c{c}") for n in range(EACH_OF_MANY)]
            wanted.update(line.encode() for line in lines)
            (here / f"input{c}").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
            conf += (f'input(type="imfile" file="{there}/input{c}" tag="file:" freshStartTail="off" '
                     f'ruleset="r{c}")\n'
                     f'ruleset(name="r{c}") {{\n'
                     f'    action(target="{HOST4}" port="514" template="asis" '
                     'action.resumeRetryCount="-1" action.resumeInterval="1"\n'
                     f'           {omrelp(0, sender, serial)})\n}}\n')
        (here / "conf").write_text(conf, encoding="utf-8")
        with daemon(appliance, root, here / "output", "/usr/sbin/rsyslogd", "-n", "-i", f"{there}/pid",
                    "-f", f"{there}/conf"):
            appliance.wait_total("stored", MANY * EACH_OF_MANY, timeout=120)
            sessions = appliance.ctl("session", "list")["sessions"]
            equal("sessions", [(s["device"], s["kind"]) for s in sessions], [(sender.serial, "relp")] * MANY)
        stored = collections.Counter(appliance.logs("--device", sender.serial))
        expect(stored == wanted, f"lost {list((wanted - stored).items())[:3]}, "
               f"more {list((stored - wanted).items())[:3]}")


@suite.case()
def rsyslog_relp_tls_64(appliance):
    """rsyslog omrelp of Debian 12 over TLS, 64 connections of one certificate"""
    many_relp_tls(appliance, os.environ["RSYSLOG"], 'module(load="omrelp")')


@suite.case()
def rsyslog_13_relp_tls_64(appliance):
    """rsyslog omrelp of Debian 13 over TLS by OpenSSL, 64 connections of one certificate"""
    many_relp_tls(appliance, os.environ["RSYSLOG_13"], 'module(load="omrelp" tls.tlslib="openssl")')


def syslog_ng(appliance, root):
    """syslog-ng reads a file for each sender and forwards it, by lines and octet-counted."""
    with senders(appliance, root, 1) as (here, there, made, _):
        conf = "@version: 3.38\noptions { chain-hostnames(no); stats-freq(0); };\n"
        for n, sender in enumerate(made):
            tls = (f'tls(ca-file("{sender.file("ca")}") cert-file("{sender.file("crt")}") '
                   f'key-file("{sender.file("key")}") peer-verify(required-trusted))')
            conf += (f'source s{n} {{ file("{sender.file("log")}" flags(no-parse) read-old-records(yes) '
                     'follow-freq(0.1) log-msg-size(65536)); };\n'
                     f'destination d{n} {{ network("{HOST4}" port(514) transport("tls") '
                     f'template("${{MESSAGE}}\\n") persist-name("d{n}") {tls}); }};\n'
                     f'log {{ source(s{n}); destination(d{n}); flags(flow-control); }};\n')
        (here / "conf").write_text(conf, encoding="utf-8")
        with daemon(appliance, root, here / "output", "/usr/sbin/syslog-ng", "-F", "--no-caps",
                    "-f", f"{there}/conf", "-R", f"{there}/persist", "-p", f"{there}/pid",
                    "-c", f"{there}/ctl"):
            all_there(appliance, made, "lines")


@suite.case()
def syslog_ng_tls(appliance):
    """syslog-ng of Debian 12 over TLS, by lines"""
    syslog_ng(appliance, os.environ["SYSLOG_NG"])
