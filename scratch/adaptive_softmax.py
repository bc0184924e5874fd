"""Adaptive softmax: a choice among very many classes, most of them rare, in two steps.

The frequent classes, the shortlist, and one place for each cluster of rare ones make up the head. A rare class is
chosen as its cluster by the head, then within the cluster: log p(class) = log p(cluster) + log p(class | cluster).
Only the clusters that a batch's targets fall into are computed.

Axes: N batch, I in_features, K clusters, S the shortlist.
Twin: torch_ref/adaptive_softmax.py. Pair: parity_tests/pairs/adaptive_softmax.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch import random
from scratch.containers import ModuleList, Sequential
from scratch.linear import Linear
from scratch.module import Module
from scratch.op import on_device_of
from scratch.softmax import log_softmax


class AdaptiveSoftmaxOutput(NamedTuple):
    """What AdaptiveLogSoftmaxWithLoss returns."""

    output: np.ndarray  # (N,) the log-probability of each target
    loss: np.ndarray  # the mean of -output


def log_probabilities(module, x):
    """log_softmax(module(x)) (N, D), and its backward."""
    scores, scores_backward = module(x)
    y, y_backward = log_softmax(scores, dim=1)
    return y, lambda dy: scores_backward(y_backward(dy))


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of the targets, and their mean as a loss, by adaptive softmax.

    The classes must be numbered by frequency, the most frequent first. cutoffs, increasing, are the first classes of
    the K clusters: the shortlist is [0, cutoffs[0]), cluster i is [cutoffs[i], cutoffs[i + 1]), the last one ends at
    n_classes. Cluster i projects its input to in_features // div_value^(i + 1) features first. head : Linear(I, S + K),
    with a bias if head_bias. tail : ModuleList of K Sequential(Linear, Linear) without biases.

    Call
    ----
    input_ : (N, I), or (I,). target_ : (N,) class indices, or a scalar.
    Returns (output, loss), a named tuple: output (N,), or a scalar, the log-probability of each target; loss, the mean
    of -output. backward : (doutput, dloss), either may be None -> dinput_.

    Raises
    ------
    ValueError : cutoffs are not increasing or not in [1, n_classes - 1]; shapes do not fit; a target is no class.
    Source: Grave, Joulin, Cissé, Grangier, Jégou, 2016.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs,
        div_value: float = 4.0,
        head_bias: bool = False,
        device=None,
        dtype=None,
        *,
        rng=None,
    ):
        cutoffs = list(cutoffs)
        whole = all(int(c) == c for c in cutoffs)
        if not cutoffs or not whole or cutoffs != sorted(set(cutoffs)) or not 0 < cutoffs[0] <= cutoffs[-1] < n_classes:
            raise ValueError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs must be increasing integers from 1 to n_classes - 1 "
                f"= {n_classes - 1}, at least one, but are {cutoffs}"
            )
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs, self.div_value, self.head_bias = [*cutoffs, n_classes], div_value, head_bias
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        rng, options = random.generator(rng), {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **options, rng=rng)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            hidden, size = int(in_features // div_value ** (i + 1)), self.cutoffs[i + 1] - self.cutoffs[i]
            project = Linear(in_features, hidden, bias=False, **options, rng=rng)
            self.tail.append(Sequential(project, Linear(hidden, size, bias=False, **options, rng=rng)))

    def reset_parameters(self, rng=None) -> None:
        rng = random.generator(rng)
        for layer in self.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters(rng)

    def forward(self, input_, target_):
        self._check(input_, target_)
        x, target = input_.reshape(-1, input_.shape[-1]), target_.reshape(-1)  # (N, I), (N,)
        # each piece: some rows, the column of every row's class or cluster, and how the gradient goes back
        pieces = []
        output = np.zeros_like(x, shape=target.shape)
        in_head = target
        for i, cluster in enumerate(self.tail):
            first, end = self.cutoffs[i : i + 2]
            inside = (target >= first) & (target < end)
            in_head = np.where(inside, self.shortlist_size + i, in_head)
            (rows,) = np.nonzero(inside)
            if len(rows):
                pieces.append((rows, target[rows] - first, *log_probabilities(cluster, x[rows])))
        (rows,) = np.nonzero(target >= 0)  # the head is asked for every row
        pieces.append((rows, in_head, *log_probabilities(self.head, x)))
        for rows, columns, log_p, _ in pieces:
            output[rows] += np.take_along_axis(log_p, columns[:, None], axis=1)[:, 0]
        loss = -output.sum() / len(target)
        shapes = [(rows, columns, log_p.shape[1], piece_backward) for rows, columns, log_p, piece_backward in pieces]

        def backward(dy):
            doutput, dloss = dy
            total = np.zeros_like(x, shape=target.shape)
            if doutput is not None:
                total = total + doutput.reshape(-1)
            if dloss is not None:
                # loss = -output.sum() / N
                total = total - dloss / len(target)
            dx = np.zeros_like(x)
            for rows, columns, width, piece_backward in shapes:
                # output[rows] += log_p[:, columns]
                chosen = on_device_of(x, np.arange(width)) == columns[:, None]
                dx[rows] += piece_backward(np.where(chosen, total[rows][:, None], 0))
            return dx.reshape(input_.shape)

        return AdaptiveSoftmaxOutput(output.reshape(target_.shape), loss), backward

    def _check(self, input_, target_):
        if target_.ndim > 1 or input_.ndim != target_.ndim + 1 or input_.shape[:-1] != target_.shape:
            raise ValueError(
                f"AdaptiveLogSoftmaxWithLoss: expects input_ (N, {self.in_features}) and target_ (N,), "
                f"or ({self.in_features},) and a scalar, but got {input_.shape} and {target_.shape}"
            )
        if not ((target_ >= 0) & (target_ < self.n_classes)).all():
            raise ValueError(
                f"AdaptiveLogSoftmaxWithLoss: targets must be classes from 0 to {self.n_classes - 1}, "
                f"but lie between {target_.min()} and {target_.max()}"
            )

    def log_prob(self, input_):
        """x (N, I) -> the log-probabilities of all classes (N, n_classes), and the backward dy -> dx."""
        short = self.shortlist_size
        head, head_backward = log_probabilities(self.head, input_)  # (N, S + K)
        clusters, backwards = zip(*(log_probabilities(cluster, input_) for cluster in self.tail))
        parts = [head[:, short + i, None] + cluster for i, cluster in enumerate(clusters)]

        def backward(dy):
            dparts = [dy[:, first:end] for first, end in zip(self.cutoffs, self.cutoffs[1:])]
            # part = head[:, cluster's place] + cluster
            dhead = [dy[:, :short], *(dpart.sum(axis=1, keepdims=True) for dpart in dparts)]
            dx = head_backward(np.concatenate(dhead, axis=1))
            for dpart, cluster_backward in zip(dparts, backwards):
                dx = dx + cluster_backward(dpart.copy())
            return dx

        return np.concatenate([head[:, :short], *parts], axis=1), backward

    def predict(self, input_):
        """x (N, I) -> the most probable class of each row (N,); unlike in other modules, as in torch."""
        return self.log_prob(input_)[0].argmax(axis=1)
