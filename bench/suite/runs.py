"""A run and its row: what every scenario is made of."""

import measure
from cases import Failed
from receivers import RECEIVER_CPU, SENDER_CPU

SENDER_BUSY = 0.9  # the sender's share of its CPU from which on it may be what limits


class Bench:
    """Where, how long and how often; collects rows."""

    def __init__(self, quick, directory, runs=None):
        self.quick = quick
        self.runs = runs or (1 if quick else 3)
        self.seconds = 1.0 if quick else 5.0
        self.directory = directory
        self.rows = []

    def say(self, text):
        print(text, flush=True)

    def row(self, scenario, subject, path, samples, settings, lost=0, latency=None):
        """`samples`: [(logs/s, bytes/s, CPU us a log)], one for each run."""
        rate, least, most = measure.spread([s[0] for s in samples])
        row = {
            "scenario": scenario, "subject": subject, "path": path, "logs_per_s": round(rate, 1),
            "bytes_per_s": round(measure.spread([s[1] for s in samples])[0], 1),
            "receiver_cpu_us_per_log": round(measure.spread([s[2] for s in samples])[0], 4),
            "lost": lost, "latency_us": latency or {"p50": None, "p99": None, "p999": None},
            "runs": len(samples), "min": round(least, 1), "max": round(most, 1),
            "openssl": settings.get("openssl") or measure.machine()["openssl"], "settings": settings,
        }
        self.rows.append(row)
        figures = (f"{rate:14,.0f}/s ({least:,.0f} to {most:,.0f})  {row['receiver_cpu_us_per_log']:8.3f} us/log"
                   if rate else "")
        if latency:
            figures += "  " + " ".join(f"{key} {value:,.0f} us" for key, value in latency.items())
        name = subject + (f" ({settings['framing']})" if "framing" in settings else "")
        self.say(f"{scenario:10} {name:30} {path:7} {figures} {row['bytes_per_s'] / 1e6:10,.1f} MB/s"
                 + (f"  lost {lost}" if lost else ""))
        return row


def one_run(receiver, *words):
    """Sends, waits, compares; everything about it."""
    stolen = measure.stolen()
    if receiver.path == "same":
        receiver.mark()
    report = receiver.load(*words)
    _, last = receiver.wait(report)
    used, threads, softirq = receiver.spent()
    stolen = measure.stolen() - stolen
    idle = receiver.idle(threads)
    # Both by the machine's monotonic clock; it takes the sender a while to get to its first log.
    seconds = max(last - report["start_monotonic_s"], report["elapsed_s"])
    said = receiver.compare()
    if said is None:  # the null journal keeps nothing: its accounts are all there is
        stored = receiver.stored()
        said = {"stored": stored, "missing": report["sent"] - stored, "equal": stored == report["sent"],
                "duplicate": 0, "altered": 0, "unsent": 0}
    wrong = said["duplicate"] + said["altered"] + said["unsent"]
    if wrong or (report["errors"] and report["protocol"] != "udp"):
        raise Failed(f"{receiver.name}: {said}, {report.get('said')}")
    stored = max(said["stored"], 1)
    return {
        "logs_per_s": stored / seconds, "bytes_per_s": report["bytes"] * stored / report["sent"] / seconds,
        "cpu_us": used * 1e6 / stored,
        # What testpmd tells of itself is exact; of others it is their CPU time less rounds that found nothing.
        "work_us": getattr(receiver, "busy_us", (used - idle) * 1e6 / stored),
        "threads_us": {name: seconds * 1e6 / stored for name, seconds in threads.items()}, "softirq_us": softirq * 1e6 / stored,
        "lost": said["missing"], "sent": report["sent"], "backlog_s": seconds - report["elapsed_s"],
        # A sender on a ring never sleeps: it tells how long it turned for nothing.
        "sender_busy": max(0.0, report["sender_cpu_us_per_log"] * report["sent"] / 1e6
                           - report.get("sender_idle_s", 0)) / report["elapsed_s"],
        "stolen_s": stolen, "report": report,
    }


def by_thread(runs):
    """Medians, without what does next to nothing."""
    names = {name for r in runs for name in r["threads_us"]}
    each = {name: measure.spread([r["threads_us"].get(name, 0) for r in runs])[0] for name in sorted(names)}
    return {name: round(us, 4) for name, us in each.items() if us >= 0.001}


def settings_of(receiver, runs, **more):
    return {**receiver.settings, "receiver_cpu": RECEIVER_CPU, "sender_cpu": SENDER_CPU,
            "softirq_us_per_log": round(measure.spread([r["softirq_us"] for r in runs])[0], 4),
            "cpu_us_per_log_by_thread": by_thread(runs),
            "sender_busy": round(max(r["sender_busy"] for r in runs), 3),
            "limited_by": "sender" if max(r["sender_busy"] for r in runs) > SENDER_BUSY else "receiver",
            "stolen_s": round(max(r["stolen_s"] for r in runs), 2),
            "work_us_per_log": round(measure.spread([r["work_us"] for r in runs])[0], 4),
            "capacity_logs_per_s_computed": round(1e6 / max(measure.spread([r["work_us"] for r in runs])[0], 1e-9)),
            "templates": runs[0]["report"]["templates"], "seed": runs[0]["report"]["seed"],
            "flows": runs[0]["report"]["flows"], "devices": runs[0]["report"]["devices"], **more}


def streams(bench, scenario, makers, words, **settings):
    """As fast as it goes, receivers in turn within a run; nothing may be missing."""
    contest(bench, scenario, [(name, make, words, settings) for name, make in makers.items()])


def contest(bench, scenario, entrants):
    """The same where each has words and settings of its own: [(name, maker, words, settings)]."""
    found = [[] for _ in entrants]
    for _ in range(bench.runs):
        for (name, make, words, _), results in zip(entrants, found):
            with make() as receiver:
                result = one_run(receiver, *words, "--duration", str(bench.seconds))
                result["receiver"] = receiver
                if result["lost"]:
                    raise Failed(f"{scenario} {name}: {result['lost']} logs are missing")
                results.append(result)
    for (name, _, _, settings), runs in zip(entrants, found):
        acks = [r["report"]["ack_latency_us"] for r in runs if "ack_latency_us" in r["report"]]
        bench.row(scenario, name, runs[0]["receiver"].path,
                  [(r["logs_per_s"], r["bytes_per_s"], r["cpu_us"]) for r in runs],
                  settings_of(runs[0]["receiver"], runs, rate="closed loop", seconds=bench.seconds, **settings),
                  latency=middle(acks) if acks else None)


def middle(values):
    return {key: measure.spread([v[key] for v in values])[0] for key in ("p50", "p99", "p999")}
