"""What of the system is set for a sitting of the bench suite, and put back afterwards."""

import glob
import pathlib
import re

import measure
from netns import run


class SocketBuffers:
    """Lets receivers have the buffers they ask for."""

    WANTED = {"net.core.rmem_max": 134217728, "net.core.wmem_max": 134217728}

    def __enter__(self):
        self.before = {key: run("sysctl", "-n", key).strip() for key in self.WANTED}
        for key, value in self.WANTED.items():
            run("sysctl", "-q", "-w", f"{key}={value}")
        return {**self.WANTED}

    def __exit__(self, *_):
        for key, value in self.before.items():
            run("sysctl", "-q", "-w", f"{key}={value}", check=False)


class HugePages:
    """Memory for EAL, of the receiver and of the sender, as an appliance has it: with a page table entry for each 4
    KiB, whatever reads /proc/PID/smaps holds a CPU for milliseconds. Where there is none, they run without."""

    MIB = 512 + 128
    KEY = "vm.nr_hugepages"

    def __init__(self):
        self.before = self.mounted = None

    def __enter__(self):
        try:
            return self.enter()
        except BaseException:
            self.__exit__()
            raise

    def enter(self):
        if measure.huge_mib() is None:  # none, or not of 2 MiB, which the sysctl counts
            return {}
        self.before = int(run("sysctl", "-n", self.KEY))
        missing = self.MIB - measure.huge_mib()
        if missing > 0:
            run("sysctl", "-q", "-w", f"{self.KEY}={self.before + (missing + 1) // 2}", check=False)
        if " hugetlbfs " not in pathlib.Path("/proc/mounts").read_text():
            pathlib.Path("/dev/hugepages").mkdir(exist_ok=True)
            run("mount", "-t", "hugetlbfs", "hugetlbfs", "/dev/hugepages", check=False)
            self.mounted = "/dev/hugepages"
        return {self.KEY: int(run("sysctl", "-n", self.KEY))}

    @classmethod
    def enough(cls):
        return (measure.huge_mib() or 0) >= cls.MIB

    @staticmethod
    def forget(prefix):
        """What a process with this file prefix had: EAL leaves it to its next start."""
        for where in re.findall(r"^\S+ (\S+) hugetlbfs ", pathlib.Path("/proc/mounts").read_text(), re.M):
            for file in pathlib.Path(where).glob(f"{glob.escape(prefix)}map_*"):
                file.unlink()

    def __exit__(self, *_):
        if self.mounted:
            run("umount", self.mounted, check=False)
        if self.before is not None:
            run("sysctl", "-q", "-w", f"{self.KEY}={self.before}", check=False)
