#!/usr/bin/env python3
"""The cases that docs/tcp.md and docs/tcp-requirements.md name are run: cases_named.py TOP

In their tables a cell says `suite: case, case..; suite: case`: two dots stand for the rest of a name,
two dots between two cases for those between them, `all` for all of a suite. After a full stop, or
without a suite, is text.
"""

import pathlib
import re
import sys

WORD = re.compile(r"^([a-z0-9_]+)(\.\.)?$")


def names_of(top, suite):
    path = top / (f"tests/unit/net/test_{suite[4:]}.c" if suite.startswith("net/")
                  else f"tests/unit/tcp/test_{suite}.c")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return set(re.findall(r"cmocka_unit_test\w*\(\s*([a-z0-9_]+)", text))


def missing(top, page, text):
    for line in text.partition("## Which case shows what")[2].splitlines() or text.splitlines():
        if not line.startswith("| "):
            continue
        cell = re.sub(r"\([^)]*\)", "", line.rstrip("| ").split(" | ")[-1])
        for part in re.split(r"; |(?<!\.)\. ", cell):
            suite, colon, cases = part.rpartition(": ")
            suite = suite.split(": ")[-1].split(" ")[-1]
            if not colon or not re.fullmatch(r"(net/)?[a-z0-9_]+", suite):
                continue
            known = names_of(top, suite)
            if not known:
                yield f"{page}: no suite {suite}"
            for case in re.split(r", | \.\. ", cases):
                case = case.strip()
                word = WORD.match(case)
                if case != "all" and not (word and any(
                        n == word[1] or (word[2] and n.startswith(word[1])) for n in known)):
                    yield f"{page}: {suite} has no case {case}"


# Each of these must be found out, in a suite that has challenged() for a helper.
WRONG = {
    "defence: an_ack_storm_dies_out, challenges_have.., all": [],
    "*not so*: text. Text, more text; and more (defence: no_case_either)": [],
    "defence: an_ack_storm_dies": ["an_ack_storm_dies"],
    "defence: challenged": ["challenged"],
    "defence: An_ack_storm_dies_out, an-ack-storm": ["An_ack_storm_dies_out", "an-ack-storm"],
    "paws: timestamps_wrap_around; defence: acks_out.., reset": ["reset"],
}


def blind_to(top):
    for cell, bad in WRONG.items():
        found = [w.rsplit(" ", 1)[1] for w in missing(top, "self", f"| clause | {cell} |")]
        if found != bad:
            yield f"of the cell '{cell}' this is found wrong: {found}"


def main():
    top = pathlib.Path(sys.argv[1])
    wrong = list(blind_to(top))
    for page in ("docs/tcp.md", "docs/tcp-requirements.md"):
        wrong += missing(top, page, (top / page).read_text(encoding="utf-8"))
    print("\n".join(wrong) or "all cases exist")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
