"""Rows of bench/run as one HTML page that needs nothing else: bars in SVG, tables, settings. Pure."""

import html

CSS = """
:root { --ink: #1b2430; --soft: #66727f; --line: #dde3e9; --paper: #fff; --ours: #0b6bcb; --other: #9aa7b4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf0; --soft: #98a5b2; --line: #323c47; --paper: #14191f; --ours: #4ea1f3; --other: #6c7985; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 66rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; display: block; overflow-x: auto; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--soft); font-weight: 600; }
svg { width: 100%; height: auto; margin: .5rem 0; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .soft { fill: var(--soft); } .ours { fill: var(--ours); } .other { fill: var(--other); }
.whisker { stroke: var(--ink); stroke-width: 1.5; }
details { margin: .3rem 0; } pre { overflow-x: auto; font-size: 12px; color: var(--soft); }
p.note { color: var(--soft); }
"""

TITLES = {
    "udp": "UDP: highest rate without loss", "tcp": "TCP: as fast as it goes",
    "bulk": "TCP in bulk past both kernels", "tls": "TLS: as fast as it goes",
    "relp": "RELP: acknowledged", "oftp": "OFTP and RELP: acknowledged",
    "latency": "Time until durable", "devices": "Cost of a log by number of devices", "search": "Search",
    "micro": "Pieces of a log's way", "yardstick": "Yardsticks of the same sitting",
}


def number(value):
    if value is None:
        return "\u2013"
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def is_ours(row):
    return row["subject"].startswith("sluice") or row["scenario"] in ("micro",)


def name_of(row):
    framing = row["settings"].get("framing")
    return row["subject"] + (f" ({framing})" if framing else "")


def bars(rows, key, unit, whiskers=False):
    """Horizontal bars of one value; whiskers from least to most. Empty where there is none to show."""
    shown = [row for row in rows if row.get(key)]
    if not shown:
        return ""
    top = max(max(row[key], row["max"] if whiskers else 0) for row in shown)
    left, width, high = 250, 560, 26
    out = [f'<svg viewBox="0 0 960 {high * len(shown) + 24}" role="img" aria-label="{html.escape(unit)}">',
           f'<text x="{left}" y="12" class="soft">{html.escape(unit)}</text>']
    for i, row in enumerate(shown):
        y, size = 20 + i * high, row[key] / top * width
        kind = "ours" if is_ours(row) else "other"
        out.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{html.escape(name_of(row)[:38])}</text>')
        out.append(f'<rect x="{left}" y="{y + 2}" width="{max(size, 1):.1f}" height="{high - 8}" rx="2" '
                   f'class="{kind}"/>')
        end = size
        if whiskers and row["runs"] > 1:
            low, end = row["min"] / top * width, max(size, row["max"] / top * width)
            out.append(f'<line x1="{left + low:.1f}" x2="{left + end:.1f}" y1="{y + 11}" y2="{y + 11}" '
                       'class="whisker"/>')
        out.append(f'<text x="{left + end + 6:.1f}" y="{y + 14}" class="soft">{number(row[key])}</text>')
    return "\n".join([*out, "</svg>"])


COLUMNS = [
    ("who", name_of), ("path", lambda r: r["path"]), ("logs/s", lambda r: number(r["logs_per_s"])),
    ("least", lambda r: number(r["min"])), ("most", lambda r: number(r["max"])),
    ("MB/s", lambda r: number(r["bytes_per_s"] / 1e6)),
    ("receiver CPU \u00b5s/log", lambda r: number(r["receiver_cpu_us_per_log"])),
    ("lost", lambda r: number(r["lost"])), ("p50 \u00b5s", lambda r: number(r["latency_us"]["p50"])),
    ("p99 \u00b5s", lambda r: number(r["latency_us"]["p99"])),
    ("p99.9 \u00b5s", lambda r: number(r["latency_us"]["p999"])), ("runs", lambda r: str(r["runs"])),
    ("limited by", lambda r: r["settings"].get("limited_by", "\u2013")),
]


def table(rows):
    cells = [[html.escape(column(row)) for _, column in COLUMNS] for row in rows]
    # A column in which nobody has anything is left out.
    keep = [i for i in range(len(COLUMNS)) if any(c[i] not in ("\u2013", "0") for c in cells)]
    head = "".join(f"<th>{html.escape(COLUMNS[i][0])}</th>" for i in keep)
    body = "".join("<tr>" + "".join(f"<td>{c[i]}</td>" for i in keep) + "</tr>" for c in cells)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def settings(rows):
    parts = []
    for row in rows:
        lines = "\n".join(f"{key}: {value}" for key, value in sorted(row["settings"].items())
                          if key not in ("machine", "sysctl"))
        parts.append(f"<details><summary>{html.escape(name_of(row))}: settings</summary>"
                     f"<pre>{html.escape(lines)}</pre></details>")
    return "".join(parts)


def section(scenario, rows):
    charts = []
    if scenario == "latency":
        charts += [bars([{**r, "p": r["latency_us"][key]} for r in rows], "p", f"{key}, microseconds")
                   for key in ("p50", "p99")]
    elif scenario in ("search", "yardstick"):
        charts.append(bars([{**r, "mb": r["bytes_per_s"] / 1e6} for r in rows], "mb", "MB/s"))
    elif scenario == "micro":
        charts.append(bars([{**r, "ns": r["receiver_cpu_us_per_log"] * 1e3} for r in rows], "ns",
                           "nanoseconds per item"))
    else:
        charts.append(bars(rows, "logs_per_s", "logs a second (median; line: least to most)", whiskers=True))
        charts.append(bars(rows, "receiver_cpu_us_per_log", "receiver's CPU, microseconds a log, softirq included"))
    return (f"<h2>{html.escape(TITLES.get(scenario, scenario))}</h2>" + "".join(charts) + table(rows)
            + settings(rows))


def page(rows):
    order = []
    for row in rows:
        if row["scenario"] not in order:
            order.append(row["scenario"])
    machine = rows[0]["settings"].get("machine", {}) if rows else {}
    sysctl = rows[0]["settings"].get("sysctl", {}) if rows else {}
    where = ", ".join(f"{key} {value}" for key, value in {**machine, **sysctl}.items())
    quick = ("<p class=note><strong>A quick run: it shows that things work, not how fast they are.</strong></p>"
             if machine.get("quick") else "")
    body = "".join(section(s, [r for r in rows if r["scenario"] == s]) for s in order)
    return ("<!doctype html><html lang=en><meta charset=utf-8>"
            "<meta name=viewport content='width=device-width, initial-scale=1'>"
            f"<title>Sluice: bench</title><style>{CSS}</style><h1>Sluice: what it costs</h1>"
            f"<p class=note>{html.escape(where)}</p>{quick}"
            "<p class=note>Medians over the runs; receivers took turns within each run. Compare rows of this page "
            "with each other, not with those of another sitting.</p>" + body + "</html>\n")
