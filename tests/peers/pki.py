"""Authorities and certificates for tests, by the openssl command: each kind of key, two levels, and each
way in which one can be wrong."""

import pathlib
import subprocess

KINDS = {
    "rsa-2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa-4096": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
    "p-256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
}
SMALL = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]

AUTHORITY = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
DEVICE = ("extendedKeyUsage=clientAuth",)

CONFIG = """
[req]
distinguished_name = dn
[dn]
[ca]
default_ca = books
[books]
database = {where}/index
serial = {where}/serial
new_certs_dir = {where}
rand_serial = yes
default_md = sha256
default_days = 30
default_crl_days = 30
unique_subject = no
policy = any
[any]
organizationName = optional
commonName = supplied
"""


def openssl(*words):
    """What it prints; a failure raises with what it says."""
    done = subprocess.run(["openssl", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr.decode()[-600:]}")
    return done.stdout


class Made:
    """A certificate: .crt, .key, .chain (it and its intermediates), .pem (chain and key)."""

    def __init__(self, where, name, issuer, key):
        self.name, self.issuer, self.key = name, issuer, key
        self.crt = where / f"{name}.crt"
        self.chain, self.pem = where / f"{name}.chain", where / f"{name}.pem"

    def above(self):
        """Intermediates: all that issued it but the root."""
        made, found = self.issuer, []
        while made and made.issuer:
            found.append(made)
            made = made.issuer
        return found

    def gather(self):
        chain = b"".join(m.crt.read_bytes() for m in [self, *self.above()])
        self.chain.write_bytes(chain)
        self.pem.write_bytes(chain + self.key.read_bytes())
        self.pem.chmod(0o644)
        return self


class Pki:
    """Root and intermediate of one kind of key in a directory. All hosts share one key, as it takes
    seconds to find one of RSA-4096."""

    def __init__(self, where, kind="p-256", organization="Works"):
        self.where = pathlib.Path(where)
        self.where.mkdir(parents=True)
        self.where.chmod(0o755)
        self.kind, self.organization = kind, organization
        self.config = self.where / "config"
        self.config.write_text(CONFIG.format(where=self.where), encoding="ascii")
        (self.where / "index").touch()
        self.host_key = self.new_key("host", KINDS[kind])
        self.root = self.certificate("root", "root", None, AUTHORITY, self.new_key("root", KINDS[kind]))
        self.sub = self.certificate("sub", "sub", self.root, AUTHORITY, self.new_key("sub", KINDS[kind]))

    def new_key(self, name, words):
        file = self.where / f"{name}.key"
        openssl("genpkey", *words, "-out", file)
        file.chmod(0o644)
        return file

    def certificate(self, name, cn, issuer, extensions=DEVICE, key=None, digest="sha256"):
        """Valid from now for 30 days."""
        made = Made(self.where, name, issuer, key or self.host_key)
        words = ["req", "-x509", "-config", self.config, "-key", made.key, "-subj",
                 f"/O={self.organization}/CN={cn}", "-days", "30", f"-{digest}", "-out", made.crt]
        if issuer:
            words += ["-CA", issuer.crt, "-CAkey", issuer.key]
        for extension in ("subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid", *extensions):
            words += ["-addext", extension]
        openssl(*words)
        return made.gather()

    def device(self, cn, name=None, **more):
        return self.certificate(name or cn, cn, self.sub, **more)

    def server(self, serial, address):
        """An identity for sluiced that every client can verify: by serial, name or address."""
        return self.certificate(f"server-{self.kind}", serial, self.sub, (
            "extendedKeyUsage=serverAuth", f"subjectAltName=DNS:{serial},IP:{address}"))

    def dated(self, cn, begin, end):
        """A device of the intermediate with such dates (YYYYMMDDHHMMSSZ)."""
        made = Made(self.where, cn, self.sub, self.host_key)
        request = self.where / f"{cn}.csr"
        openssl("req", "-new", "-config", self.config, "-key", made.key, "-subj",
                f"/O={self.organization}/CN={cn}", "-out", request)
        openssl("ca", "-config", self.config, "-batch", "-notext", "-startdate", begin, "-enddate", end,
                "-cert", self.sub.crt, "-keyfile", self.sub.key, "-in", request, "-out", made.crt)
        return made.gather()

    def crl(self, *revoked):
        """A CRL of the intermediate that names these; its file."""
        for made in revoked:
            openssl("ca", "-config", self.config, "-cert", self.sub.crt, "-keyfile", self.sub.key,
                    "-revoke", made.crt)
        file = self.where / "crl.pem"
        openssl("ca", "-config", self.config, "-cert", self.sub.crt, "-keyfile", self.sub.key, "-gencrl",
                "-out", file)
        return file
