"""TLS as openssl s_client, gnutls-cli and Python's ssl speak it: versions, kinds of keys, chains of two
levels on either side, resumption; and each refusal with its word in trace, list, registry, audit, metric."""

import contextlib
import re
import ssl
import subprocess
import time

from appliance import TOP, Rpc
from cases import Failed, Suite, equal, expect
from netns import HOST4, PEER4
from pki import KINDS, SMALL, Pki
from tls_stage import authority, authorize, client, configure, show, trust

suite = Suite("peers")


class Program:
    """A client that sends what it is given, until it is told to end."""

    def __init__(self, appliance, *command):
        self.out = appliance.dir / "client.out"
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen(appliance.ns.command(*map(str, command)),
                                            stdin=subprocess.PIPE, stdout=out, stderr=out)

    def say(self, data):
        with contextlib.suppress(BrokenPipeError):  # it was refused, and has ended
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def said(self):
        return self.out.read_text(errors="replace")

    def end(self):
        """What it printed."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(f"{self.process.args[-1]} does not end: {self.said()[-600:]}") from None
        return self.said()


def until(what, ask, timeout=20):
    end = time.monotonic() + timeout
    while not (got := ask()):
        if time.monotonic() > end:
            raise Failed(f"{what}: not in time")
    return got


def s_client(appliance, made, root, version, *options, leaf_only=False):
    words = ["openssl", "s_client", "-connect", f"{HOST4}:514", "-no-CApath", "-no-CAstore", "-CAfile",
             root.crt, "-verify_return_error", f"-tls1_{version}", *options]
    if made:
        words += ["-cert", made.crt, "-key", made.key]
        if made.above() and not leaf_only:
            words += ["-cert_chain", made.issuer.crt]
    return Program(appliance, *words)


def gnutls_cli(appliance, made, root, version, *options, priority="", leaf_only=False):
    words = ["gnutls-cli", "--port", "514", "--x509cafile", root.crt,
             "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS1.{version}{priority}", *options]
    if made:
        words += ["--x509certfile", made.crt if leaf_only else made.chain, "--x509keyfile", made.key]
    return Program(appliance, *words, HOST4)


def every_kind(appliance, come):
    """come(number of logs before, kind, pki, made, version) gives the logs that it sent."""
    sent = {}
    for kind in KINDS:
        pki = authority(kind)
        trust(appliance, pki)
        show(appliance, pki)
        serial = f"FGT{kind.upper()}"
        authorize(appliance, serial)
        made = pki.device(serial)
        sent[serial] = []
        for version in (2, 3):
            total = sum(map(len, sent.values()))
            sent[serial] += come(total, pki, made, version)
    for serial, logs in sent.items():
        equal(f"logs of {serial}", appliance.logs("--device", serial), logs)


@suite.case()
def openssl_s_client(appliance):
    """openssl s_client: RSA-2048, RSA-4096 and P-256 by TLS 1.2 and 1.3, each again with its ticket"""
    def come(total, pki, made, version):
        sent = []
        ticket = appliance.dir / f"ticket-{pki.kind}-{version}"
        for again in (False, True):
            s = s_client(appliance, made, pki.root, version, *(["-sess_in", ticket] if again else
                                                               ["-sess_out", ticket]))
            sent.append(f"<13>openssl {pki.kind} {version} {again}".encode())
            s.say(sent[-1] + b"\n")
            appliance.wait_total("stored", total + len(sent))
            said = s.end()
            expect(f"{'Reused' if again else 'New'}, TLSv1.{version}" in said, said)
            expect("Verify return code: 0 (ok)" in said, said)
        return sent
    every_kind(appliance, come)


@suite.case()
def gnutls_client(appliance):
    """gnutls-cli: RSA-2048, RSA-4096 and P-256 by TLS 1.2 and 1.3, resumed each time"""
    def come(total, pki, made, version):
        s = gnutls_cli(appliance, made, pki.root, version, "--resume", "--waitresumption")
        log = f"<13>gnutls {pki.kind} {version}".encode()
        s.say(log + b"\n")
        appliance.wait_total("stored", total + 1)
        said = s.end()
        expect("This is a resumed session" in said, said)
        expect(f"TLS1.{version}" in said and "Status: The certificate is trusted" in said, said)
        return [log]
    every_kind(appliance, come)


def ticket_of(s):
    """Reads what has come, which is no data: a ticket of TLS 1.3."""
    s.settimeout(0.05)
    with contextlib.suppress(TimeoutError, ssl.SSLWantReadError):
        s.recv(1)
    s.settimeout(20)
    return s.session if s.session and s.session.has_ticket else None


@suite.case()
def python_ssl(appliance):
    """Python's ssl: RSA-2048, RSA-4096 and P-256 by TLS 1.2 and 1.3, each again with its ticket"""
    def come(total, pki, made, version):
        sent, session = [], None
        connect = client(appliance, made, pki.root,
                         {2: ssl.TLSVersion.TLSv1_2, 3: ssl.TLSVersion.TLSv1_3}[version])
        for again in (False, True):
            with connect(session) as s:
                equal("resumed", s.session_reused, again)
                sent.append(f"<13>python {pki.kind} {version} {again}".encode())
                s.sendall(sent[-1] + b"\n")
                appliance.wait_total("stored", total + len(sent))
                session = until("a ticket", lambda s=s: ticket_of(s))
                s.unwrap()
        return sent
    every_kind(appliance, come)


