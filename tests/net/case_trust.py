"""Who may log: devices, certificates and refusals on a running sluiced, over TLS by Python's ssl."""

import base64
import os
import pathlib
import ssl
import stat
import subprocess
import time

from appliance import SLUICECTL, Rpc, stage
from cases import Failed, collector, equal, expect
from netns import HOST4, PEER4

CASES = []
case = collector(CASES, lambda **changes: stage(**changes))

SERIAL = "FGT60F0000000001"


def password_file(appliance, text="open sesame"):
    path = appliance.dir / "password"
    path.write_text(text + "\n", encoding="ascii")
    return str(path)


def openssl(*words, data=None):
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


def issue(appliance, serial=SERIAL, days=100):
    """A device's certificate and key as PEM files, out of the PFX that sluiced gives."""
    pfx = appliance.dir / f"{serial}.pfx"
    said = appliance.ctl("cert", "issue", serial, "--key", "p-256", "--days", str(days), "--out",
                         str(pfx), "--password-file", password_file(appliance))
    equal("mode of the PFX", stat.S_IMODE(os.stat(pfx).st_mode), 0o600)
    expect("pkcs12" not in said, "the key is printed")
    pem = appliance.dir / f"{serial}.pem"
    pem.write_bytes(openssl("pkcs12", "-in", str(pfx), "-nodes", "-passin", "pass:open sesame"))
    return pem


def client(appliance, pem=None, ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
    if ca:
        context.load_verify_locations(cadata=ca)
    if pem:
        context.load_cert_chain(str(pem))
    raw = appliance.ns.connect((HOST4, 514))
    raw.settimeout(20)
    return context.wrap_socket(raw)


def until(appliance, what, ask):
    """Asks again and again, as each question takes a process of its own; for a minute, however fast they are."""
    end = time.monotonic() + 60
    while True:
        got = ask()
        if got:
            return got
        if time.monotonic() > end:
            raise Failed(f"{what}: not in time")


def pending(appliance):
    return [d for d in appliance.ctl("device", "list")["devices"] if d["state"] == "pending"]


def refused(appliance, reason):
    return until(appliance, f"a refusal {reason}", lambda: [
        r for r in appliance.ctl("refusal", "list")["refusals"] if r["reason"] == reason])


@case()
def a_device_is_let_in(appliance):
    """ca-init, issue, connect: pending, unread; authorized: it goes on at once, and is Up"""
    ca = appliance.ctl("cert", "ca-init", "--key", "p-256")["pem"]
    pem = issue(appliance)
    s = client(appliance, pem, ca)
    shown = s.getpeercert()
    serial = appliance.ctl("status")["node"]["serial"]
    expect((("commonName", serial),) in shown["subject"], f"sluiced shows {shown['subject']}")
    s.sendall(b"<13>over tls\n")
    device = until(appliance, "the device is pending", lambda: [
        d for d in appliance.ctl("device", "list")["devices"]
        if d["device"] == SERIAL and d["state"] == "pending"])[0]
    equal("address", device["address"], PEER4)
    expect(SERIAL in device["certificate"]["subject"], device)
    equal("logs while pending", len(appliance.logs("--device", SERIAL)), 0)
    equal("authorized", appliance.ctl("device", "authorize", SERIAL)["state"], "authorized")
    appliance.wait_total("stored", 1)
    equal("logs", appliance.logs("--device", SERIAL), [b"<13>over tls"])
    until(appliance, "Up", lambda: appliance.ctl("device", "show", SERIAL)["up"])
    show = appliance.ctl("tls", "show")
    expect(show["enabled"] and sum(g["sessions"] for g in show["sessions"]) == 1, show)
    # A denial ends the session, and the next one is refused by name.
    appliance.ctl("device", "deny", SERIAL)
    s.settimeout(10)
    try:
        expect(s.recv(1) == b"", "the session of a denied device lives on")
    except (ssl.SSLError, ConnectionResetError):
        pass
    until(appliance, "Down", lambda: not appliance.ctl("device", "show", SERIAL)["up"])
    appliance.ctl("device", "forget", SERIAL)


def tries_in_vain(appliance, pem):
    """Shows this certificate (None: none), says a log and waits for the end."""
    try:
        s = client(appliance, pem)
        s.sendall(b"<13>not to be taken\n")
        while s.recv(1):
            pass
    except (ssl.SSLError, OSError):
        pass


@case()
def refusals_by_name(appliance):
    """no certificate, a stranger's, one without a serial number: each with its slug"""
    appliance.ctl("cert", "ca-init", "--key", "p-256")
    for pem, reason in ((None, "no_certificate"), ("stranger", "wrong_ca")):
        if pem:
            path = appliance.dir / "stranger.pem"
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", f"/CN={SERIAL}", "-days", "30", "-keyout", str(path), "-out",
                    str(path) + ".crt")
            path.write_bytes(path.read_bytes() + pathlib.Path(str(path) + ".crt").read_bytes())
            pem = path
        tries_in_vain(appliance, pem)
        entry = refused(appliance, reason)[0]
        equal("address", entry["address"], PEER4)
    until(appliance, "the refusal is in the audit", lambda: any(
        r["what"] == "auth.refused" and r["after"] == "wrong_ca"
        for r in appliance.ctl("audit", "list")["audit"]))


