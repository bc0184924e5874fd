"""Connectionist temporal classification: the loss of a sequence of labels that is not aligned to its input.

Axes: T time steps, N batch, C classes with the blank among them, S labels of a target, L = 2S + 1 states: the labels
with a blank before, between and behind them.
Twin: torch_ref/ctc.py. Pair: parity_tests/pairs/ctc.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.module import Module
from scratch.op import Op, on_device_of
from scratch.reduction import checked_reduction, shared


class CTCSaved(NamedTuple):
    """What ctc_loss_backward needs; the backward probabilities beta are computed there."""

    log_probs: np.ndarray  # (T, N, C)
    states: np.ndarray  # (N, L) the class of each state
    alpha: np.ndarray  # (T, N, L)
    log_likelihood: np.ndarray  # (N,)
    input_lengths: np.ndarray  # (N,)
    target_lengths: np.ndarray  # (N,)
    reduction: str
    zero_infinity: bool
    batched: bool


def ctc_loss_forward(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """-log of the probability of all paths that spell the target, when repeats are merged and then blanks removed.

    alpha[t, s], the log-probability of being in state s after step t on a path that began properly, is summed up from
    the states that lead to s: itself, the one before, and the one before that, unless this would skip a label or the
    blank between two equal ones. The loss is that of the last two states at the end. It is infinite where the input is
    too short for its target.

    The gradient is torch's, exp(log_probs) - (the posterior probability of each class at each step), which takes for
    granted that log_probs comes from log_softmax: behind log_softmax it is the true gradient, by itself it is not. At
    log_probs of -inf it is nan.

    Parameters
    ----------
    log_probs : (T, N, C) or (T, C), logarithms of probabilities.
    targets : (N, S), each row padded; or all labels in one row (sum of target_lengths,). Any dtype; no gradient.
    input_lengths, target_lengths : N integers each, at most T and S; a tuple, list or array.
    blank : the blank's class. zero_infinity : whether infinite losses and their gradients become 0.
    reduction : "mean" divides each loss by its target's length (1 at least) and then takes the mean; "sum"; "none".

    Returns
    -------
    y : scalar, or (N,) for "none", () without a batch. backward : dy -> dlog_probs.

    Raises
    ------
    ValueError : shapes or lengths do not fit, a label is no class, unknown reduction. TypeError : lengths that are no
    integers. Source: Graves, Fernández, Gomez, Schmidhuber, 2006.

    Examples
    --------
    >>> half = np.log(np.full((2, 1, 2), 0.5))
    >>> y, backward = ctc_loss(half, np.array([[1]]), (2,), (1,))
    >>> round(float(np.exp(-y)), 4)
    0.75
    """
    reduction = checked_reduction("ctc_loss", None, None, reduction)
    if log_probs.ndim not in (2, 3) or log_probs.size == 0:
        raise ValueError(f"ctc_loss: log_probs must be (T, N, C) or (T, C) and not empty, but is {log_probs.shape}")
    batched = log_probs.ndim == 3
    if not batched:
        log_probs = log_probs[:, None]  # (T, C) -> (T, 1, C)
    steps, batch, classes = log_probs.shape
    input_lengths = _checked_lengths("input_lengths", input_lengths, batch, steps)
    target_lengths = _checked_lengths("target_lengths", target_lengths, batch, None)
    if not 0 <= blank < classes:
        raise ValueError(f"ctc_loss: blank must be from 0 to {classes - 1}, but is {blank}")
    states = _states(log_probs, targets, target_lengths, blank)  # (N, L)
    input_lengths, target_lengths = (on_device_of(log_probs, n) for n in (input_lengths, target_lengths))
    alpha = _alpha(np.take_along_axis(log_probs, states[None], 2), _may_skip(states))  # (T, N, L)
    rows = on_device_of(log_probs, np.arange(batch))
    end, last = np.maximum(input_lengths - 1, 0), 2 * target_lengths
    in_label = np.where(last > 0, alpha[end, rows, np.maximum(last - 1, 0)], -np.inf)
    log_likelihood = np.logaddexp(alpha[end, rows, last], in_label)
    log_likelihood = np.where(input_lengths > 0, log_likelihood, np.where(last == 0, 0, -np.inf))  # (N,)
    log_likelihood = log_likelihood.astype(log_probs.dtype)
    losses = -log_likelihood
    if zero_infinity:
        losses = np.where(np.isinf(losses), 0, losses)
    saved = CTCSaved(
        log_probs,
        states,
        alpha,
        log_likelihood,
        input_lengths,
        target_lengths,
        reduction,
        zero_infinity,
        batched,
    )
    if reduction == "none":
        return losses if batched else losses[0], saved
    if reduction == "sum":
        return losses.sum(), saved
    return (losses / _lengths_of_mean(saved)).mean(), saved


def ctc_loss_backward(dy, saved):
    """dy -> dlog_probs (T, N, C), None"""
    log_probs, states, alpha, log_likelihood, input_lengths, target_lengths, reduction, _, _ = saved
    steps, batch, classes = log_probs.shape
    at = np.take_along_axis(log_probs, states[None], 2)  # (T, N, L)
    beta = _beta(at, _may_skip(states), input_lengths, target_lengths)
    # the paths through state s at step t, of all paths; both alpha and beta hold the step itself
    step = np.where(at == -np.inf, 0, at)  # where no path goes, both are -inf already
    occupied = np.exp(alpha + beta - step - log_likelihood[:, None])  # (T, N, L)
    is_class = states[:, :, None] == on_device_of(log_probs, np.arange(classes))  # (N, L, C)
    posterior = np.einsum("tnl,nlc->tnc", occupied, is_class.astype(occupied.dtype))
    share = shared(dy, reduction, batch)
    if reduction == "mean":
        share = share / _lengths_of_mean(saved)
    share = share[:, None] if share.ndim else share  # (N, 1), or one number
    dlog_probs = share * (np.exp(log_probs) - posterior)
    dlog_probs = np.where(log_probs == -np.inf, np.nan, dlog_probs)  # as torch's, which divides by the probability
    # steps behind the end of an input, and losses that were set to 0, have no gradient
    counts = on_device_of(log_probs, np.arange(steps))[:, None] < input_lengths  # (T, N)
    if saved.zero_infinity:
        counts = counts & ~np.isinf(log_likelihood)
    dlog_probs = np.where(counts[:, :, None], dlog_probs, 0)
    return dlog_probs if saved.batched else dlog_probs[:, 0].copy(), None


def _alpha(at, may_skip):
    """Log-probability of all beginnings of paths: (T, N, L) from that of each state at each step."""
    alpha = np.full_like(at, -np.inf)
    alpha[0, :, :2] = at[0, :, :2]  # in the first blank or the first label
    for t in range(1, len(at)):
        before = alpha[t - 1]
        skipping = np.where(may_skip, _moved(before, 2), -np.inf)
        alpha[t] = at[t] + np.logaddexp(np.logaddexp(before, _moved(before, 1)), skipping)
    return alpha


def _beta(at, may_skip, input_lengths, target_lengths):
    """Log-probability of all ends of paths, the step itself included: (T, N, L)."""
    s = on_device_of(at, np.arange(at.shape[2]))
    last = 2 * target_lengths[:, None]
    final = np.where((s == last) | (s == last - 1), 0, -np.inf).astype(at.dtype)  # (N, L)
    beta = np.full_like(at, -np.inf)
    after = np.full_like(final, -np.inf)
    for t in reversed(range(len(at))):
        skipping = _moved(np.where(may_skip, after, -np.inf), -2)
        onward = np.logaddexp(np.logaddexp(after, _moved(after, -1)), skipping)
        ends = (input_lengths == t + 1)[:, None]
        after = at[t] + np.where(ends, final, onward)
        beta[t] = after
    return beta


def _moved(a, by):
    """The states moved to the right (or left): a path comes from `by` states before."""
    moved = np.full_like(a, -np.inf)
    if by > 0:
        moved[:, by:] = a[:, :-by]
    else:
        moved[:, :by] = a[:, -by:]
    return moved


def _may_skip(states):
    """(N, L) bool: whether a path may come from two states before: not to a blank, not between equal labels."""
    may = np.zeros_like(states, dtype=bool)
    may[:, 2:] = states[:, 2:] != states[:, :-2]
    return may


def _states(log_probs, targets, target_lengths, blank):
    """The labels of each target with blanks around them: (N, L)."""
    batch, classes = log_probs.shape[1:]
    longest = int(target_lengths.max())
    place = np.arange(longest)
    if targets.ndim == 1 and (batch > 1 or len(targets) == target_lengths.sum()):
        if len(targets) != target_lengths.sum():
            raise ValueError(
                f"ctc_loss: targets in one row must have sum(target_lengths) = {target_lengths.sum()} labels, "
                f"but is {targets.shape}"
            )
        first = np.cumsum(target_lengths) - target_lengths
        index = np.minimum(first[:, None] + place, max(0, len(targets) - 1))  # (N, S)
        targets = targets.reshape(-1)
    else:
        targets = targets.reshape(1, -1) if targets.ndim == 1 else targets
        if targets.ndim != 2 or len(targets) != batch or targets.shape[1] < longest:
            raise ValueError(
                f"ctc_loss: targets must be (N, S) with N = {batch} and S at least {longest}, the longest target, "
                f"but is {targets.shape}"
            )
        index = np.arange(batch)[:, None] * targets.shape[1] + place
        targets = targets.reshape(-1)
    states = np.full_like(log_probs, blank, shape=(batch, 2 * longest + 1), dtype=np.int64)
    if longest == 0:
        return states
    labels = targets[on_device_of(log_probs, index)].astype(np.int64)  # (N, S)
    labels = np.where(on_device_of(log_probs, place < target_lengths[:, None]), labels, blank)
    if not ((labels >= 0) & (labels < classes)).all():
        raise ValueError(
            f"ctc_loss: labels must be from 0 to {classes - 1} (log_probs has {classes} classes), "
            f"but targets has {int(labels.min())} to {int(labels.max())}"
        )
    states[:, 1::2] = labels
    return states


def _checked_lengths(name, lengths, batch, most):
    """N lengths as a host array of integers."""
    lengths = lengths.reshape(-1) if hasattr(lengths, "reshape") else lengths
    if any(int(n) != n or getattr(n, "dtype", np.dtype(int)).kind not in "iu" for n in lengths):
        raise TypeError(f"ctc_loss: {name} must be integers, but is {lengths!r}")
    lengths = np.array([int(n) for n in lengths])
    if lengths.shape != (batch,):
        raise ValueError(f"ctc_loss: {name} must have {batch} entries, one for each input, but has {lengths.size}")
    if lengths.min() < 0 or (most is not None and lengths.max() > most):
        limit = "at least 0" if most is None else f"from 0 to {most}, the steps of log_probs"
        raise ValueError(f"ctc_loss: {name} must be {limit}, but has {lengths.min()} to {lengths.max()}")
    return lengths


def _lengths_of_mean(saved):
    return np.maximum(saved.target_lengths, 1).astype(saved.log_probs.dtype)


ctc_loss = Op(
    ctc_loss_forward,
    ctc_loss_backward,
    arrays=("log_probs", "targets"),
    indices=("targets",),
    constants=("targets",),
    mixed=True,
)


class CTCLoss(Module):
    """-log of the probability of all alignments of a target to an input, reduced."""

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False):
        self.blank, self.reduction, self.zero_infinity = blank, reduction, zero_infinity

    def forward(self, log_probs, targets, input_lengths, target_lengths):
        return ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
