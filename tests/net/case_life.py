"""Starts, ends and what stops a start: restart, a second sluiced, bad configurations and directories."""

import contextlib
import json
import os
import pathlib
import pwd
import re
import subprocess

import appliance as lib
from appliance import balanced, stage
from case_wire import send
from cases import collector, equal, expect
from netns import HOST4, PEER4, run

CASES = []
case = collector(CASES, lambda **changes: stage(**changes))
cold = collector(CASES, lambda **changes: stage(start=False, **changes))


def refused(appliance, *words):
    """sluiced does not start, ends with an error, and its message has all `words`."""
    appliance.write_config()
    appliance.spawn()
    try:
        code = appliance.process.wait(30)
    finally:
        appliance.close()
    text = appliance.log.read_text(errors="replace")
    expect(code not in (0, None) and code > 0, f"status {code}: {text}")
    for word in words:
        expect(word in text, f"no {word!r} in: {text}")


@case(quick=True)
def restart(appliance):
    """SIGTERM ends it cleanly with all that was received stored; the next one knows it all"""
    logs = [b"<13>first %d" % n for n in range(3000)]
    send(appliance, logs)
    equal("exit status", appliance.stop(), 0)
    code, said = appliance.verify()
    equal(f"journal verify ({said})", code, 0)
    done = appliance.run("log", "show", "--raw", "--dir", str(appliance.journal), "--device", PEER4)
    equal("logs without sluiced", sorted(done.stdout.split(b"\n")[:-1]) == sorted(logs), True)
    appliance.start()
    more = [b"<13>second %d" % n for n in range(100)]
    send(appliance, more)
    appliance.wait_total("stored", len(more))
    equal("logs after the restart", sorted(appliance.logs("--device", PEER4)) == sorted(logs + more), True)


@case()
def end_under_load(appliance):
    """SIGTERM while logs pour in: what the account had received is stored"""
    with appliance.ns.connect((HOST4, 514), timeout=60) as s:
        s.sendall(b"".join(b"<13>%d\n" % n for n in range(100000)))
        seen = appliance.total()
        equal("exit status", appliance.stop(), 0)
    expect(balanced(seen), f"the account does not add up: {seen}")
    code, said = appliance.verify()
    equal(f"journal verify ({said})", code, 0)
    done = appliance.run("log", "show", "--raw", "--dir", str(appliance.journal), "--device", PEER4)
    stored = done.stdout.split(b"\n")[:-1]
    expect(len(stored) >= seen["received"], f"{seen['received']} received, {len(stored)} stored")
    first = [b"<13>%d" % n for n in range(len(stored))]
    if stored and first[-1].startswith(stored[-1]):
        first[-1] = stored[-1]  # what had come of the log in which the connection was cut
    wrong = [(n, got) for n, (got, wanted) in enumerate(zip(stored, first)) if got != wanted]
    expect(not wrong, f"not the first {len(stored)} logs in their order, but at {wrong[:3]}; seen {seen}")


@case(quick=True)
def zstdcat(appliance):
    """zstdcat reads a segment while it is written, and when it is closed"""
    logs = [b"<13>plain %d" % n for n in range(2000)]
    send(appliance, logs)
    appliance.wait_total("stored", len(logs))

    def read():
        files = sorted(appliance.journal.glob("*.zst"))
        out = b""
        for path in files:
            out += subprocess.run(["zstdcat", str(path)], stdin=subprocess.DEVNULL,
                                  capture_output=True, check=False).stdout
        return [line for line in out.split(b"\n") if line.startswith(b"<13>plain")]

    equal("logs of the segment being written", sorted(read()) == sorted(logs), True)
    equal("exit status", appliance.stop(), 0)
    equal("logs of closed segments", sorted(read()) == sorted(logs), True)
    for path in appliance.journal.glob("*.zst"):
        done = subprocess.run(["zstd", "--test", "--quiet", str(path)], stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)
        equal(f"zstd --test {path.name} ({done.stderr.decode()})", done.returncode, 0)


@case()
def second_sluiced(appliance):
    """a second sluiced on the same journal is refused by name; the first goes on"""
    other = appliance.dir / "other.yaml"
    config = json.loads(json.dumps(appliance.config))
    config["control"]["socket"] = str(appliance.dir / "other.sock")
    config["ports"][0]["devargs"] = "net_null0"
    config["metrics"]["listen"] = "127.0.0.1:9515"
    other.write_text(json.dumps(config))
    done = subprocess.run(appliance.ns.command(str(lib.SLUICED), "--config", str(other)),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          check=False)
    expect(done.returncode > 0, f"status {done.returncode}")
    text = done.stdout + done.stderr
    expect("lock" in text.lower() and str(appliance.journal) in text, text)
    send(appliance, [b"<13>still here"])
    appliance.wait_total("stored", 1)


