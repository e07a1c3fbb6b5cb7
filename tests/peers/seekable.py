#!/usr/bin/env python3
"""seekable.py SEGMENT...: reads finished segments with pyzstd's SeekableZstdFile, whole and from any
offset, and compares with zstdcat. pyzstd is where PYTHONPATH says (tests/peers/fetch pyzstd)."""

import random
import subprocess
import sys

import pyzstd

dice = random.Random(514)
for path in sys.argv[1:]:
    whole = subprocess.run(["zstdcat", path], stdin=subprocess.DEVNULL, capture_output=True,
                           check=True).stdout
    with pyzstd.SeekableZstdFile(path) as f:
        assert f.read() == whole, path
        for _ in range(1000):
            at, n = dice.randrange(len(whole) + 1), dice.randrange(5000)
            f.seek(at)
            assert f.read(n) == whole[at:at + n], (path, at, n)
    print(f"{path}: {len(whole)} bytes, 1000 reads from anywhere")