# ---- refusals

REASONS = TOP / "dataplane/base/reason.h"
# Slugs that have another cause than what a TLS syslog sender shows or offers: logins, the clear, and
# limits (tests/unit/dp/test_tls*.c, test_admit.c, tests/net).
ELSEWHERE = ("sn_mismatch legacy_disabled bad_password login_rate claim_rate conflict duplicate_serial "
             "cleartext_forbidden handshake_timeout handshake_rate session_limit half_open_limit "
             "address_not_allowed journal_failed")

class Refusal:
    """`made`: what is shown; `device`: the serial that the registry knows, else none was shown."""

    def __init__(self, slug, made=None, device=None, openssl=(), gnutls=None, versions=(2, 3), **more):
        self.slug, self.made, self.device = slug, made, device
        self.openssl, self.gnutls, self.versions, self.more = openssl, gnutls, versions, more


def table(pki, strangers):
    """Each word by which a TLS syslog sender is refused for what it shows or offers."""
    def device(slug, made, **more):
        return Refusal(slug, made, made.name, **more)

    return [
        Refusal("no_certificate"),
        device("wrong_ca", strangers.device("FGTSTRANGER-0001")),
        device("missing_intermediate", pki.device("FGTALONE-0001"), leaf_only=True),
        device("expired", pki.dated("FGTEXPIRED-0001", "20200101000000Z", "20210101000000Z")),
        device("not_yet_valid", pki.dated("FGTEARLY-0001", "20350101000000Z", "20360101000000Z")),
        device("revoked", pki.device("FGTREVOKED-0001")),
        device("no_client_auth_purpose",
               pki.device("FGTWEBSERVER-0001", extensions=("extendedKeyUsage=serverAuth",))),
        # GnuTLS does not sign with such a key.
        device("weak_certificate", pki.device("FGTWEAK-0001", key=pki.new_key("weak", SMALL)),
               openssl=("-cipher", "DEFAULT@SECLEVEL=0"), gnutls=False),
        Refusal("no_legal_sn", pki.device("FortiGate")),
        device("denied", pki.device("FGTDENIED-0001")),
        device("not_authorized", pki.device("FGTPENDING-0001"), versions=(3,)),
        Refusal("tls_version", versions=(1,), openssl=("-cipher", "ALL@SECLEVEL=0")),
        Refusal("no_shared_cipher", versions=(2,), openssl=("-cipher", "AES256-SHA"),
                gnutls=":-KX-ALL:+RSA"),
        Refusal("no_shared_cipher", versions=(3,), openssl=("-ciphersuites", "TLS_AES_128_CCM_SHA256"),
                gnutls=":-CIPHER-ALL:+AES-128-CCM"),
        # It does not trust us, and says so by its alert. (gnutls-cli thinks about it for long.)
        Refusal("peer_gave_up", root=strangers.root, gnutls=False),
        device("protocol_error", pki.device("FGTBROKEN-0001"), says=b"5 <13>xno count"),
        device("idle_timeout", pki.device("FGTSILENT-0001"), versions=(3,)),
    ]


