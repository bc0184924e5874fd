"""Comparing two records: which gradient is wrong, where, and by how many ulps."""

from __future__ import annotations

import numpy as np

from parity_tests.sides import Outcome


def ulps(got, want) -> float:
    """The distance in units in the last place of the larger of the two numbers, in got's dtype."""
    got, want = np.asarray(got), np.asarray(want)
    if np.array_equal(got, want, equal_nan=True):
        return 0.0
    return float(abs(float(got) - float(want)) / np.spacing(np.maximum(np.abs(got), np.abs(want)).astype(got.dtype)))


def scale_of(want: np.ndarray) -> float:
    finite = np.abs(want[np.isfinite(want)])
    return float(finite.max(initial=0.0))


def error(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """|got - want| element by element; equal infinities and nan against nan count as 0, else infinite."""
    got, want = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(invalid="ignore"):
        distance = np.abs(got - want)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    return np.where(same, 0.0, np.where(np.isfinite(got) & np.isfinite(want), distance, np.inf))


def describe(name: str, got: np.ndarray, want: np.ndarray, allowed: float) -> str:
    """One paragraph on the worst element of one array."""
    distance = error(got, want)
    worst = np.unravel_index(int(np.argmax(distance)), distance.shape) if distance.size else ()
    where = f"[{', '.join(map(str, worst))}]" if worst else ""
    wrong = int((distance > allowed).sum())
    return (
        f"{name} is wrong in {wrong} of {distance.size} elements, most at {name}{where}: "
        f"got {got[worst]!r}, expected {want[worst]!r} "
        f"(off by {distance[worst]:.3g}, {ulps(got[worst], want[worst]):.3g} ulps; allowed {allowed:.3g})"
    )


def as_zeros(gradient, like: np.ndarray) -> np.ndarray:
    return np.zeros_like(like) if gradient is None else gradient


def assert_same(got: Outcome, want: Outcome, *, rtol: float, label: str, dtype=None) -> None:
    """Every output, gradient and buffer within rtol of the largest element it should have (1 at least)."""
    wanted = dict(want.items())
    found = dict(got.items())
    missing = [n for n in wanted if n not in found and wanted[n] is not None]
    if missing:
        raise AssertionError(f"{label}: scratch gave no {', '.join(missing)}; it gave {', '.join(found) or 'nothing'}")
    problems = []
    for name, expected in wanted.items():
        actual = found.get(name)
        if expected is None and actual is None:
            continue
        expected = as_zeros(expected, actual)
        if actual is None:
            if np.any(expected):
                problems.append(f"{name} is None, expected an array {expected.shape}")
            continue
        actual = np.asarray(actual)
        if actual.shape != expected.shape:
            problems.append(f"{name} has shape {actual.shape}, expected {expected.shape}")
            continue
        if dtype is not None and expected.dtype.kind == "f" and actual.dtype != np.dtype(dtype):
            problems.append(f"{name} has dtype {actual.dtype}, expected {np.dtype(dtype)}")
        allowed = rtol * max(1.0, scale_of(expected))
        if actual.size and not (error(actual, expected) <= allowed).all():
            problems.append(describe(name, actual, expected, allowed))
    if problems:
        raise AssertionError(f"{label}:\n  " + "\n  ".join(problems))


def assert_as_accurate(got: Outcome, twin: Outcome, truth: Outcome, nearby: list[Outcome], *, label: str) -> None:
    """scratch's float32 error against float64 truth is at most 4 times torch's own.

    Torch is sometimes exact by luck, so the allowance never falls below 4 times what the best algorithm could promise:
    one rounding of the result (eps times the largest element) and what one rounding of the inputs does to it (`nearby`:
    the truth for inputs moved by up to eps, in several random directions).
    """
    eps = float(np.finfo(np.float32).eps)
    truths, twins, close_by = dict(truth.items()), dict(twin.items()), [dict(n.items()) for n in nearby]
    problems = []
    for name, actual in got.items():
        exact = truths.get(name)
        if actual is None or exact is None or np.asarray(actual).dtype.kind != "f":
            continue
        actual = np.asarray(actual)
        reference = as_zeros(twins.get(name), actual)
        torch_error = error(reference, exact)
        moved = np.array([error(near[name], exact) for near in close_by])
        finite = np.isfinite(torch_error)
        own = float(torch_error[finite].max(initial=0.0))
        floor = eps * scale_of(exact) + float(moved[np.isfinite(moved)].max(initial=0.0))
        allowed = 4 * max(own, floor)
        wrong = error(actual, exact) > allowed
        wrong &= ~((actual == reference) | (np.isnan(actual) & np.isnan(reference)))  # overflow in float32, as torch's
        if wrong.any():
            problems.append(describe(name, np.where(wrong, actual, exact.astype(np.float32)), exact, allowed))
    if problems:
        raise AssertionError(
            f"{label}: less accurate than 4 times torch's own float32 error:\n  " + "\n  ".join(problems)
        )


def arrays_of(outcome: Outcome) -> dict[str, np.ndarray]:
    return {name: a for name, a in outcome.items() if isinstance(a, np.ndarray)}
