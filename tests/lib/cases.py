"""A small runner: cases are functions, a failing one does not stop the others.

Closes with `SUITE: N passed, N failed`. Names on the command line choose cases; --list shows them.
"""

import os
import sys
import time
import traceback


class Failed(Exception):
    """A check did not hold; says what was expected and what was there."""


def expect(truth, text):
    if not truth:
        raise Failed(text)


def equal(what, got, wanted):
    if got != wanted:
        raise Failed(f"{what}: got {got!r}, wanted {wanted!r}")


FULL = os.environ.get("SLUICE_FULL") == "1"


def collector(cases, around):
    """A decorator for cases that want an own configuration: @case(quick=True, poll="busy")."""
    def case(quick=False, **changes):
        def add(fn):
            def run(_):
                with around(**changes) as given:
                    try:
                        fn(given)
                    except Exception:
                        trouble(given)
                        raise
            run.__name__, run.__doc__ = fn.__name__, fn.__doc__
            cases.append((run, quick))
            return fn
        return add
    return case


class Suite:
    def __init__(self, name):
        self.name = name
        self.cases = []

    def case(self, quick=False):
        """Decorator; the function's name and first line of its text are what is printed."""
        def add(fn):
            self.cases.append((fn, quick))
            return fn
        return add

    def main(self, around, words=None):
        """`around()` makes what all cases get as argument: a context manager."""
        words = sys.argv[1:] if words is None else words
        only_quick = "--quick" in words
        names = [w for w in words if not w.startswith("-")]
        if "--list" in words:
            for fn, _ in self.cases:
                print(f"{fn.__name__}: {(fn.__doc__ or '').strip().splitlines()[0]}")
            return 0
        chosen = [fn for fn, quick in self.cases
                  if (not names or fn.__name__ in names) and (quick or not only_quick)]
        passed = failed = 0
        for fn in chosen:
            start = time.monotonic()
            try:
                with around() as given:
                    try:
                        fn(given)
                    except Exception:
                        trouble(given)
                        raise
                passed += 1
                word, text = "ok  ", ""
            except Failed as e:
                failed += 1
                word, text = "FAIL", f": {e}"
            except Exception:  # a case may fail in any way; the others still run
                failed += 1
                word, text = "FAIL", ":\n" + traceback.format_exc()
            print(f"{word} {fn.__name__} ({time.monotonic() - start:.1f} s){text}", flush=True)
        if not chosen:
            failed += 1
        print(f"{self.name}: {passed} passed, {failed} failed")
        return 1 if failed else 0


def trouble(given):
    """What the case's surroundings have to say about a failure."""
    say = getattr(given, "trouble", None)
    if say:
        try:
            print(say(), flush=True)
        except Exception as e:  # the failure itself matters more
            print(f"(no more is known: {e})")
