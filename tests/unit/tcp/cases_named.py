#!/usr/bin/env python3
"""The cases that docs/tcp.md and docs/tcp-requirements.md name exist: cases_named.py TOP

In their tables a cell says `suite: case, case..; suite: case`: two dots stand for the rest of a name.
"""

import pathlib
import re
import sys

WORD = re.compile(r"^([a-z0-9_]+)(\.\.)?$")


def names_of(top, suite):
    path = top / (f"tests/unit/net/test_{suite[4:]}.c" if suite.startswith("net/")
                  else f"tests/unit/tcp/test_{suite}.c")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return set(re.findall(r"(?:static void |SPEC\()([a-z0-9_]+)\(?", text))


def missing(top, page):
    text = (top / page).read_text(encoding="utf-8")
    for line in text.partition("## Which case shows what")[2].splitlines() or text.splitlines():
        if not line.startswith("| "):
            continue
        cell = re.sub(r"\([^)]*\)", "", line.rstrip("| ").split(" | ")[-1])
        for part in re.split(r"; |\. ", cell):
            suite, colon, cases = part.rpartition(": ")
            suite = suite.split(": ")[-1].split(" ")[-1]
            if not colon or not re.fullmatch(r"(net/)?[a-z0-9_]+", suite):
                continue
            known = names_of(top, suite)
            if not known:
                yield f"{page}: no suite {suite}"
            for case in re.split(r", | \.\. ", cases):
                word = WORD.match(case.strip())
                if not word or "_" not in word[1]:
                    continue
                if not any(n == word[1] or (word[2] and n.startswith(word[1])) for n in known):
                    yield f"{page}: {suite} has no case {case.strip()}"


def main():
    top = pathlib.Path(sys.argv[1])
    wrong = [w for page in ("docs/tcp.md", "docs/tcp-requirements.md") for w in missing(top, page)]
    print("\n".join(wrong) or "all cases exist")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
