"""TLS as openssl's own client speaks it: versions, kinds of keys, resumption, chains, refusals."""

import pathlib
import subprocess

from appliance import stage
from case_trust import SERIAL, issue, openssl, refused, until
from cases import collector, equal, expect
from netns import HOST4

CASES = []
case = collector(CASES, lambda **changes: stage(**changes))


class SClient:
    """openssl s_client, which sends what it is given, until it is told to end."""

    def __init__(self, appliance, *options):
        self.out = appliance.dir / "s_client.out"
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen(
                appliance.ns.command("openssl", "s_client", "-connect", f"{HOST4}:514", *options),
                stdin=subprocess.PIPE, stdout=out, stderr=out)

    def say(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def end(self):
        """What it printed."""
        self.process.stdin.close()
        self.process.wait(timeout=30)
        return self.out.read_text(errors="replace")


def let_in(appliance, key):
    """An authority, a device with such a key, authorized; its PEM and the authority's."""
    ca = appliance.dir / "ca.pem"
    ca.write_text(appliance.ctl("cert", "ca-init", "--key", "p-256")["pem"], encoding="ascii")
    pem = appliance.dir / "device.pem"
    if key == "p-256":
        pem = issue(appliance)
    else:
        pfx = appliance.dir / "device.pfx"
        password = appliance.dir / "password"
        password.write_text("open sesame\n", encoding="ascii")
        appliance.ctl("cert", "issue", SERIAL, "--key", key, "--out", str(pfx),
                      "--password-file", str(password))
        pem.write_bytes(openssl("pkcs12", "-in", str(pfx), "-nodes", "-passin", "pass:open sesame"))
    appliance.ctl("device", "authorize", SERIAL)
    return pem, ca


def comes_and_comes_again(appliance, key):
    pem, ca = let_in(appliance, key)
    sent = []
    for version, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
        session = appliance.dir / f"session{version}"
        for again in (False, True):
            line = f"<13>openssl {name} {again}".encode()
            ticket = ["-sess_in", str(session)] if again else ["-sess_out", str(session)]
            client = SClient(appliance, version, "-cert", str(pem), "-key", str(pem),
                             "-CAfile", str(ca), "-verify_return_error", *ticket)
            client.say(line + b"\n")
            sent.append(line)
            appliance.wait_total("stored", len(sent))
            said = client.end()
            expect(("Reused, " if again else "New, ") + name in said, f"{version} {again}: {said}")
            expect("Verify return code: 0 (ok)" in said, said)
    equal("logs", appliance.logs("--device", SERIAL), sent)


@case()
def openssl_p256(appliance):
    """openssl s_client with a P-256 key: TLS 1.2 and 1.3, each again with its ticket"""
    comes_and_comes_again(appliance, "p-256")


@case()
def openssl_rsa(appliance):
    """openssl s_client with an RSA-2048 key: TLS 1.2 and 1.3, each again with its ticket"""
    comes_and_comes_again(appliance, "rsa-2048")


def sign(where, name, subject, issuer=None, extensions=()):
    """A certificate of openssl's making: NAME.pem with its key."""
    key, pem = where / f"{name}.key", where / f"{name}.crt"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", subject, "-days", "30", "-keyout", str(key), "-out", str(pem)]
    for extension in extensions:
        words += ["-addext", extension]
    if issuer:
        request = where / f"{name}.csr"
        config = where / f"{name}.ext"
        config.write_text("\n".join(extensions) + "\n", encoding="ascii")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                subject, "-keyout", str(key), "-out", str(request))
        openssl("x509", "-req", "-in", str(request), "-CA", str(where / f"{issuer}.crt"), "-CAkey",
                str(where / f"{issuer}.key"), "-CAcreateserial", "-days", "30", "-extfile",
                str(config), "-out", str(pem))
    else:
        openssl(*words)
    return pem, key


@case()
def openssl_two_levels(appliance):
    """a chain of two levels: with its intermediate it is let in, without refused by name"""
    where = pathlib.Path(appliance.dir)
    authority = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
    root, _ = sign(where, "root", "/O=Works/CN=root")
    sub, _ = sign(where, "sub", "/O=Works/CN=sub", "root", authority)
    leaf, key = sign(where, "leaf", f"/O=Works/CN={SERIAL}", "sub")
    web, web_key = sign(where, "web", f"/O=Works/CN={SERIAL}", "root", ("extendedKeyUsage=serverAuth",))
    appliance.ctl("cert", "import", str(root))
    appliance.ctl("device", "authorize", SERIAL)
    client = SClient(appliance, "-cert", str(leaf), "-key", str(key), "-cert_chain", str(sub))
    client.say(b"<13>by two levels\n")
    appliance.wait_total("stored", 1)
    client.end()
    equal("logs", appliance.logs("--device", SERIAL), [b"<13>by two levels"])
    for options, reason in ((("-cert", str(leaf), "-key", str(key)), "missing_intermediate"),
                            (("-cert", str(web), "-key", str(web_key)), "no_client_auth_purpose"),
                            (("-tls1_2", "-cipher", "AES256-SHA"), "no_shared_cipher"),
                            (("-tls1_1", "-cipher", "ALL@SECLEVEL=0"), "tls_version")):
        client = SClient(appliance, *options)
        refused(appliance, reason)
        client.end()
    until(appliance, "no session is left", lambda: not appliance.ctl("session", "list")["sessions"])
