"""Many TLS devices: held while idle, back all at once, beside strangers and stalled handshakes. With --full in
the numbers that are promised, else in smaller ones."""

import base64
import contextlib
import os
import pathlib
import threading

from appliance import balanced, stage
from case_control import Rpc
from case_trust import openssl, until
from cases import FULL, collector, equal, expect
from fleet import Fleet, authorize, metrics, serial, summed

CASES = []
IDLE = 10000 if FULL else 1000
BACK = 2000 if FULL else 200
STRANGERS = 5000 if FULL else 500
STALLED = 1000 if FULL else 200
NEW = 2000 if FULL else 200
# Bytes of resident memory. Of bare OpenSSL in this state 22,000 to 30,000 (unit-tls-memory counts them), 6 KiB
# of ours; the rest is what an allocator rounds up.
IDLE_MOST = 42000


@contextlib.contextmanager
def with_fleet(most, **changes):
    with stage({"limits": {"sessions": 20000}, "eal": {"memory": "256MiB"}, **changes}) as appliance:
        fleet = Fleet(appliance, most)
        try:
            appliance.fleet = fleet
            appliance.rpc = Rpc(appliance)
            yield appliance
        finally:
            fleet.close()


def resident(appliance):
    status = pathlib.Path(f"/proc/{appliance.process.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def tls_sessions(appliance):
    return sum(g["sessions"] for g in appliance.ctl("tls", "show")["sessions"])


idle_case = collector(CASES, lambda **changes: with_fleet(IDLE, **changes))


@idle_case()
def fleet_idle_and_back(appliance):
    """1,000 idle TLS sessions (--full: 10,000) are held in bounded memory; 200 (2,000) come back all at once"""
    fleet = appliance.fleet
    authorize(appliance.rpc, 0, IDLE)
    fleet.come(0, IDLE // 5, 64)
    before = resident(appliance)
    fleet.come(IDLE // 5, IDLE - IDLE // 5, 64)
    until(appliance, "all of them are sessions", lambda: tls_sessions(appliance) == IDLE)
    each = (resident(appliance) - before) / (IDLE - IDLE // 5)
    print(f"{each:.0f} bytes resident for each idle TLS session", flush=True)
    expect(each < IDLE_MOST, f"{each} bytes for a session")
    equal("buffers that hold plaintext", summed(metrics(appliance), "sluice_tls_carry_buffers"), 0)
    equal("still there", fleet.do("say", 0, IDLE, "idle")["there"], IDLE)
    appliance.wait_total("stored", IDLE, timeout=120)
    # All at once: no handshake is under way, and then that of each.
    equal("gone without a word", fleet.do("cut", 0, BACK)["closed"], BACK)
    said = fleet.come(0, BACK, BACK)
    equal("failed, refused", (said["failed"], said["refused"]), (0, 0))
    equal("there again", fleet.do("say", 0, IDLE, "back")["there"], IDLE)
    total = appliance.wait_total("stored", 2 * IDLE, timeout=120)
    equal("logs", total["stored"], 2 * IDLE)
    accounts = appliance.accounts()
    for k in range(IDLE):
        equal(f"logs of device {k}", accounts[serial(k)]["stored"], 2)
    equal("refusals", appliance.ctl("refusal", "list")["refusals"], [])
    equal("closed in order", fleet.do("shut", 0, IDLE)["closed"], IDLE)
    until(appliance, "no session is left", lambda: tls_sessions(appliance) == 0)


flood_case = collector(CASES, lambda **changes: with_fleet(NEW + STRANGERS, **changes))


@flood_case(cores={"rx": [1], "workers": [0]})
def fleet_beside_a_flood(appliance):
    """500 refusals (--full: 5,000), 200 stalled handshakes (1,000) and as many new ones leave each round to a stream"""
    fleet = appliance.fleet
    authorize(appliance.rpc, 0, NEW)
    fleet.come(0, 1, 1)
    fleet.do("beside", 0)
    before = metrics(appliance)
    equal("stalled", fleet.do("stall", STALLED)["there"], 1)
    said = [fleet.do("strangers", STRANGERS, 32), fleet.come(1, NEW - 1, 32)]
    equal("refused", said[0]["refused"], STRANGERS)
    equal("got in beside", said[0]["in"] + said[0]["failed"] + said[1]["failed"] + said[1]["refused"], 0)
    fleet.do("unstall")
    beside = sum(s["said"] for s in said)
    expect(beside >= STRANGERS + NEW - 1, f"the stream has said {beside} logs")
    appliance.wait_total("stored", beside, timeout=120)
    equal("logs of the stream", appliance.accounts()[serial(0)]["stored"], beside)
    after = metrics(appliance)

    def grown(name):
        return summed(after, name) - summed(before, name)

    # One step of a handshake a round, and each round reads who has something to read.
    rounds = sum(v for k, v in after.items() if k.startswith("sluice_lcore_rounds_total") and "worker" in k)
    expect(grown("sluice_tls_steps_total") <= rounds, f"{rounds} rounds, {grown('sluice_tls_steps_total')} steps")
    equal("times that a round passed a session by", grown("sluice_tls_turns_late_total"), 0)
    expect(grown("sluice_tls_steps_total") >= 2 * (STRANGERS + NEW - 1), "steps are not counted")
    # What the flood leaves: a list that is bounded, books that add up, and everybody who was there.
    refusals = appliance.ctl("refusal", "list")["refusals"]
    strange = [r for r in refusals if r["reason"] not in ("wrong_ca", "peer_gave_up", "handshake_timeout")]
    expect(not strange and len(refusals) < 1100, f"{len(refusals)} refusals, {strange[:3]}")
    until(appliance, "all are Up", lambda: sum(
        1 for d in appliance.ctl("device", "list")["devices"]
        if d["device"].startswith("FLEET") and d["up"]) == NEW)
    equal("still there", fleet.do("say", 0, NEW, "after")["there"], NEW)
    appliance.wait_total("stored", beside + NEW, timeout=120)
    expect(balanced(appliance.total()), "the books do not add up")


LIVE = 24
live_case = collector(CASES, lambda **changes: with_fleet(3 * LIVE, **changes))


class Talk(threading.Thread):
    """The fleet goes on all the time: everybody says a log, some come and go."""

    def __init__(self, fleet):
        super().__init__()
        self.fleet, self.rounds, self.came, self.error = fleet, 0, 0, None
        self.enough = threading.Event()

    def run(self):
        try:
            while not self.enough.is_set():
                equal("come", self.fleet.do("open", LIVE, LIVE, LIVE)["in"], LIVE)
                for _ in range(3):
                    self.fleet.do("say", 0, 2 * LIVE, f"round-{self.rounds}")
                    self.rounds += 1
                equal("gone", self.fleet.do("shut", LIVE, LIVE)["closed"], LIVE)
                self.came += 1
        except Exception as e:  # told by the case
            self.error = e


def changed(appliance, method, **params):
    said = appliance.rpc.call(method, **params)
    expect("result" in said, f"{method}: {said}")
    return said["result"]


# As many lcores as the machine has CPUs for: no two share one by configuration.
MANY = {"rx": [0, 1], "workers": [2, 3]} if (os.cpu_count() or 1) >= 4 else {"rx": [1], "workers": [0]}


@live_case(cores=MANY)
def fleet_trust_replaced_live(appliance):
    """identities, anchors, rates and policy change under traffic: no session drops but those they forbid"""
    fleet = appliance.fleet
    other = appliance.dir / "other.crt"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other",
            "-days", "30", "-keyout", str(appliance.dir / "other.key"), "-out", str(other),
            "-addext", "basicConstraints=critical,CA:TRUE")
    anchor = base64.b64encode(other.read_bytes()).decode()
    both = base64.b64encode(other.read_bytes() + (appliance.dir / "other.key").read_bytes()).decode()
    changed(appliance, "cert.import", name="second", data=both)
    authorize(appliance.rpc, 0, 2 * LIVE)
    fleet.come(0, LIVE, LIVE)
    first = appliance.ctl("tls", "show")["generation"]
    talk = Talk(fleet)
    talk.start()
    try:
        for n in range(6):
            changed(appliance, "cert.use", name="second" if n % 2 == 0 else "node")
            changed(appliance, "cert.import", name="another", data=anchor)
            changed(appliance, "device.set", device=serial(n), key="rate", value="100000/s")
            authorize(appliance.rpc, 2 * LIVE + n, 1)
            appliance.config["tls"] = {"enc-algorithm": "medium" if n % 2 == 0 else "high"}
            appliance.write_config()
            changed(appliance, "config.reload")
            changed(appliance, "cert.delete", name="another")
    finally:
        talk.enough.set()
        talk.join()
    if talk.error:
        raise talk.error
    expect(appliance.ctl("tls", "show")["generation"] >= first + 12, "generations do not change")
    said = fleet.do("say", 0, LIVE, "at-last")
    equal("all of the first are there", (said["there"], said["said"]), (LIVE, LIVE))
    appliance.wait_total("stored", LIVE * (2 * talk.rounds + 1), timeout=120)
    accounts = appliance.accounts()
    for k in range(2 * LIVE):
        equal(f"logs of device {k}", accounts[serial(k)]["stored"], talk.rounds + (k < LIVE))
    equal("refusals", appliance.ctl("refusal", "list")["refusals"], [])
    # A denial ends one, the end of their anchor all.
    changed(appliance, "device.deny", device=serial(3))
    until(appliance, "the denied one is gone", lambda: tls_sessions(appliance) == LIVE - 1)
    changed(appliance, "cert.delete", name="fleet")
    until(appliance, "all are gone", lambda: tls_sessions(appliance) == 0)
    equal("reasons", appliance.ctl("refusal", "list")["totals"], {"denied": 1, "wrong_ca": LIVE - 1})