@case()
def certificates(appliance):
    """import explains, keys are 0600 and leave only by an audited export, everything outlives a kill"""
    key, cert = appliance.dir / "k.pem", appliance.dir / "c.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=logs.example.org",
            "-days", "3", "-keyout", str(key), "-out", str(cert))
    both = appliance.dir / "both.pem"
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    said = appliance.ctl("cert", "import", str(both), "--name", "bought")
    equal("kind", said["kind"], "identity")
    reasons = {f["reason"] for f in said["findings"]}
    expect({"not_our_serial", "expires_soon"} <= reasons, f"import says {reasons}")
    # The same as PKCS#12, with its password out of a file; and with none.
    pfx = appliance.dir / "both.pfx"
    openssl("pkcs12", "-export", "-in", str(both), "-out", str(pfx), "-passout", "pass:open sesame")
    appliance.ctl("cert", "import", str(pfx), "--name", "again", "--password-file",
                  password_file(appliance))
    wrong = Rpc(appliance).call("cert.import", name="x",
                                data=base64.b64encode(pfx.read_bytes()).decode())
    equal("without password", wrong["error"]["data"]["reason"], "password_needed")
    # A key that is another's.
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key))
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    done = appliance.run("cert", "import", str(both), "--name", "broken")
    equal("mismatch", done.returncode, 1)
    expect(b"key_mismatch" in done.stderr, done.stderr)
    for path in (appliance.dir / "tls").iterdir():
        equal(f"mode of {path.name}", stat.S_IMODE(os.stat(path).st_mode), 0o600)
    # In use at once: the next client sees it, RSA beside P-256.
    appliance.ctl("cert", "use", "node", "bought")
    s = client(appliance)
    s.close()
    expect(appliance.run("cert", "delete", "bought").returncode == 1, "deleted while in use")
    appliance.ctl("cert", "use", "configured")
    out = appliance.dir / "out.pfx"
    appliance.ctl("cert", "export", "again", "--out", str(out), "--password-file",
                  password_file(appliance))
    expect(any(r["what"] == "cert.export" for r in appliance.ctl("audit", "list")["audit"]),
           "an export that is not in the audit")
    done = appliance.run("cert", "show", "node")
    expect(done.stdout.startswith(b"-----BEGIN CERTIFICATE-----\n") and
           done.stdout.endswith(b"-----END CERTIFICATE-----\n"), f"no clean PEM: {done.stdout}")
    expect(b"fingerprint" in done.stderr, f"beside it: {done.stderr}")
    node = appliance.ctl("cert", "show", "node")["fingerprint"]
    appliance.kill()
    appliance.start()
    equal("node's certificate", appliance.ctl("cert", "show", "node")["fingerprint"], node)
    equal("names", [c["name"] for c in appliance.ctl("cert", "list")["certificates"]],
          ["again", "bought", "node"])
    for words in (["cert", "list"], ["cert", "show", "node"], ["cert", "expiring"], ["tls", "show"],
                  ["device", "list"], ["user", "list"], ["refusal", "list"]):
        expect(appliance.run(*words).stdout.strip(), f"{words} says nothing")