@cold()
def bad_configuration(appliance):
    """unknown key and wrong type are told with file, line and key, by --check-config too"""
    appliance.file.write_text("node: {name: x}\nports: []\njournal:\n  dri: /tmp\n  block-size: 1MB\n")
    for words in (["--config"], ["--check-config"]):
        done = subprocess.run([str(lib.SLUICED), *words, str(appliance.file)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        expect(done.returncode > 0, f"status {done.returncode}")
        text = done.stdout + done.stderr
        for word in (f"{appliance.file}:4:", "journal.dri", f"{appliance.file}:5:", "journal.block-size"):
            expect(word in text, f"no {word!r} in: {text}")


@cold()
def print_config(appliance):
    """--print-config is a configuration that --check-config takes, once it has a port"""
    done = subprocess.run([str(lib.SLUICED), "--print-config"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=True)
    expect("commit-interval-unacked" in done.stdout, done.stdout)
    good = subprocess.run([str(lib.SLUICED), "--check-config", str(appliance.file)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    equal(f"status for a good file ({good.stderr})", good.returncode, 0)


@cold()
def socket_directory_is_made(appliance):
    """a missing directory of the socket is made and belongs to sluice, who removes the socket at the end"""
    appliance.socket = appliance.dir / "made" / "control.sock"
    appliance.config["control"]["socket"] = str(appliance.socket)
    appliance.write_config()
    for says in ("the journal is new", "the journal was closed cleanly"):
        appliance.start()
        equal("owner", appliance.socket.parent.owner(), "sluice")
        equal("exit status", appliance.stop(), 0)
        equal("the socket is left behind", appliance.socket.exists(), False)
        expect(says in appliance.log.read_text(), f"not said: {says}")
        appliance.log.write_bytes(b"")


@cold()
def no_such_port(appliance):
    """a port that does not exist"""
    appliance.config["ports"][0]["devargs"] = "0000:99:00.0"
    refused(appliance, "data0", "0000:99:00.0")


@cold()
def no_such_cpu(appliance):
    """a CPU that is not there"""
    appliance.config["cores"] = {"rx": [1000], "workers": [0]}
    appliance.write_config()
    done = subprocess.run([str(lib.SLUICED), "--check-config", str(appliance.file)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    equal("status of a file that may be for another machine", done.returncode, 0)
    expect("warning: cores.rx: this machine has no CPU 1000" in done.stderr, done.stderr)
    refused(appliance, "cores.rx[0]: no CPU 1000 here")


@cold()
def no_such_driver(appliance):
    """a virtual device that no driver knows"""
    appliance.config["ports"][0]["devargs"] = "net_foo0"
    refused(appliance, "data0", "net_foo0")


@cold()
def journal_missing(appliance):
    """a journal directory that is missing"""
    appliance.config["journal"]["dir"] = str(appliance.dir / "nowhere")
    refused(appliance, "journal.dir", "nowhere: No such file",
            f"install -d -o sluice -g sluice -m 0750 {appliance.config['journal']['dir']}")
    appliance.config["journal"]["dir"] = str(appliance.dir / "nowhere/at/all")
    refused(appliance, "journal.dir", "nowhere/at/all: No such file")
    appliance.config["journal"]["dir"] = str(appliance.file)
    refused(appliance, "journal.dir", "not a directory")
    equal("a registry was made", (appliance.dir / "registry.db").exists(), False)


@cold()
def journal_read_only(appliance):
    """a journal directory that cannot be written"""
    subprocess.run(["mount", "--bind", str(appliance.journal), str(appliance.journal)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(appliance.journal)], check=True)
        refused(appliance, str(appliance.journal), "ead-only")
    finally:
        subprocess.run(["umount", str(appliance.journal)], check=True)


@cold()
def journal_foreign(appliance):
    """a directory full of something else"""
    (appliance.journal / "letter.txt").write_text("dear diary")
    (appliance.journal / "0000000000000001.zst").write_bytes(b"this is no zstd file at all" * 100)
    refused(appliance, str(appliance.journal))
    equal("the foreign file", (appliance.journal / "letter.txt").read_text(), "dear diary")


@cold()
def no_hugepages(appliance):
    """hugepages asked for where there are none"""
    free = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
    if os.path.exists(free):
        with open(free, encoding="ascii") as f:
            appliance.config["eal"]["memory"] = f"{(int(f.read()) * 2 + 2048) // 64 * 64}MiB"
    appliance.config["eal"]["huge"] = "on"
    refused(appliance, "hugepages")


@contextlib.contextmanager
def hugepages(mib):
    """So many MiB of them are free and no more, and a hugetlbfs is mounted; gives its place."""
    key = "vm.nr_hugepages"
    text = pathlib.Path("/proc/meminfo").read_text(encoding="ascii")
    total, free = (int(re.search(rf"^HugePages_{which}:\s*(\d+)", text, re.M)[1]) for which in ("Total", "Free"))
    where = re.search(r"^\S+ (\S+) hugetlbfs ", pathlib.Path("/proc/mounts").read_text(encoding="utf-8"), re.M)
    where = where[1] if where else None
    mounted = where is None
    if mounted:
        where = "/dev/hugepages"
        os.makedirs(where, exist_ok=True)
        run("mount", "-t", "hugetlbfs", "hugetlbfs", where)
    try:
        for _ in range(2):  # what lies scattered is put together once
            run("sysctl", "-q", "-w", f"{key}={total - free + mib // 2}")
            there = int(run("sysctl", "-n", key))
            if there >= total - free + mib // 2:
                break
            pathlib.Path("/proc/sys/vm/compact_memory").write_text("1", encoding="ascii")
        equal("huge pages that the kernel found", there, total - free + mib // 2)
        yield pathlib.Path(where)
    finally:
        run("sysctl", "-q", "-w", f"{key}={total}")
        if mounted:
            run("umount", where)


@cold()
def hugepages_of_the_life_before(appliance):
    """It starts again with no more hugepages than it needs: EAL leaves its own to whoever comes next"""
    appliance.config["eal"] |= {"huge": "on", "memory": "128MiB"}
    with hugepages(128 + 16) as where:
        try:
            for end in (appliance.stop, appliance.kill, appliance.stop):
                appliance.write_config()
                appliance.start()
                end()
                left = list(where.glob(f"{appliance.config['eal']['file-prefix']}map_*"))
                expect(left, "EAL leaves nothing any more: so there is nothing to test")
        finally:
            appliance.close()
            for file in where.glob(f"{appliance.config['eal']['file-prefix']}map_*"):
                file.unlink()


def without_users(appliance, *names):
    """The command line that runs sluiced where there are no such users, as it is for no one else."""
    with open("/etc/passwd", encoding="utf-8") as f:
        kept = [line for line in f if line.split(":")[0] not in names]
    passwd, switch = appliance.dir / "passwd", appliance.dir / "nsswitch.conf"
    passwd.write_text("".join(kept), encoding="utf-8")
    switch.write_text("passwd: files\ngroup: files\n", encoding="utf-8")  # systemd would invent `nobody`
    for path in (passwd, switch):
        path.chmod(0o644)
    return ["unshare", "--mount", "sh", "-c",
            'mount --bind "$0" /etc/passwd && mount --bind "$1" /etc/nsswitch.conf && shift && exec "$@"',
            str(passwd), str(switch)]


@cold()
def no_user(appliance):
    """Without a user `sluice` it runs as `nobody` and says so: never as root"""
    appliance.start(*without_users(appliance, "sluice"))
    with open(f"/proc/{appliance.process.pid}/status", encoding="utf-8") as f:
        uids = next(line for line in f if line.startswith("Uid:")).split()[1:]
    equal("user ids", set(uids), {str(pwd.getpwnam("nobody").pw_uid)})
    alarms = [a["name"] for a in appliance.ctl("status")["alarms"]]
    expect("no_user" in alarms, f"alarms: {alarms}")
    send(appliance, [b"<13>as nobody"])
    appliance.wait_total("stored", 1)
    equal("exit status", appliance.stop(), 0)


@cold()
def nobody_to_become(appliance):
    """With no user at all to become it does not start"""
    appliance.spawn(*without_users(appliance, "sluice", "nobody"))
    try:
        code = appliance.process.wait(30)
    finally:
        appliance.close()
    text = appliance.log.read_text(errors="replace")
    expect(code and code > 0, f"status {code}")
    expect("there is no user sluice, nor nobody" in text, text)
