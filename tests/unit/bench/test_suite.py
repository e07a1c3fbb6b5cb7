"""The parts of bench/run and bench/report that can be wrong without a machine to measure."""

import html.parser
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "bench/suite"))
sys.dont_write_bytecode = True

import charts  # noqa: E402
import measure  # noqa: E402


def row(**more):
    return {"scenario": "udp", "subject": "sluiced", "path": "same", "logs_per_s": 1000.0, "bytes_per_s": 5e5,
            "receiver_cpu_us_per_log": 0.5, "lost": 0, "latency_us": {"p50": None, "p99": None, "p999": None},
            "runs": 3, "min": 900.0, "max": 1100.0, "openssl": "3", "settings": {"machine": {"cpus": 2}}, **more}


class Lossless(unittest.TestCase):
    def search(self, capacity, start=200000, limit=2000000, steps=4):
        tried = []

        def trial(rate):
            tried.append(rate)
            return rate <= capacity

        return measure.lossless(trial, start, limit, steps), tried

    def test_finds_the_capacity_from_below(self):
        for capacity in (200001, 333333, 650000, 1400000):
            found, _ = self.search(capacity)
            self.assertTrue(capacity * 0.93 <= found <= capacity, (capacity, found))

    def test_goes_below_the_start(self):
        found, _ = self.search(30000)
        self.assertTrue(27000 <= found <= 30000, found)

    def test_stops_at_the_limit(self):
        found, tried = self.search(1e12)
        self.assertTrue(1300000 < found <= 2000000)
        self.assertLessEqual(max(tried), 2000000)

    def test_gives_up(self):
        self.assertEqual(self.search(0)[0], 0)


class Measure(unittest.TestCase):
    def test_softirq_of_one_cpu(self):
        stat = "cpu  1 2 3 4 5 6 700 8\ncpu0 1 2 3 4 5 6 300 8\ncpu1 1 2 3 4 5 6 400 8\ncpu11 0 0 0 0 0 0 9 0\n"
        self.assertEqual(measure.softirq(1, stat), 400 / measure.TICKS)
        self.assertEqual(measure.softirq(0, stat), 300 / measure.TICKS)

    def test_what_a_cpu_had_to_spare(self):
        stat = "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 1 2 3 400 50 6 7 8 9 10\n"
        self.assertEqual(measure.unused(0, stat), (400 + 50 + 8) / measure.TICKS)

    def test_own_threads(self):
        self.assertGreater(sum(s for _, s in measure.thread_cpu("self").values()), 0)

    def test_spread(self):
        self.assertEqual(measure.spread([3, 1, 2]), (2, 1, 3))


class Page(unittest.TestCase):
    class Balanced(html.parser.HTMLParser):
        void = {"meta", "rect", "line"}

        def __init__(self):
            super().__init__()
            self.open, self.seen = [], []

        def handle_starttag(self, tag, attrs):
            self.seen.append((tag, dict(attrs)))
            if tag not in self.void:
                self.open.append(tag)

        def handle_endtag(self, tag):
            if tag in self.void:
                return
            while self.open and self.open[-1] == "p" != tag:
                self.open.pop()
            assert self.open.pop() == tag, tag

    def parse(self, rows):
        text = charts.page(rows)
        parser = self.Balanced()
        parser.feed(text)
        self.assertEqual([t for t in parser.open if t != "p"], [])
        return text, parser.seen

    def test_every_row_is_there_and_nothing_is_fetched(self):
        rows = [row(), row(subject="rsyslog"), row(scenario="latency", latency_us={"p50": 1, "p99": 2, "p999": 3}),
                row(scenario="micro", subject="tcp/segments_in"), row(scenario="search", subject="zstdgrep, x")]
        text, seen = self.parse(rows)
        for one in rows:
            self.assertIn(one["subject"], text)
        self.assertNotIn("http", text)
        self.assertFalse([a for _, a in seen if "src" in a or "href" in a])
        self.assertIn("svg", [t for t, _ in seen])

    def test_text_is_escaped(self):
        text, _ = self.parse([row(subject="<script>alert(1)</script>", settings={"x": "<b>"})])
        self.assertNotIn("<script>", text)
        self.assertNotIn("<b>", text)

    def test_bars_are_in_proportion(self):
        _, seen = self.parse([row(), row(subject="half", logs_per_s=500.0, max=550.0)])
        widths = [float(a["width"]) for t, a in seen if t == "rect"][:2]
        self.assertAlmostEqual(widths[0], 2 * widths[1], delta=0.2)

    def test_no_rows(self):
        self.parse([])

    def test_a_quick_run_says_so(self):
        text, _ = self.parse([row(settings={"machine": {"quick": True}})])
        self.assertIn("quick run", text)


if __name__ == "__main__":
    unittest.main()