def on_a_terminal(appliance, answer, *words):
    """sluicectl, asked on a terminal; its status and what it says there."""
    master, slave = os.openpty()
    with subprocess.Popen([str(SLUICECTL), "--socket", str(appliance.socket), *words], stdin=slave,
                          stdout=subprocess.DEVNULL, stderr=slave) as process:
        os.close(slave)
        said = b""
        while b"[y/N] " not in said:
            said += os.read(master, 4096)
        os.write(master, answer)
        status = process.wait(20)
    os.close(master)
    return status, said.decode()


@case()
def our_authority_is_deleted_by_who_is_sure(appliance):
    """cert delete ca: says what depends on it and asks; without a terminal --yes is needed"""
    ca = appliance.ctl("cert", "ca-init", "--key", "p-256")["pem"]
    s = client(appliance, issue(appliance), ca)
    until(appliance, "the device is pending", lambda: pending(appliance))
    done = appliance.run("cert", "delete", "ca")
    equal("status without a terminal", done.returncode, 1)
    expect(SERIAL.encode() in done.stderr and b"--yes" in done.stderr, done.stderr)
    expect(b"1 device would be refused" in done.stderr, done.stderr)
    status, said = on_a_terminal(appliance, b"\n", "cert", "delete", "ca")
    equal("status of no answer", status, 1)
    expect(SERIAL in said and "this node's certificate" in said, said)
    expect(appliance.run("cert", "show", "ca").returncode == 0, "it is gone")
    equal("status of yes", on_a_terminal(appliance, b"y\n", "cert", "delete", "ca")[0], 0)
    equal("cert show ca", appliance.run("cert", "show", "ca").returncode, 5)
    s.close()
    # Of another one: by its certificate under another name devices are let in on, as the question says.
    pem = appliance.dir / "ca.pem"
    appliance.ctl("cert", "ca-init", "--key", "p-256", "--out", str(pem))
    equal("a second time", appliance.run("cert", "ca-init", "--out", str(pem)).returncode, 1)
    expect(pem.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----"), "the file is not as it was")
    s = client(appliance, issue(appliance, "FGT60F0000000002"))
    until(appliance, "the other is pending", lambda: len(pending(appliance)) == 2)
    appliance.ctl("cert", "import", str(pem), "--name", "former")
    done = appliance.run("cert", "delete", "ca")
    expect(b'as "former" is trusted' in done.stderr, done.stderr)
    appliance.ctl("cert", "delete", "ca", "--yes")
    s.close()
    # Now that one is needed: by whom, the chains of handshakes tell.
    status, said = on_a_terminal(appliance, b"\n", "cert", "delete", "former")
    equal("status of an anchor that is needed", status, 1)
    expect("1 device would be refused as wrong_ca: FGT60F0000000002" in said, said)
    done = appliance.run("cert", "delete", "former")
    equal("status without a terminal", done.returncode, 0)
    expect(b"1 device would be refused as wrong_ca: FGT60F0000000002" in done.stderr, done.stderr)


@case()
def a_check_is_right(appliance):
    """cert check: 0 where a handshake lets the certificate in, 12 where it does not, by the word of the refusal; RC2-40 converted as the docs tell"""
    ca, crt = appliance.dir / "root.key", appliance.dir / "root.crt"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/O=Works/CN=root", "-days", "90", "-keyout", str(ca), "-out", str(crt))

    def device(name, *options, subject=SERIAL):
        pem, config = appliance.dir / f"{name}.pem", appliance.dir / f"{name}.ext"
        config.write_text("\n".join(options) + "\n", encoding="ascii")
        request = openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={subject}",
                          "-keyout", str(pem))
        pem.write_bytes(pem.read_bytes() + openssl(
            "x509", "-req", "-CA", str(crt), "-CAkey", str(ca), "-days", "60", "-extfile", str(config),
            "-set_serial", str(0x1000 + len(name)), data=request))
        return pem

    good, web = device("good"), device("serverauth", "extendedKeyUsage=serverAuth")
    unnamed = device("no-serial", subject="fortigate")

    def check(pem, status, *reasons):
        said = appliance.ctl("cert", "check", str(pem), status=status)
        equal(f"findings of {pem.name}", [f["reason"] for f in said["findings"] if f["level"] == "error"],
              list(reasons))

    def is_refused(pem, reason):
        tries_in_vain(appliance, pem)
        refused(appliance, reason)

    check(good, 12, "missing_intermediate")
    is_refused(good, "wrong_ca")
    appliance.ctl("cert", "import", str(crt), "--name", "root")
    for pem, reason in ((web, "no_client_auth_purpose"), (unnamed, "no_legal_sn")):
        check(pem, 12, reason)
        is_refused(pem, reason)
    check(good, 0)
    equal("devices", pending(appliance), [])
    s = client(appliance, good)
    until(appliance, "it is pending", lambda: pending(appliance))
    s.close()
    # Converted as the docs tell; passwords are not typed here.
    old, text, new = (appliance.dir / n for n in ("old.pfx", "old.pem", "new.pfx"))
    words = ["-passin", "pass:open sesame", "-passout", "pass:open sesame"]
    openssl("pkcs12", "-export", "-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-in", str(good), "-out", str(old),
            *words[2:])
    done = appliance.run("cert", "check", str(old), "--password-file", password_file(appliance))
    expect(done.returncode == 1 and b"-legacy" in done.stderr, done)
    openssl("pkcs12", "-legacy", "-in", str(old), "-out", str(text), *words)
    expect(b"BEGIN ENCRYPTED PRIVATE KEY" in text.read_bytes(), "a key in the clear")
    openssl("pkcs12", "-export", "-in", str(text), "-out", str(new), *words)
    for pem in (text, new):
        appliance.ctl("cert", "check", str(pem), "--password-file", password_file(appliance))


