"""How far every layer is from autograd: the worst output and the worst gradient over its pair's cases."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable

from hypothesis import HealthCheck, Phase, given, settings

from benchmarks.story import Worst
from parity_tests.checks import gradient_error
from parity_tests.pair import Pair

DTYPES = ("float64", "float32")


def worst(pair: Pair, dtype: str, cases: int, seconds: float = 1.0) -> Worst:
    """Over this many cases of the pair (fewer, but at least 3, when they take longer than `seconds`).

    Always the same cases, with values of the pair's first regime (normal).
    """
    found, deadline = Worst(), time.perf_counter() + seconds

    @settings(
        max_examples=cases,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=pair.drawn(pair.regimes[:1]))
    def measure(case):
        if found.cases >= 3 and time.perf_counter() > deadline:
            return
        found.cases += 1
        for name, (absolute, ulps) in gradient_error(pair, case, dtype).items():
            if name.startswith("d"):
                if absolute >= found.gradient:
                    found.gradient, found.gradient_name = absolute, name
                found.gradient_ulps = max(found.gradient_ulps, ulps)
            else:
                found.output = max(found.output, absolute)
                found.output_ulps = max(found.output_ulps, ulps)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's on deprecated options, which are cases too
        measure()
    return found


def survey(
    pairs: Iterable[Pair], cases: int, seconds: float, progress: Callable[[str], None] = lambda name: None
) -> dict[str, dict[str, Worst]]:
    """layer -> dtype -> Worst, in about `seconds` for all."""
    pairs, table = list(pairs), {}
    seconds /= 2 * len(pairs)
    for pair in pairs:
        progress(pair.name)
        table[pair.name] = {dtype: worst(pair, dtype, cases, seconds) for dtype in DTYPES}
    return table
