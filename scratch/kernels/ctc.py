"""CTC in the linear domain, from both ends at once.

Fast because a step is a few sums and products of float64 probabilities, where the textbook has two logaddexp and four
copies: what arrives in each state is scaled to the sum 1, and the logarithms of the scales make up the loss. The paths
that lead on from a state are those that lead to it when time and target are read backwards, so one loop over time does
both; then the posteriors, and the check, are a few passes over all steps.

What a float64 loses by underflow is below 1e-307 in the sum over the states of any step. Where that sum is not much
larger (ENOUGH), nor infinite, paths that matter may be lost, and the textbook takes over.

Axes: as in the textbook; D = 2N: each input forwards, then each backwards.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.ctc import CTCSaved, _checked_lengths, _may_skip, _states, ctc_loss
from scratch.kernels.blocks import BLOCK
from scratch.reduction import shared

ENOUGH = 1e-280


class Saved(NamedTuple):
    """What ctc_backward needs."""

    log_probs: np.ndarray  # (T, N, C)
    states: np.ndarray  # (N, L)
    posterior: np.ndarray  # (N, T, L) of each state at each step
    counts: np.ndarray  # (T, N) bool: whether a step has a gradient
    divisor: np.ndarray  # (N,) or a scalar, of each loss
    reduction: str
    batched: bool


def ctc_forward(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    arguments = log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity
    batched, dtype = log_probs.ndim == 3, log_probs.dtype
    log_probs = log_probs if batched else log_probs[:, None]
    steps, batch, _ = log_probs.shape
    input_lengths = _checked_lengths("input_lengths", input_lengths, batch, steps)
    target_lengths = _checked_lengths("target_lengths", target_lengths, batch, None)
    states = _states(log_probs, targets, target_lengths, blank)  # (N, L)
    log_likelihood, posterior = np.empty(batch, dtype), np.empty((batch, steps, states.shape[1]), dtype)
    together = max(1, 4 * BLOCK // posterior[0].size)
    for part in (slice(i, i + together) for i in range(0, batch, together)):
        found = paths(log_probs[:, part], states[part], input_lengths[part], target_lengths[part])
        if found is None:
            return ctc_loss.forward(*arguments)
        log_likelihood[part], posterior[part] = found
    losses, counts = -log_likelihood, np.arange(steps)[:, None] < input_lengths
    if zero_infinity:
        infinite = np.isinf(losses)
        losses[infinite], counts = 0, counts & ~infinite
    divisor = np.maximum(target_lengths, 1).astype(dtype) if reduction == "mean" else np.ones((), dtype)
    saved = Saved(log_probs, states, posterior, counts, divisor, reduction, batched)
    if reduction == "none":
        return losses if batched else losses[0], saved
    return (losses.sum() if reduction == "sum" else (losses / divisor).mean()), saved


def paths(log_probs, states, input_lengths, target_lengths):
    """The log-likelihood (N,) and the posterior (N, T, L); None where float64 may be too narrow for them."""
    steps, batch, classes = log_probs.shape
    last, t, s, n = 2 * target_lengths, np.arange(steps)[:, None], np.arange(states.shape[1])[:, None], np.arange(batch)
    inside, valid, may_skip = t < input_lengths, s <= last, _may_skip(states)  # (T, N), (L, N), (N, L)
    t_mirrored, s_mirrored = np.where(inside, input_lengths - 1 - t, t), np.where(valid, last - s, s)
    mirrored = (t_mirrored[:, None] * len(s) + s_mirrored) * batch + n  # (T, L, N): places in (T, L, N), flattened
    with np.errstate(all="ignore"):
        forwards = np.exp(log_probs.reshape(steps, -1).take(n * classes + states.T, axis=1), dtype=np.float64)
        forwards *= valid
        emitted = np.concatenate([forwards, forwards.take(mirrored)], axis=2)  # (T, L, D)
        skip = np.concatenate([may_skip, _may_skip(states[n, s_mirrored].T)]).T.astype(np.float64)  # (L, D)
        arrived, scale = arrivals(emitted, skip)
        # of all paths those through a state: what arrives there, the step itself, what arrives backwards
        through = forwards * arrived[..., :batch]  # (T, L, N)
        through *= arrived[..., batch:].take(mirrored)
        total = through.sum(axis=1)  # (T, N)
        equal_neighbours = (valid & ~may_skip.T)[3::2].sum(axis=0)
        possible = input_lengths >= target_lengths + equal_neighbours
        certain = np.where(possible, (total >= ENOUGH) & (total < np.inf), total == 0)
        if not (certain | ~inside).all():
            return None
        # at the end of an input, what arrives backwards is 1 in the last two states: there, total is what has arrived
        log_likelihood = np.where(t < input_lengths - 1, np.log(scale[:, :batch]), 0).sum(axis=0)
        log_likelihood += np.log(total[np.maximum(input_lengths - 1, 0), n])
        through /= total[:, None]
    return np.where(input_lengths > 0, log_likelihood, np.where(last == 0, 0, -np.inf)), through.transpose(2, 0, 1)


def arrivals(emitted, skip):
    """What arrives in each state at each step, (T, L, D), before the step itself; and what each step was divided by."""
    arrived, scale = np.empty_like(emitted), np.empty((len(emitted), emitted.shape[2]))
    here = np.zeros((len(skip) + 2, len(scale[0])))  # with two states before the first, where nobody ever is
    inner, skipping, ones = here[2:], np.empty_like(skip), np.ones(len(skip))
    arrived[0] = 0
    arrived[0, :2] = 1  # in the first blank or the first label
    for t, now in enumerate(arrived):
        if t:
            np.add(inner, here[1:-1], out=now)
            np.multiply(here[:-2], skip, out=skipping)
            now += skipping
        np.multiply(now, emitted[t], out=inner)
        np.dot(ones, inner, out=scale[t])
        inner /= scale[t]
    return arrived, scale


def ctc_backward(dy, saved):
    """dy -> dlog_probs (T, N, C), None"""
    if isinstance(saved, CTCSaved):
        return ctc_loss.backward(dy, saved)
    log_probs, states, posterior, counts, divisor, reduction, batched = saved
    is_class = states[:, :, None] == np.arange(log_probs.shape[2])  # (N, L, C)
    dlog_probs = np.exp(log_probs)
    with np.errstate(invalid="ignore"):
        dlog_probs -= (posterior @ is_class.astype(posterior.dtype)).swapaxes(0, 1)
        dlog_probs *= (shared(dy, reduction, log_probs.shape[1]) / divisor).reshape(-1, 1)
    dlog_probs[log_probs == -np.inf] = np.nan  # as torch's, which divides by the probability
    dlog_probs[~counts] = 0
    return dlog_probs if batched else dlog_probs[:, 0].copy(), None


def suits(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False) -> bool:
    return (
        log_probs.dtype.char in "fd"
        and log_probs.ndim in (2, 3)
        and log_probs.size > 0
        and 0 <= blank < log_probs.shape[-1]
        and reduction in ("none", "mean", "sum")
    )


ctc_loss.register(ctc_forward, ctc_backward, when=suits)
