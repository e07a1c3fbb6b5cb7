"""Peers in chroots: a directory for a run inside of one, and lines for it to send."""

import contextlib
import os
import pathlib
import shutil
import tempfile


def sample(n, tag="peer"):
    """A log line of a firewall, number n."""
    return (f"<134>date=2025-03-01 time=12:00:00 devname=\"{tag}\" logid=\"0000000013\" type=\"traffic\" "
            f"level=\"notice\" srcip=10.0.{n // 250 % 250}.{n % 250} dstip=198.51.100.7 action=\"accept\" "
            f"msg=\"h\u00e4llo {'x' * (n % 300)}\" n={n}")


@contextlib.contextmanager
def chroot_directory(root):
    """A directory inside the chroot: (path here, path there)."""
    (pathlib.Path(root) / "tmp").mkdir(exist_ok=True)
    here = tempfile.mkdtemp(prefix="sluice-", dir=os.path.join(root, "tmp"))
    try:
        yield pathlib.Path(here), pathlib.Path("/tmp") / os.path.basename(here)
    finally:
        shutil.rmtree(here)
