#!/usr/bin/env python3
"""The proof that docs/journal.md is enough: a reader written from it alone, in 150 lines that share no
code with ours, reads what sluicectl reads, also from damaged segments; and so do zstdcat and zstdgrep.

test_python_reader.py SLUICECTL FIXTURE [JOURNAL...]
"""

import base64
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from datetime import datetime

import journal_reader as reader

SLUICECTL, JOURNALS = sys.argv[1], sys.argv[2:]


def ours(directory):
    """What sluicectl reads, in the reader's own words."""
    run = subprocess.run([SLUICECTL, "--json", "log", "show", "--dir", directory],
                         stdin=subprocess.DEVNULL, capture_output=True, check=True)
    for line in run.stdout.splitlines():
        o = json.loads(line)
        date, fraction = o["time"].rstrip("Z").split(".")
        seconds = int(datetime.fromisoformat(date + "+00:00").timestamp())
        yield {
            "block": o["block"],
            "ns": seconds * 10**9 + int(fraction),
            "device": o["device"].encode(),
            "log": base64.b64decode(o["log_base64"]) if "log_base64" in o else o["log"].encode(),
            "vdom": o["vdom"] and o["vdom"].encode(),
            "source": o["source"] and (o["source"], o.get("source_port", 0)),
            "stream": None if o["epoch"] is None else (o["conn_id"], o["epoch"], o["seq_no"]),
            "transport": o["transport"],
            "flags": o["flags"],
        }


def same(directory):
    """Both read the same; how many logs."""
    theirs, mine = list(ours(directory)), list(reader.read(directory))
    assert len(theirs) == len(mine), (directory, len(theirs), len(mine))
    for a, b in zip(theirs, mine):
        if b["vdom"] is None:
            a["vdom"] = None  # sluicectl looks for it in the log's text
        assert a == b, (directory, a, b)
    return len(mine)


def skip_device(c, names):
    assert c.varint() >= 0 and c.varint() >= 0
    values = {}
    for _ in range(c.varint()):
        index, value = c.varint(), c.varint()
        values[names[index]] = value
    return values


def check_checkpoint(segment, before):
    """The state of all blocks before this segment: `before` logs, and all of it is understood."""
    kind, _, part, payload = segment.frame(0)
    assert kind == 1
    _, logs, raw, _, devices, streams = struct.unpack("<3Q3I", part[48:84])
    assert logs == before, (logs, before)
    c = reader.Cursor(payload)
    names = [c.take(c.varint()).decode() for _ in range(c.varint())]
    assert c.varint() == devices
    for _ in range(devices):
        c.take(c.varint())
    totals = [skip_device(c, names) for _ in range(devices)]
    assert sum(t.get("stored", 0) for t in totals) == logs
    assert sum(t.get("bytes", 0) for t in totals) + logs == raw
    assert c.varint() == streams
    for _ in range(streams):
        assert c.varint() < devices
        c.varint(), c.take(8), c.varint(), c.take(16), c.varint(), c.varint()
        for _ in range(c.varint()):
            c.many(4)
    assert c.at == len(payload)


def check_index(segment):
    """The index says of each block what the block says, and the seek table covers the file."""
    blocks = list(segment.blocks())
    if segment.index is None:
        return False
    at, length, part, payload = segment.index
    c, n = reader.Cursor(payload), len(blocks)
    first, last, _, _, logs, raw, entries, crc = struct.unpack("<6Q2I", part[48:104])
    assert entries == n
    gaps, heads, datas, firsts, spans, rows, raws = (c.many(n) for _ in range(7))
    times = [(c.zigzag(), None) for _ in range(n)]
    spreads = c.many(n)
    end = block = ns = 0
    for i, (off, head, fixed, _) in enumerate(blocks):
        f = struct.unpack("<4Q3I", fixed[48:92])
        ns += times[i][0]
        assert (end + gaps[i], heads[i]) == (off, head)
        assert (block + firsts[i], block + firsts[i] + spans[i]) == f[:2]
        assert (ns, ns + spreads[i], rows[i], raws[i], datas[i]) == f[2:]
        end, block = off + head + datas[i], f[1]
    assert (logs, raw, last) == (sum(rows), sum(raws), block) and (not n or first == firsts[0])
    names = [c.take(c.varint()) for _ in range(c.varint())]
    for _ in range(n):
        form, size = c.u8(), c.varint()
        if form == 0:
            assert sum(c.many(size)) < len(names) or not size
        else:
            assert form == 1 and c.take(size)
    table = segment.data[at + length:]
    assert reader.crc32c(table) == crc
    count, zero, magic = struct.unpack("<IBI", table[-9:])
    assert (zero, magic, len(table)) == (0, 0x8F92EAB1, 17 + 8 * count)
    pairs = list(struct.iter_unpack("<II", table[8:-9]))
    assert sum(stored for stored, _ in pairs) == at + length
    assert sum(inflated for _, inflated in pairs) == raw
    return True


def check_whole(directory):
    n = same(directory)
    before = finished = 0
    for segment, _ in reader.segments(directory):
        check_checkpoint(segment, before)
        finished += check_index(segment)
        before += sum(struct.unpack("<I", part[80:84])[0] for _, _, part, _ in segment.blocks())
    assert before == n and finished > 0
    return n


def check_zstd_tools(directory):
    """zstdcat prints every log with a newline; zstdgrep finds in them."""
    paths = [os.path.join(directory, name) for name in sorted(os.listdir(directory))
             if name.endswith(".zst")]
    logs = [log["log"] for log in reader.read(directory)]
    text = subprocess.run(["zstdcat", *paths], capture_output=True, check=True).stdout
    assert text == b"".join(log + b"\n" for log in logs)
    word = b" 3 "
    found = subprocess.run(["zstdgrep", "-ha", word.decode(), *paths], capture_output=True, check=False)
    assert found.stdout.count(b"\n") == sum(word in line for line in text.split(b"\n"))


def check_damaged(directory, seed):
    """What is damaged is skipped by both alike."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as copy:
        where = os.path.join(copy, "j")
        shutil.copytree(directory, where)
        name = dice.choice(sorted(n for n in os.listdir(where) if n.endswith(".zst")))
        path = os.path.join(where, name)
        data = bytearray(open(path, "rb").read())
        for _ in range(dice.choice((1, 1, 1, 3, 10))):
            at = dice.randrange(struct.unpack("<I", data[4:8])[0] + 8, len(data))
            data[at] ^= 1 << dice.randrange(8)
        with open(path, "wb") as f:
            f.write(data)
        return same(where)


def main():
    lines = len(open(reader.__file__, encoding="utf-8").read().splitlines())
    assert lines <= 150, lines
    for directory in JOURNALS:
        print(f"{directory}: {check_whole(directory)} logs")
        check_zstd_tools(directory)
    whole, damaged = same(JOURNALS[0]), [check_damaged(JOURNALS[0], seed) for seed in range(40)]
    assert min(damaged) < whole and max(damaged) <= whole
    print(f"{len(damaged)} damaged copies read alike, {sum(damaged)} logs")


main()
