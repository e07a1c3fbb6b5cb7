"""sluice-send as a process, against the server of tests/lib/oftp_server.py."""

import contextlib
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from oftp_server import Server

PROGRAM, MAKE_PKI = sys.argv[1], sys.argv[2]
SERIAL, DEVICE = "SL-TEST-1", "FGT60F0000000001"


class Send:
    """One that runs. Its words are in `said`."""

    def __init__(self, place, *words, stdin=None):
        self.place = place
        self.out = open(place.dir / f"said-{len(place.started)}", "w+b")
        self.process = subprocess.Popen([PROGRAM, *map(str, words)], stdin=stdin or subprocess.DEVNULL,
                                        stdout=self.out, stderr=subprocess.STDOUT)
        place.started.append(self)

    def said(self):
        return pathlib.Path(self.out.name).read_text(errors="replace")

    def end(self, status=0):
        got = self.process.wait(timeout=100)
        if status is not None and got != status:
            raise AssertionError(f"exit status {got}, not {status}:\n{self.said()}")
        return self.said()

    def fails(self, word):
        """Says so, again and again; told to end it has failed. What it has said."""
        end = time.monotonic() + 90
        while word not in self.said():
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"never says {word!r}: {self.said()}")
            time.sleep(0.02)
        # Two at once: the second one says not to wait for what is not confirmed.
        self.process.send_signal(signal.SIGINT)
        self.process.terminate()
        return self.end(1)

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait(timeout=100)


class Place:
    """A directory with certificates, a server, and what sluice-send is told."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.started, self.servers = [], []
        subprocess.run([MAKE_PKI, directory, SERIAL, DEVICE], check=True)
        self.server = self.serve()
        self.control = self.dir / "control"

    def serve(self, **options):
        server = Server(self.dir / f"{SERIAL}.pem", self.dir / "ca.pem", **options)
        self.servers.append(server)
        return server

    def options(self, port=None, **more):
        o = {"server": "127.0.0.1", "port": port or self.server.port,
             "certificate": self.dir / f"{DEVICE}.pem", "server-cert-ca": self.dir / "ca.pem",
             "server-serial": SERIAL, "control": self.control, "conn-timeout": 20,
             "monitor-failure-retry-period": 1}
        o.update({k.replace("_", "-"): v for k, v in more.items()})
        return [f"--{k}={v}" for k, v in o.items() if v is not None]

    def send(self, *files, stdin=None, **more):
        return Send(self, *self.options(**more), *files, stdin=stdin)

    def run(self, command, *words, status=0, stdin=None):
        done = subprocess.run([PROGRAM, command, *map(str, words)], capture_output=True, text=True,
                              timeout=100, input=stdin)
        if done.returncode != status:
            raise AssertionError(f"{command}: {done.returncode}, not {status}: {done.stdout}"
                                 f"{done.stderr}")
        return done.stdout

    def diagnose(self, level):
        return self.run("diagnose", level, f"--control={self.control}")

    def until(self, level, condition, what):
        """Asks until it is so."""
        end = time.monotonic() + 60
        while True:
            try:
                text = self.diagnose(level)
            except AssertionError:
                text = ""  # it does not listen yet
            if text and condition(text):
                return text
            if time.monotonic() > end:
                raise AssertionError(f"never {what}:\n{text}\n{self.started[-1].said()}")

    def write(self, name, lines):
        path = self.dir / name
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return path

    def close(self):
        for one in self.started:
            if one.process.poll() is None:
                one.process.kill()
                one.process.wait()
            one.out.close()
        for server in self.servers:
            server.close()


def log(n, kind="traffic", vdom="root", size=0):
    """A log of FortiOS's kind."""
    return (b'date=2026-11-22 time=04:00:00 devname="fw" logid="%010d" type="%s" subtype="forward" '
            b'vd="%s" n=%d pad="%s"' % (n, kind.encode(), vdom.encode(), n, b"p" * size))


@contextlib.contextmanager
def place():
    with tempfile.TemporaryDirectory(prefix="sluice-send-") as directory:
        p = Place(directory)
        try:
            yield p
        finally:
            p.close()


def equal(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: got {str(got)[:2000]}, wanted {str(wanted)[:2000]}")


def expect(truth, text):
    if not truth:
        raise AssertionError(text)


def main(cases):
    """Runs all, or those named behind the programs."""
    failed = 0
    for case in cases:
        if len(sys.argv) > 3 and case.__name__ not in sys.argv[3:]:
            continue
        start = time.monotonic()
        with place() as p:
            try:
                case(p)
                print(f"ok {case.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
            except Exception as e:
                failed += 1
                said = p.started[-1].said() if p.started else ""
                print(f"FAIL {case.__name__}: {type(e).__name__}: {e}\n{said}", flush=True)
    sys.exit(1 if failed else 0)
