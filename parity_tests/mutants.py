"""Break every backward on purpose and see whether the checks notice: `make mutants`.

    python -m parity_tests.mutants [--filter REGEX] [--pairs REGEX] [--cases N]

Each function named a backward or a gradient is changed in one place at a time: an operator, a constant (axes and
indices are constants), a sign, a comparison, a condition, a statement left out. The changed code replaces the
function's in this process, and the pairs that reach it are compared with autograd. A mutant that no comparison kills
is a survivor: a hole in the tests, or a change that means the same; those are explained in `mutants_explained.txt`, and
so are functions that no pair reaches.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import pkgutil
import re
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import CodeType, FunctionType

from hypothesis import HealthCheck, Phase, given, settings
from tqdm import tqdm

import parity_tests.pairs  # noqa: F401  (fills the registry)
import scratch
from parity_tests import checks
from parity_tests.pair import REGISTRY, Case, Pair
from parity_tests.tiny import tiny_blocks

EXPLAINED = Path(__file__).with_name("mutants_explained.txt")
NAMED = re.compile("backward|gradient|_dx|_dweight")  # functions to change
SECONDS = 20  # a mutant that takes longer loops, and counts as killed

BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}
COMPARE = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


def mutations(node: ast.AST) -> Iterator[ast.AST | None]:
    """Every other node this one could have been; None leaves a statement out."""
    other = copy.deepcopy(node)
    match other:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in BINARY:
            other.op = BINARY[type(op)]()
            yield other
        case ast.UnaryOp(op=ast.USub()):
            yield other.operand
        case ast.Constant(value=bool(value)):
            other.value = not value
            yield other
        case ast.Constant(value=int(value) | float(value)):
            other.value = value + 1
            yield other
        case ast.Compare(ops=[op]) if type(op) in COMPARE:
            other.ops = [COMPARE[type(op)]()]
            yield other
        case ast.BoolOp(op=op):
            other.op = ast.And() if isinstance(op, ast.Or) else ast.Or()
            yield other
        case ast.If(test=test) | ast.IfExp(test=test):
            other.test = ast.UnaryOp(ast.Not(), test)
            yield other
        case ast.Attribute(attr="sum" | "mean" as name):
            other.attr = "mean" if name == "sum" else "sum"
            yield other
    if isinstance(node, (ast.AugAssign, ast.Expr)) and not isinstance(getattr(node, "value", None), ast.Constant):
        yield None


def first_line(node: ast.AST) -> str:
    return ast.unparse(node).split("\n")[0]


class Planted(ast.NodeTransformer):
    """The tree with the n-th mutation inside backward functions applied."""

    def __init__(self, n: int):
        self.n, self.seen, self.depth, self.statement = n, -1, 0, ""
        self.where: tuple[int, str] | None = None  # the line, and what was done

    def visit_FunctionDef(self, node):
        inside = NAMED.search(node.name) is not None
        self.depth += inside
        node.body = [new for old in node.body if (new := self.visit(old)) is not None] or [ast.Pass()]
        self.depth -= inside
        return node

    def generic_visit(self, node):
        if isinstance(node, ast.stmt):
            self.statement = first_line(node)
        if self.depth and self.where is None:
            for other in mutations(node):
                self.seen += 1
                if self.seen == self.n:
                    change = f"{first_line(node)} -> {'left out' if other is None else first_line(other)}"
                    if isinstance(node, (ast.Constant, ast.UnaryOp)):  # of which a function may have several
                        change += f" in {self.statement}"
                    self.where = node.lineno, change
                    return ast.Pass() if other is None else other
            if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
                return node  # -1 -> -2 means the same to reshape
        return super().generic_visit(node)


def targets() -> Iterator[tuple[FunctionType, ast.FunctionDef]]:
    """Every function or method of scratch with a backward or a gradient in it, and its syntax tree."""
    for found in pkgutil.walk_packages(scratch.__path__, "scratch."):
        module = importlib.import_module(found.name)
        tree = ast.parse(Path(module.__file__).read_text())
        for owner, body in [(module, tree.body)] + [
            (getattr(module, c.name), c.body) for c in tree.body if isinstance(c, ast.ClassDef)
        ]:
            for node in body:
                names = (n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef))
                if isinstance(node, ast.FunctionDef) and any(map(NAMED.search, names)):
                    function = vars(owner).get(node.name)
                    if isinstance(function, FunctionType):
                        yield function, node


def compiled(function: FunctionType, node: ast.FunctionDef) -> CodeType:
    """The code of a changed function, as its module would have compiled it."""
    bare = copy.deepcopy(node)
    bare.decorator_list = []
    module = ast.fix_missing_locations(ast.Module([bare], []))
    code = compile(module, function.__code__.co_filename, "exec", dont_inherit=True)
    return next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == node.name)


def cases_of(pair: Pair, n: int) -> list[Case]:
    """n cases as the tests draw them, and the declared empty ones."""
    collected: list[Case] = []
    options = settings(
        max_examples=n,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    options(given(pair.drawn())(lambda case: collected.append(case)))()
    modes = [replace(c, train=i % 2 == 0) if checks.is_module(pair) else c for i, c in enumerate(collected)]
    return [*modes, *pair.empty]


@contextmanager
def limited(seconds: int):
    def stop(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def run(pair: Pair, case: Case) -> None:
    """What a mutant has to survive."""
    checks.matches_autograd(pair, case)
    checks.computes_only_what_is_wanted(pair, case)
    if case.regime in ("normal", "large"):
        checks.is_as_accurate_as_torch(pair, case)
    with scratch.textbook():
        checks.matches_autograd(pair, case)
    with tiny_blocks():
        checks.matches_autograd(pair, case)
        checks.computes_only_what_is_wanted(pair, case)


def reached(pairs: dict[Pair, list[Case]]) -> dict[tuple[str, int], list[Pair]]:
    """(file, first line) of every function -> the pairs whose cases call it, the quickest first."""
    found: dict[tuple[str, int], list[Pair]] = {}
    seconds: dict[str, float] = {}
    for pair, cases in tqdm(pairs.items(), desc="unchanged", disable=None):
        called: set[tuple[str, int]] = set()

        def note(frame, event, _, called=called):
            if event == "call":
                called.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

        began = time.perf_counter()
        sys.setprofile(note)
        try:
            for case in list(cases):
                try:
                    run(pair, case)
                except AssertionError:  # a rounding error that torch by luck does not make: no case for mutants
                    cases.remove(case)
        finally:
            sys.setprofile(None)
        seconds[pair.name] = time.perf_counter() - began
        for key in called:
            found.setdefault(key, []).append(pair)
    return {key: sorted(by, key=lambda pair: seconds[pair.name]) for key, by in found.items()}


def survives(pairs: dict[Pair, list[Case]], reach: list[Pair]) -> bool:
    for pair in reach:
        for case in pairs[pair]:
            try:
                with limited(SECONDS):
                    run(pair, case)
            except Exception:
                return False
    return True


def explained() -> set[str]:
    """Survivors that mean the same as the original, functions no pair reaches: one a line, the reason after ` -- `."""
    lines = EXPLAINED.read_text().splitlines() if EXPLAINED.exists() else []
    return {line.split(" -- ")[0].strip() for line in lines if line.strip() and not line.startswith("#")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--filter", default="", help="only functions whose module.name matches")
    parser.add_argument("--pairs", default="", help="only pairs whose name matches")
    parser.add_argument("--cases", type=int, default=30, help="cases a pair")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = [
        (f, node) for f, node in targets() if re.search(options.filter, f"{f.__module__}.{f.__qualname__}") is not None
    ]
    pairs = {pair: cases_of(pair, options.cases) for pair in REGISTRY.values() if re.search(options.pairs, pair.name)}
    reach = reached(pairs)
    killed, known, survivors, unreached = 0, explained(), [], []
    used = 0
    for function, node in tqdm(chosen, desc="mutants", disable=None):
        inner = {n.lineno for n in ast.walk(node) if isinstance(n, ast.FunctionDef)}
        file = function.__code__.co_filename
        by = list({id(p): p for line in sorted(inner) for p in reach.get((file, line), ())}.values())
        whole = f"{function.__module__}.{function.__qualname__}"
        if not by:
            used += whole in known
            unreached += [whole] if whole not in known else []
            continue
        original, n = function.__code__, 0
        while True:
            planted = Planted(n)
            tree = planted.visit(copy.deepcopy(node))
            if planted.where is None:
                break
            n += 1
            line, change = planted.where
            try:
                function.__code__ = compiled(function, tree)
            except (SyntaxError, ValueError):
                continue
            alive = survives(pairs, by)
            function.__code__ = original
            name = f"{whole}: {change}"
            if not alive:
                killed += 1
            elif name in known:
                used += 1
            else:
                survivors.append(f"{Path(file).name}:{line}: {name}")
    for survivor in survivors:
        print("survived", survivor)
    for name in unreached:
        print("no pair reaches", name)
    print(f"{killed} killed, {used} explained, {len(survivors)} survived, {len(unreached)} functions not reached")
    return 1 if survivors or unreached else 0


if __name__ == "__main__":
    sys.exit(main())
