"""What a run costs: CPU time by thread, softirq time of a CPU, medians; and what machine it was."""

import os
import pathlib
import platform
import re
import statistics
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


def output(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False).stdout


def thread_cpu(pid):
    """{thread id: (name, seconds on a CPU)}, to the nanosecond, as the scheduler counts."""
    threads = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            ns = int((task / "schedstat").read_text().split()[0])
            threads[int(task.name)] = ((task / "comm").read_text().strip(), ns / 1e9)
        except (OSError, IndexError):
            pass  # it has ended
    return threads


def resident(pid):
    """Bytes in memory that are its own, files and shared memory left out."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^RssAnon:\s*(\d+) kB", text, re.M)[1]) * 1024


def huge_mib():
    """MiB of huge pages that nobody has taken; None: there are none, or not of 2 MiB."""
    text = pathlib.Path("/proc/meminfo").read_text()
    if not re.search(r"^Hugepagesize:\s+2048 kB$", text, re.M):
        return None
    return 2 * (int(re.search(r"^HugePages_Free:\s*(\d+)", text, re.M)[1]) -
                int(re.search(r"^HugePages_Rsvd:\s*(\d+)", text, re.M)[1]))


def columns(cpu, stat):
    text = stat if stat is not None else pathlib.Path("/proc/stat").read_text()
    return [int(column) / TICKS for column in re.search(rf"^cpu{cpu} (.*)$", text, re.M)[1].split()]


def softirq(cpu, stat=None):
    """Seconds that a CPU has spent in softirqs, as ticks have sampled it."""
    return columns(cpu, stat)[6]


def unused(cpu, stat=None):
    """Seconds that a CPU had nothing to do, or was another guest's: these columns are by the clock."""
    _, _, _, idle, iowait, _, _, steal, *_ = columns(cpu, stat)
    return idle + iowait + steal


def stolen():
    """Seconds of all CPUs that the host has given to others when they were wanted here."""
    return sum(columns(cpu, None)[7] for cpu in range(os.cpu_count()))


def spread(values):
    """(median, least, most)"""
    return statistics.median(values), min(values), max(values)


def openssl(root):
    """The version of OpenSSL in a file system."""
    for library in sorted(pathlib.Path(root).glob("usr/lib/*/libcrypto.so.3")):
        said = re.search(rb"OpenSSL (\d+\.\d+\.\d+)", library.read_bytes())
        if said:
            return said[1].decode()
    return None


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return {
        "cpu": model[1] if model else platform.machine(),
        "cpus": os.cpu_count(),
        "memory_mib": int(memory[1]) // 1024,
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
        "openssl": openssl("/"),
        "commit": output("git", "-C", str(pathlib.Path(__file__).parent), "rev-parse", "--short=12",
                         "HEAD").strip(),
    }


def lossless(trial, start, limit, steps=4, growth=1.5):
    """The highest rate at which trial(rate) says True, by doubling and halving the difference; 0: none.

    `start` is tried first, `limit` is the most. `steps`: how often the interval is halved."""
    good, bad = 0, None
    rate = start
    while bad is None and rate <= limit:
        if trial(rate):
            good, rate = rate, rate * growth
        else:
            bad = rate
    if good == 0:
        while bad > start / 64:
            bad /= 2
            if trial(bad):
                good, bad = bad, bad * 2
                break
        else:
            return 0
    for _ in range(steps if bad else 0):
        rate = (good + bad) / 2
        if trial(rate):
            good = rate
        else:
            bad = rate
    return good
