"""bench/run: see there."""

import argparse
import json
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import measure  # noqa: E402
import receivers  # noqa: E402  (finds tests/lib)
import runs  # noqa: E402
import scenarios  # noqa: E402
import system  # noqa: E402
from cases import Failed  # noqa: E402


def main():
    # What asks and counts stays off the receiver's CPU.
    os.sched_setaffinity(0, {receivers.SENDER_CPU})
    # However it is ended, namespaces, mounts and settings go back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog="bench/run")
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help=" ".join(scenarios.SCENARIOS))
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="1 s and one run of each: does it work?")
    parser.add_argument("--runs", type=int, help="of each measurement (3)")
    parser.add_argument("--directory", default="/var/tmp", help="where receivers store (/var/tmp)")
    args = parser.parse_args()
    wanted = args.scenario or list(scenarios.SCENARIOS)
    unknown = [name for name in wanted if name not in scenarios.SCENARIOS]
    if unknown:
        parser.error(f"no scenario {' '.join(unknown)}")
    bench = runs.Bench(args.quick, args.directory, args.runs)
    machine = {**measure.machine(), **scenarios.build_settings(), "quick": args.quick, "time": time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    print(json.dumps(machine, indent=1), flush=True)
    failed = []
    with system.SocketBuffers() as buffers, system.HugePages() as huge:
        for name in wanted:
            print(f"== {name}: {scenarios.SCENARIOS[name].__doc__}", flush=True)
            try:
                scenarios.SCENARIOS[name](bench)
            except Failed as e:
                failed.append(name)
                print(f"{name}: FAILED: {e}", flush=True)
        scenarios.yardsticks(bench)
        for row in bench.rows:
            row["settings"] = {**row["settings"], "machine": machine, "sysctl": {**buffers, **huge}}
    if args.json:
        args.json.write_text(json.dumps(bench.rows, indent=1) + "\n")
    print(f"bench: {len(bench.rows)} rows" + (f", failed: {' '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
