"""bench/instructions: a case that takes more instructions than before is seen, by itself and only then."""

import importlib.machinery
import importlib.util
import pathlib
import sys
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[3] / "bench/instructions"
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("instructions", str(TOOL))
instructions = importlib.util.module_from_spec(importlib.util.spec_from_loader("instructions", loader))
loader.exec_module(instructions)


class Compare(unittest.TestCase):
    def test_within_the_tolerance(self):
        self.assertEqual(instructions.compare({"a": 100.0, "b": 7.0}, {"a": 104.9, "b": 7.0}, 5), [])

    def test_above_it(self):
        self.assertEqual(instructions.compare({"a": 100.0, "b": 7.0}, {"a": 105.1, "b": 7.0}, 5), ["a"])

    def test_faster_is_no_failure(self):
        self.assertEqual(instructions.compare({"a": 100.0}, {"a": 10.0}, 5), [])

    def test_new_and_old_cases_are_no_failure(self):
        self.assertEqual(instructions.compare({"a": 1.0}, {"b": 9.0}, 5), [])


if __name__ == "__main__":
    unittest.main()
