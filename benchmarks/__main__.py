"""python -m benchmarks: times and peak memory of every layer and of whole networks, beside PyTorch."""

from __future__ import annotations

import argparse
import re
import sys

from benchmarks import machine as machines


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Times forward, backward and step of every layer and of whole networks in scratch (textbook and "
        "kernels) and in PyTorch, alternating in one process with the same threads; medians after a warm-up, the 20th "
        "to 80th percentile, ratios to torch, and the step's peak memory. The control is torch timed against itself.",
        epilog="python -m benchmarks compare BEFORE.json AFTER.json [--all] tells what has changed.",
    )
    parser.add_argument("--filter", metavar="REGEX", default="", help="only rows whose name matches")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda: the textbook on CuPy arrays")
    parser.add_argument("--threads", type=int, help="on both sides (default: OMP_NUM_THREADS, or all cores)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--against", choices=("torch", "torch-compile"), default="torch", help="a column more")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each subject of a row (default: 1)")
    parser.add_argument("--json", metavar="FILE", help="write the measurement")
    parser.add_argument("--png", metavar="FILE", help="write a chart of the ratios")
    parser.add_argument("--quick", action="store_true", help="one tenth of the time: a first look")
    parser.add_argument("--default-allocator", action="store_true", help="glibc's own thresholds, on both sides")
    parser.add_argument("--list", action="store_true", help="names of the rows, nothing is timed")
    return parser.parse_args(argv)


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


def main(argv: list[str]) -> int:
    if argv[:1] == ["compare"]:
        return compare(argv[1:])
    chosen = arguments(argv)
    from benchmarks import chart, table
    from benchmarks.record import Record
    from benchmarks.run import rows, selected

    names = selected(re.compile(chosen.filter), chosen.device)
    if chosen.list or not names:
        print("\n".join(names) or f"no row matches {chosen.filter!r}")
        return 0 if names else 1
    out = table.console()
    threads = machines.set_threads(chosen.threads)
    settings = {key: getattr(chosen, key) for key in ("device", "dtype", "quick", "seconds", "against")}
    record = Record(machines.describe(chosen.device), settings | {"threads": threads}, [])
    seconds = chosen.seconds / 10 if chosen.quick else chosen.seconds
    for row in rows(names, chosen.dtype, chosen.device, seconds, chosen.against == "torch-compile"):
        record.rows.append(row)
    table.show(record, out)
    if chosen.json:
        record.write(chosen.json)
    if chosen.png:
        chart.draw(record, chosen.png)
    return 0


if __name__ == "__main__":
    if "--default-allocator" not in sys.argv and "compare" not in sys.argv[1:2]:
        machines.restart_with_allocator("benchmarks", sys.argv[1:])
    sys.exit(main(sys.argv[1:]))
