"""python -m benchmarks: times and peak memory of every layer and of whole networks, beside PyTorch."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace

from benchmarks import machine as machines

EPILOG = """\
suites: ops (every layer), nets (training steps), memory (each network in fresh processes), scaling (batch, sequence
length, width), overhead (tiny inputs), models (everything in scratch.models), lock (threads beside processes); without
one: ops nets memory

also: python -m benchmarks compare BEFORE.json AFTER.json [--all]     what has changed
      python -m benchmarks --read A.json B.json --html FILE           a report from files, nothing is timed
      python -m benchmarks --readme FILE.json [FILE2.json]            the table and the chart of README.md
"""


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Times forward, backward and step of scratch (kernels and textbook) and of PyTorch, alternating in "
        "one process with the same threads; medians after a warm-up, the 20th to 80th percentile, ratios to torch, and "
        "the step's peak memory. The control is torch timed against itself.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="default: ops nets memory")
    parser.add_argument("--filter", metavar="REGEX", default="", type=_regex, help="only rows whose name matches")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda: the textbook on CuPy arrays")
    parser.add_argument("--threads", type=int, help="on both sides (default: OMP_NUM_THREADS, or all cores)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument(
        "--against",
        metavar="LIST",
        default="torch,textbook",
        help="beside scratch's kernels, any of torch,torch-compile,cupy,textbook (default: %(default)s)",
    )
    parser.add_argument("--seconds", type=float, default=0.4, help="for each subject of a row (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the measurement")
    parser.add_argument("--html", metavar="FILE", help="write a report")
    parser.add_argument("--read", metavar="FILE", nargs="+", help="take the measurement from these files")
    parser.add_argument(
        "--readme", metavar="FILE", nargs="+", help="write README.md's table and chart, and docs/speed.md, from these"
    )
    parser.add_argument("--quick", action="store_true", help="one turn each: whether all runs, no figures to quote")
    parser.add_argument("--default-allocator", action="store_true", help="glibc's own thresholds, on both sides")
    parser.add_argument("--list", action="store_true", help="names of the rows, nothing is timed")
    return parser.parse_args(argv)


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as wrong:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {wrong}") from None
    return text


def compare(argv: list[str]) -> int:
    from benchmarks.compare import show
    from benchmarks.record import Record
    from benchmarks.table import console

    parser = argparse.ArgumentParser(prog="python -m benchmarks compare")
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--all", action="store_true", help="what has not changed, too")
    chosen = parser.parse_args(argv)
    show(Record.read(chosen.before), Record.read(chosen.after), console(), chosen.all)
    return 0


def measured(chosen: argparse.Namespace, names: Sequence[str], found: list):
    """Run the benchmarks."""
    from benchmarks import roofline
    from benchmarks.record import Record
    from benchmarks.run import How, rows

    threads = machines.set_threads(chosen.threads)
    how = How(names, chosen.dtype, chosen.device, chosen.seconds)
    if chosen.quick:
        how = replace(how, seconds=0.0, rounds=1)
    settings = {key: getattr(chosen, key) for key in ("device", "dtype", "quick", "seconds")}
    machine = machines.describe(chosen.device)  # before the work starts: it names the load
    peaks = roofline.peaks(chosen.quick) if chosen.device == "cpu" and any(e.suite == "ops" for e in found) else {}
    record = Record(machine, settings | {"subjects": list(names), "threads": threads}, [], peaks)
    try:
        record.rows.extend(rows(found, how))
    except KeyboardInterrupt:
        print("stopped: what is measured so far follows", file=sys.stderr)
    return record


def main(argv: list[str]) -> int:
    if argv[:1] == ["compare"]:
        return compare(argv[1:])
    chosen = arguments(argv)
    from benchmarks import readme, speed_report, subjects, table
    from benchmarks.record import Record
    from benchmarks.run import DEFAULT, SUITES, entries

    if chosen.readme:
        readme.write([Record.read(path) for path in chosen.readme], chosen.readme)
        return 0
    if unknown := [name for name in chosen.suites if name not in SUITES]:
        return _refuse(f"no suite {unknown[0]!r}; there are {', '.join(SUITES)}")
    if chosen.device == "cuda" and (reason := machines.no_gpu()):
        return _refuse(f"--device cuda: {reason}")
    try:
        names = subjects.chosen(chosen.against.split(","), chosen.device)
    except ValueError as wrong:
        return _refuse(f"--against {wrong}")

    out = table.console()
    if chosen.read:
        record = Record.read_all(chosen.read)
    else:
        found = entries(chosen.suites or DEFAULT, chosen.filter, chosen.device)
        if chosen.list or not found:
            print("\n".join(f"{e.suite:9} {e.name}" for e in found) or f"no row matches {chosen.filter!r}")
            return 0 if found else 1
        record = measured(chosen, names, found)
    table.show(record, out)
    if chosen.json:
        record.write(chosen.json)
    if chosen.html:
        speed_report.write(record, chosen.html)
        out.print(f"report: {chosen.html}", highlight=False)
    return 0


def _refuse(reason: str) -> int:
    print(f"python -m benchmarks: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    if not {"--default-allocator", "--readme", "--read", "--list"} & {*sys.argv} and "compare" not in sys.argv[1:2]:
        machines.restart_with_allocator("benchmarks", sys.argv[1:])
    sys.exit(main(sys.argv[1:]))