def clients(appliance, refusal, root):
    """Each program and version in turn, as functions that begin it."""
    more = dict(refusal.more)
    root = more.pop("root", root)
    says = more.pop("says", b"")

    def begin(program, version, *options, **words):
        s = program(appliance, refusal.made, root, version, *options, **more, **words)
        s.say(says)
        return s
    for version in refusal.versions:
        yield f"openssl 1.{version}", lambda v=version: begin(s_client, v, *refusal.openssl)
        if refusal.gnutls is not False:
            yield f"gnutls 1.{version}", lambda v=version: begin(gnutls_cli, v,
                                                                 priority=refusal.gnutls or "")


def metric(appliance, slug):
    with appliance.ns.connect(("127.0.0.1", 9514)) as s:
        s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
    return int(re.search(rf'^sluice_refusals_total\{{reason="{slug}"\}} (\d+)', text, re.M).group(1))


@suite.case()
def tls_refusals(appliance):
    """openssl s_client and gnutls-cli, refused: each word in trace, list, registry, audit and metric"""
    pki = authority()
    strangers = Pki(appliance.dir / "strangers", organization="Strangers")
    refusals = table(pki, strangers)
    trust(appliance, pki)
    show(appliance, pki)
    by_slug = {r.slug: r for r in refusals}
    slugs = re.search(r"#define REFUSAL_REASONS\(X\)(.*?)\n\n", REASONS.read_text(), re.S).group(1)
    equal("slugs that are neither here nor elsewhere",
          set(re.findall(r"X\((\w+)\)", slugs)) - set(by_slug) - set(ELSEWHERE.split()), set())
    appliance.ctl("cert", "import", str(pki.crl(by_slug["revoked"].made)))
    configure(appliance, auth={"pending-hold": "1s"}, limits={"idle-timeout": "1s", "handshake-rate": "none"})
    for refusal in refusals:
        if refusal.device and refusal.slug not in ("denied", "not_authorized"):
            authorize(appliance, refusal.device)
    appliance.ctl("device", "deny", by_slug["denied"].device)
    watch = Rpc(appliance)
    expect("result" in watch.call("debug.start", what="oftpd", level=8), "no trace")
    for refusal in refusals:
        slug = refusal.slug
        for name, begin in clients(appliance, refusal, pki.root):
            before = metric(appliance, slug)  # a client that lingered may have ended by idle_timeout meanwhile
            program = begin()
            line = ""
            lines = []
            while not re.search(rf"refused: {slug}(:|$)", line):
                expect(not re.search("refused: (?!idle_timeout)", line), f"{slug}, {name}: trace says {line}")
                try:
                    line = watch.read()["params"]["line"]
                except TimeoutError:
                    raise Failed(f"{slug}, {name}: no such word in {lines[-8:]}; {program.said()[-800:]}") \
                        from None
                lines.append(line)
            program.end()
            equal(f"metric of {slug} after {name}", metric(appliance, slug), before + 1)
        listed = [r for r in appliance.ctl("refusal", "list")["refusals"] if r["reason"] == slug]
        expect(listed and all(r["address"] == PEER4 for r in listed), f"{slug}: the list says {listed}")
        if refusal.device:
            equal("the list's device", {r["device"] for r in listed}, {refusal.device})
            last = appliance.ctl("device", "show", refusal.device)["refusal"]
            equal(f"the registry's of {refusal.device}", last and last["reason"], slug)
        until(f"{slug} in the audit", lambda s=slug: any(
            r["what"] == "auth.refused" and r["after"] == s for r in appliance.ctl("audit", "list")["audit"]))