@case()
def a_large_crl(appliance):
    """a CRL of 40,000 entries, nearly as large as one may be, is imported live: who is on it is refused, others are not; it outlives a restart"""
    ca, crt = appliance.dir / "big.key", appliance.dir / "big.crt"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/O=Big/CN=big", "-days", "30", "-keyout", str(ca), "-out", str(crt))
    appliance.ctl("cert", "import", str(crt), "--name", "big")
    pems = []
    for n, number in enumerate((0x5000, 0x400000)):
        pem = appliance.dir / f"device{n}.pem"
        request = openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                          f"/CN=FGT60F000000001{n}", "-keyout", str(pem))
        pem.write_bytes(pem.read_bytes() + openssl(
            "x509", "-req", "-CA", str(crt), "-CAkey", str(ca), "-days", "30", "-set_serial", str(number),
            data=request))
        pems.append(pem)
        appliance.ctl("device", "authorize", f"FGT60F000000001{n}")
    lines = [f"R\t391231000000Z\t240101000000Z,keyCompromise\t{0x1000 + n:08X}\tunknown\t/CN=x\n"
             for n in range(40000)]
    (appliance.dir / "index.txt").write_text("".join(reversed(lines)), encoding="ascii")
    config, crl = appliance.dir / "ca.cnf", appliance.dir / "big.crl"
    config.write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {appliance.dir}/index.txt\n"
                      "default_md = sha256\ndefault_crl_days = 7\n", encoding="ascii")
    openssl("ca", "-gencrl", "-config", str(config), "-keyfile", str(ca), "-cert", str(crt), "-out", str(crl))
    expect(3 << 19 < crl.stat().st_size < 2 << 20, f"{crl.stat().st_size} bytes are not many")
    said = appliance.ctl("cert", "import", str(crl), "--name", "big-crl")
    equal("findings", said["findings"], [])
    for _ in range(2):
        try:
            with client(appliance, pems[0]) as s:
                s.sendall(b"<13>revoked\n")
                while s.recv(1):
                    pass
        except (ssl.SSLError, OSError):
            pass
        refused(appliance, "revoked")
        with client(appliance, pems[1]) as s:
            s.sendall(b"<13>not revoked\n")
            until(appliance, "Up", lambda: appliance.ctl("device", "show", "FGT60F0000000011")["up"])
        appliance.wait_total("stored", 1)  # of this life
        equal("exit", appliance.stop(), 0)
        appliance.start()
    equal("logs", appliance.logs("--device", "FGT60F0000000011"), [b"<13>not revoked"] * 2)


