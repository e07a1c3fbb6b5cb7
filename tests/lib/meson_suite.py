#!/usr/bin/env python3
"""Runs one suite of `meson test` and counts its cases: meson_suite.py BUILD SUITE [ARGUMENT...]

A cmocka program holds many cases, which are counted one by one; any other program is one case. The
output of what failed is printed. Closes with `SUITE: N passed, N failed`; no case at all is a failure.
"""

import json
import os
import re
import subprocess
import sys

PASSED = re.compile(r"^\[  PASSED  \] (\d+) test", re.M)
FAILED = re.compile(r"^\[  FAILED  \] .*?(\d+) test", re.M)


def count(test):
    """(passed, failed) of one test program."""
    text = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
    passed = sum(int(n) for n in PASSED.findall(text))
    failed = sum(int(n) for n in FAILED.findall(text))
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        return (max(passed, 1), failed)
    return (passed, max(failed, 1))


def main():
    build, suite, *rest = sys.argv[1:]
    log = os.path.join(build, "meson-logs", f"suite-{suite}.json")
    if os.path.exists(log):
        os.remove(log)
    command = ["meson", "test", "-C", build, "--no-rebuild", "--suite", suite,
               "--logbase", f"suite-{suite}", "--quiet", *rest]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    tests = []
    if os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as f:
            tests = [json.loads(line) for line in f if line.strip()]
    passed = failed = 0
    for test in tests:
        p, f = count(test)
        passed += p
        failed += f
        if f:
            print(f"--- {test['name']}: {test['result']} ({' '.join(test['command'])})")
            print((test.get("stdout") or "")[-6000:])
            print((test.get("stderr") or "")[-6000:])
    if not tests:
        print(run.stdout[-4000:], run.stderr[-4000:], "no test ran", sep="\n")
        failed += 1
    elif run.returncode and not failed:
        print(run.stdout[-4000:], run.stderr[-4000:], "meson test failed", sep="\n")
        failed += 1
    slow = sorted(tests, key=lambda t: -t["duration"])[:3]
    print("slowest: " + ", ".join(f"{t['name'].split('/')[-1].split(':')[-1].strip()} "
                                  f"{t['duration']:.1f} s" for t in slow))
    print(f"{suite}: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
