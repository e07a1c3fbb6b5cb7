#!/usr/bin/env python3
"""Every text of ours that can stand as a refusal's detail is in docs/troubleshooting.md: details_named.py TOP

Texts are the string literals given to those who refuse, or put into a `detail`; what OpenSSL says, and what
peers say, is not ours. Of a format the parts between its conversions must be there.
"""

import pathlib
import re
import sys

SOURCES = ("dataplane/*.c", "dataplane/auth.h", "control/login*.c", "tls/conn.c", "tls/hello.c")
CALLS = re.compile(r"\b(session_refused|refuse|login_answer)\(|\bsnprintf\(\s*(?:\w+->)?detail\b|"
                   r"\bhello_fault = (?=\")|#define AUTH_CERTIFIED ")
# Functions whose literals are details, each of them.
FUNCTIONS = ("auth_legacy_denial", "session_denial", "session_forbidden_by", "session_no_legal_name")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"(?:\s*"((?:[^"\\]|\\.)*)")*')
CONVERSION = re.compile(r"%[-.*0-9]*(?:l?[usd]|\" PRI\w+ \")")
ELSEWHERE = ("timezone parse error",)  # a warning, not a refusal


def until_end(text, at):
    """From behind a bracket to where it ends; without a bracket, the line or statement."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] in "({":
            depth += 1
        elif text[i] in ")}":
            depth -= 1
            if depth <= 0:
                return text[at:i]
        elif text[i] in ";\n" and depth == 0:
            return text[at:i]
    return text[at:]


def literals(code):
    for found in LITERAL.finditer(code):
        yield "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', found[0]))


def details(text):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for call in CALLS.finditer(text):
        bracket = text.find("(", call.start(), call.end())
        yield from literals(until_end(text, bracket if bracket >= 0 else call.end()))
    for name in FUNCTIONS:
        for found in re.finditer(rf"^[^\n;{{]*\b{name}\([^;{{]*\)\n{{", text, re.M):
            yield from literals(until_end(text, found.end() - 1))


def parts(detail):
    for part in CONVERSION.split(detail):
        part = " ".join(part.replace("\\n", " ").split()).strip(" ,:")
        if len(part) > 2:
            yield part


def main():
    top = pathlib.Path(sys.argv[1])
    page = " ".join((top / "docs/troubleshooting.md").read_text(encoding="utf-8").split())
    seen, bad = set(), []
    for pattern in SOURCES:
        for path in sorted(top.glob(pattern)):
            for detail in details(path.read_text(encoding="utf-8")):
                if not detail.startswith(ELSEWHERE):
                    seen.add(detail)
                    bad += [f"{path.name}: \"{detail}\": nothing of \"{part}\"" for part in parts(detail)
                            if part not in page]
    # Of each way to say one, one: else the check would be blind to it.
    for known in ("a wrong preshared key", "by a new policy", "nothing came for too long",
                  "user %s: %.24s", "ClientHello: another server name than before",
                  "it has asked for more streams than it may have too often"):
        if known not in seen:
            bad.append(f"does not find \"{known}\" in the code")
    print("\n".join(bad) or f"{len(seen)} texts, all are there")
    return 1 if bad else 0


sys.exit(main())
