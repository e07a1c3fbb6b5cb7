"""UDP: how fast without loss, for how long, and what it costs to take in without storing."""

import measure
from receivers import Rsyslog, Sluice, SyslogNg
from ring import Copied, RingNull, RingSluice, Testpmd
from runs import one_run, settings_of, streams

RECEIVERS = {
    ("sluiced", "same"): lambda b: Sluice(b.directory),
    ("rsyslog", "same"): lambda b: Rsyslog(b.directory, "udp", 1),
    ("syslog-ng", "same"): lambda b: SyslogNg(b.directory, "udp", 1),
    ("sluiced", "native"): lambda b: RingSluice(b.directory),
}
PEERS = [("rsyslog", "same"), ("syslog-ng", "same")]
WORDS = ["--protocol", "udp", "--flows", "4", "--devices", "64"]
LOSS_ALLOWED = 0.001
LONG_S = 30


def at(bench, make, rate, seconds, kept=False):
    """One run at this rate, with a receiver of its own; what its disk holds then, where that is asked for."""
    with make(bench) as receiver:
        result = one_run(receiver, *WORDS, "--rate", str(int(rate)), "--duration", str(seconds))
        result["receiver"] = receiver
        result["kept"] = receiver.kept() if kept else {}
        return result


def udp(bench):
    """Highest rate without loss (at most 0.1 %, no backlog at the end), one socket buffer of 64 MiB; and as fast as
    the ring takes it."""
    found = {who: [] for who in RECEIVERS}
    for _ in range(bench.runs):
        for who, make in RECEIVERS.items():
            kept = {}

            def trial(rate, make=make, kept=kept):
                result = at(bench, make, rate, bench.seconds)
                good = (result["lost"] <= LOSS_ALLOWED * result["sent"] and result["backlog_s"] < 0.3 +
                        0.05 * bench.seconds)
                bench.say(f"  {int(rate):>10,}/s lost {result['lost']} backlog {result['backlog_s']:.2f} s")
                if good:
                    kept["best"] = result
                return good

            bench.say(f"udp {', '.join(who)} path")
            if found[who]:  # near what the last run has found; each rate is tried anew
                measure.lossless(trial, 0.85 * found[who][-1]["logs_per_s"], 2000000, steps=2, growth=1.2)
            else:
                measure.lossless(trial, 200000, 2000000, steps=2 if bench.quick else 4)
            if "best" in kept:
                found[who].append(kept["best"])
    for (name, path), runs in found.items():
        if not runs:
            bench.say(f"udp        {name}, {path} path: no rate without loss")
            continue
        bench.row("udp", name, path, [(r["logs_per_s"], r["bytes_per_s"], r["cpu_us"]) for r in runs],
                  settings_of(runs[0]["receiver"], runs, loss_allowed=LOSS_ALLOWED, rate="open loop",
                              seconds=bench.seconds), lost=sum(r["lost"] for r in runs))
    peers = {who: found[who] for who in PEERS if found[who]}
    if peers:
        sustained(bench, peers)
    else:
        bench.say("udp        no peer has a rate without loss, so nothing is measured at twice that")
    on_ring(bench)


def sustained(bench, peers):
    """For 30 s at twice what the better peer takes without loss, everything compressed or not as it comes, in turn
    with that peer at its own rate."""
    best = {who: measure.spread([r["logs_per_s"] for r in runs])[0] for who, runs in peers.items()}
    who = max(best, key=best.get)
    seconds = bench.seconds if bench.quick else LONG_S
    plan = {"sluiced": (RECEIVERS["sluiced", "native"], 2 * best[who], seconds),
            who[0]: (RECEIVERS[who], best[who], bench.seconds)}
    found = {name: [] for name in plan}
    for _ in range(bench.runs):
        for name, how in plan.items():
            found[name].append(at(bench, *how, kept=True))
    cpu = [ours["cpu_us"] / theirs["cpu_us"] for ours, theirs in zip(found["sluiced"], found[who[0]])]
    for name, runs in found.items():
        more = {"kept": [r["kept"] for r in runs], "cpu_of_peers": [round(c, 3) for c in cpu]} if name == "sluiced" else {}
        bench.row("udp", f"{name}, {'twice the better peer' if more else 'the better peer'}", runs[0]["receiver"].path,
                  [(r["logs_per_s"], r["bytes_per_s"], r["cpu_us"]) for r in runs],
                  settings_of(runs[0]["receiver"], runs, rate="open loop", seconds=plan[name][2],
                              lost_of_each=[r["lost"] for r in runs], **more), lost=sum(r["lost"] for r in runs))
    lost = {name: max(r["lost"] / r["sent"] for r in runs) for name, runs in found.items()}
    bench.say("           lost at most " + ", ".join(f"{name} {share:.2%}" for name, share in lost.items())
              + "; CPU is by what was stored")
    bench.say(f"           CPU a log {measure.spread(cpu)[0]:.3f} of {who[0]}'s ({min(cpu):.3f} to {max(cpu):.3f}); on disk "
              + ", ".join(f"{k['ratio']:.1f}:1 with {k['raw_blocks']} of {k['blocks']} blocks raw"
                          for k in (r["kept"] for r in found["sluiced"])))


def on_ring(bench):
    """Closed loop, as a full ring is waited for: what stores nothing beside what does not even look,
    and what only copies."""
    makers = {"sluiced, null journal": lambda: RingNull(bench.directory), "testpmd rxonly": lambda: Testpmd(
        bench.directory), "frames copied, no more": lambda: Copied(bench.directory)}
    streams(bench, "udp", makers, WORDS)
