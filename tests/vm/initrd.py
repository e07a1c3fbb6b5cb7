#!/usr/bin/env python3
"""Writes an initial ram disk (newc cpio) for the guest: programs, the libraries they are linked
with, kernel modules and plain files. Symbolic links are kept, as DPDK loads its drivers by
directory and would load a copied link twice."""

import os
import stat
import subprocess


class Initrd:
    def __init__(self):
        self.entries = {"": (stat.S_IFDIR | 0o755, b"")}
        for top in ("bin", "sbin", "lib", "lib64"):
            self.link("usr/" + top, "/" + top)

    def _parents(self, name):
        name = os.path.dirname(name)
        while name and name not in self.entries:
            self.entries[name] = (stat.S_IFDIR | 0o755, b"")
            name = os.path.dirname(name)

    def directory(self, path, mode=0o755):
        name = path.strip("/")
        self._parents(name)
        self.entries[name] = (stat.S_IFDIR | mode, b"")

    def data(self, content, path, mode=0o644):
        name = self._place(path)
        self._parents(name)
        self.entries[name] = (stat.S_IFREG | mode, content)

    def file(self, source, path, mode=None):
        with open(source, "rb") as f:
            self.data(f.read(), path, mode or (os.stat(source).st_mode & 0o777))

    def link(self, target, path):
        name = path.strip("/")
        self._parents(name)
        self.entries[name] = (stat.S_IFLNK | 0o777, target.encode())

    @staticmethod
    def _place(path):
        """/lib/x is /usr/lib/x: Debian has merged them."""
        first = path.strip("/").split("/")[0]
        if first in ("bin", "sbin", "lib", "lib64"):
            return "usr/" + path.strip("/")
        return path.strip("/")

    def same(self, path):
        """Copies a file of this machine to the same place, by every link on its way."""
        here = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if here != path:
            place = "/" + self._place(path)
            if os.path.dirname(place) != os.path.dirname(here):
                self.link(here, place)
        if os.path.islink(here):
            target = os.readlink(here)
            self.link(target, here)
            self.same(os.path.normpath(os.path.join(os.path.dirname(here), target)))
        elif "/" + self._place(here) not in self.entries:
            self.file(here, here)

    def program(self, source, path):
        """A program or plug-in with all libraries it needs."""
        self.file(source, path, 0o755)
        self.libraries(source)

    def libraries(self, source):
        for lib in linked(source):
            self.same(lib)

    def write(self, out):
        with open(out, "wb") as f:
            for ino, name in enumerate(sorted(self.entries), 1):
                mode, content = self.entries[name]
                _record(f, ino, name or ".", mode, content)
            _record(f, 0, "TRAILER!!!", 0, b"")


def _record(f, ino, name, mode, content):
    raw = name.encode() + b"\0"
    fields = (ino, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
    head = b"070701" + b"".join(b"%08x" % v for v in fields) + raw
    f.write(head + b"\0" * (-len(head) % 4))
    f.write(content + b"\0" * (-len(content) % 4))


def linked(program):
    """The files the dynamic linker would load for `program`; raises when one is missing."""
    out = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    if "not found" in out:
        raise RuntimeError(f"{program}: {out}")
    paths = [line.split("=>")[-1].split("(")[0].strip() for line in out.splitlines()]
    return [p for p in paths if p.startswith("/")]


def module_depends(path):
    """Names of the modules that a kernel module needs, from its .modinfo section."""
    with open(path, "rb") as f:
        raw = f.read()
    at = raw.find(b"\0depends=")
    if at < 0:
        return []
    names = raw[at + 9:raw.index(b"\0", at + 9)].decode()
    return [n for n in names.split(",") if n]


def module_order(tree, wanted):
    """Files of `wanted` modules and what they need, in the order to load them."""
    files = {}
    for root, _, names in os.walk(tree):
        for n in names:
            if n.endswith(".ko"):
                files[n[:-3].replace("-", "_")] = os.path.join(root, n)
    order = []

    def visit(name):
        path = files.get(name.replace("-", "_"))
        if path is None:
            raise RuntimeError(f"the guest's kernel has no module {name}")
        for need in module_depends(path):
            visit(need)
        if path not in order:
            order.append(path)

    for name in wanted:
        visit(name)
    return order