@case()
def users_and_keys(appliance):
    """users, preshared keys and the legacy mode: no password in argv, none in the registry"""
    secret = password_file(appliance, "correct horse battery")
    appliance.ctl("user", "add", "fw-old", "--password-file", secret)
    appliance.ctl("device", "set", SERIAL, "preshared-key", "--password-file", secret)
    appliance.ctl("settings", "set", "legacy-auth-mode", "enable")
    equal("legacy mode", appliance.ctl("status")["settings"]["legacy-auth-mode"], "enable")
    equal("on the command line", appliance.run("device", "set", SERIAL, "preshared-key",
                                               "correct horse battery").returncode, 2)
    appliance.stop()
    for path in appliance.dir.glob("registry.db*"):
        expect(b"correct horse" not in path.read_bytes(), f"the password is in {path.name}")
    appliance.start()
    equal("users", [u["user"] for u in appliance.ctl("user", "list")["users"]], ["fw-old"])
    expect(appliance.ctl("device", "show", SERIAL)["preshared_key"], "the key is gone")


@case()
def the_trace(appliance):
    """debug start oftpd streams a handshake in the words of the vendor's"""
    ca = appliance.ctl("cert", "ca-init", "--key", "p-256")["pem"]
    pem = issue(appliance)
    watch = Rpc(appliance)
    expect("result" in watch.call("debug.start", what="oftpd", level=8, address=PEER4), "no trace")
    equal("a second one", Rpc(appliance).call("debug.start", what="oftpd", level=8)["error"]["data"][
        "reason"], "busy")
    s = client(appliance, pem, ca)
    text = ""
    while "depth=0" not in text:
        text += watch.read()["params"]["line"] + "\n"
    s.close()
    for words in ("VERIFY OK: depth=1", "VERIFY OK: depth=0", SERIAL, PEER4):
        expect(words in text, f"no {words} in {text}")


@case()
def reload_of_tls(appliance):
    """a reload that names an identity that is not there changes nothing"""
    appliance.config["tls"] = {"contexts": [{"sni": "default", "identity": "nobody"}]}
    appliance.write_config()
    done = appliance.run("config", "reload")
    equal("status", done.returncode, 1)
    expect(b"nobody" in done.stderr, done.stderr)
    appliance.config["tls"] = {"min-proto-version": "tls1.3"}
    appliance.write_config()
    appliance.ctl("config", "reload")
    equal("version", appliance.ctl("tls", "show")["min_proto_version"], "tls1.3")
    s = client(appliance)
    equal("spoken", s.version(), "TLSv1.3")
    s.close()
