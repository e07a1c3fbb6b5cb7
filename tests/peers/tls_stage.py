"""What a case over TLS needs on the appliance: whom it trusts, what it shows, who may log."""

import pathlib
import ssl
import tempfile

from appliance import Rpc
from netns import HOST4
from pki import Pki


_directory = tempfile.TemporaryDirectory(prefix="sluice-pki-")
_made = {}


def authority(kind="p-256"):
    """Root and intermediate of this kind of key, the same for all cases of a run."""
    if kind not in _made:
        pathlib.Path(_directory.name).chmod(0o755)
        _made[kind] = Pki(f"{_directory.name}/{kind}", kind)
    return _made[kind]


def configure(appliance, **parts):
    """Changes the configuration and has it read."""
    for key, value in parts.items():
        appliance.config.setdefault(key, {}).update(value)
    appliance.write_config()
    appliance.ctl("config", "reload")


def trust(appliance, pki):
    """The root is an anchor; what devices show must bring its intermediate."""
    appliance.ctl("cert", "import", str(pki.root.crt), "--name", f"root-{pki.kind}")


def show(appliance, *pkis):
    """Identities of sluiced's, one of a kind of key, that clients who trust the roots can verify."""
    serial = appliance.ctl("status")["node"]["serial"]
    for pki in pkis:
        made = pki.server(serial, HOST4)
        appliance.ctl("cert", "import", str(made.pem), "--name", made.name)
    appliance.ctl("cert", "use", *(f"server-{pki.kind}" for pki in pkis))
    return serial


def authorize(appliance, *serials):
    for serial in serials:
        appliance.ctl("device", "authorize", serial)


def refusals(appliance, rpc=None):
    """How many were refused, by slug."""
    return (rpc or Rpc(appliance)).call("refusal.list")["result"]["totals"]


def client(appliance, made=None, root=None, version=None):
    """A context of Python's ssl and a connection of it: (connect(session=None) -> socket)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if root else ssl.CERT_NONE
    if root:
        context.load_verify_locations(root.crt)
    if made:
        context.load_cert_chain(made.chain, made.key)
    if version:
        context.minimum_version = context.maximum_version = version

    def connect(session=None, server_hostname=HOST4):
        raw = appliance.ns.connect((HOST4, 514))
        raw.settimeout(20)
        return context.wrap_socket(raw, server_hostname=server_hostname, session=session)
    return connect
