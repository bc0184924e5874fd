"""Distances and similarity between vectors, and scaling to length 1.

Axes: * any leading axes (broadcast), M the entries of a vector; cdist and pdist: P and R vectors.
Twin: torch_ref/distances.py. Pair: parity_tests/pairs/distances.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.module import Module
from scratch.op import Op, on_device_of
from scratch.reduction import check_broadcast, fitted

# ---------------------------------------------------------------------- the p-norm, which the others share


def p_norm(x, p, axis):
    """(Σ |x|^p)^(1/p) along the axis, kept with size 1; p = 0 counts the nonzero, p = ±inf is the largest, smallest."""
    if p == 2 or x.size == 0:
        return np.sqrt((x * x).sum(axis=axis, keepdims=True))
    size = np.abs(x)
    if p == 0:
        return (x != 0).sum(axis=axis, keepdims=True).astype(x.dtype)
    if p == np.inf:
        return size.max(axis=axis, keepdims=True)
    if p == -np.inf:
        return size.min(axis=axis, keepdims=True)
    if p == 1:
        return size.sum(axis=axis, keepdims=True)
    largest = size.max(axis=axis, keepdims=True)  # taken out of the power, which neither over- nor underflows then
    scale = np.where((largest > 0) & (largest < np.inf), largest, 1)
    return scale * ((size / scale) ** p).sum(axis=axis, keepdims=True) ** (1 / p)


def p_norm_slope(x, norm, p, axis, share_ties=True):
    """d norm / dx: sign(x) (|x| / norm)^(p-1); 0 where x or the norm is 0.

    For p = ±inf it is sign(x) at the extreme entries, which share it where they tie; in cdist and pdist each has all.
    """
    if p == 0:
        return np.zeros_like(x)
    if p in (np.inf, -np.inf):
        extreme = np.abs(x) == norm
        count = extreme.sum(axis=axis, keepdims=True).astype(x.dtype) if share_ties else 1
        return np.where(extreme, np.sign(x) / count, 0)
    if p == 1:
        return np.sign(x)
    safe = np.where(norm == 0, 1, norm)
    if p == 2:
        return x / safe
    ratio = np.where(x == 0, 1, np.abs(x)) / safe
    return np.where((x == 0) | (norm == 0), 0, np.sign(x) * ratio ** (p - 1))


def checked_dim(name, ndim, dim):
    """An axis, or several, of an array with ndim axes; for a scalar none."""
    for d in dim if isinstance(dim, tuple) else (dim,):
        if not -max(ndim, 1) <= d < max(ndim, 1):
            raise ValueError(f"{name}: dim {d} is out of range for an array with {ndim} axes")
    return dim if ndim else ()


# ---------------------------------------------------------------------- pairwise distance


class PairwiseDistanceSaved(NamedTuple):
    """What pairwise_distance_backward needs; the difference is recomputed."""

    x1: np.ndarray  # (*, M)
    x2: np.ndarray  # (*, M)
    norm: np.ndarray  # (*, 1)
    p: float
    eps: float
    keepdim: bool


def pairwise_distance_forward(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of x1 - x2 + eps along the last axis.

    Where the difference is 0 the gradient is 0; entries that tie for p = inf share it.

    Parameters
    ----------
    x1, x2 : (*, M) or (M,), broadcast. p : any number, inf included. keepdim : whether the last axis stays, of size 1.

    Returns
    -------
    y : (*). backward : dy -> dx1, dx2, in their arguments' shapes.

    Raises
    ------
    ValueError : shapes do not broadcast.

    Examples
    --------
    >>> y, backward = pairwise_distance(np.array([3.0, 4.0]), np.array([0.0, 0.0]), eps=0.0)
    >>> float(y), backward()[0]
    (5.0, array([0.6, 0.8]))
    """
    check_broadcast("pairwise_distance", x1=x1, x2=x2)
    difference = x1 - x2 + eps
    norm = p_norm(difference, p, _last(difference))  # (*, M) -> (*, 1)
    y = norm if keepdim else norm.squeeze(_last(norm))
    return y.copy(), PairwiseDistanceSaved(x1, x2, norm, p, eps, keepdim)


def pairwise_distance_backward(dy, saved):
    """dy (*) -> dx1 (*, M), dx2 (*, M)"""
    x1, x2, norm, p, eps, _ = saved
    # y = ‖difference‖
    difference = x1 - x2 + eps
    ddifference = dy.reshape(norm.shape) * p_norm_slope(difference, norm, p, _last(difference))
    # difference = x1 - x2 + eps
    return fitted(ddifference, x1), fitted(-ddifference, x2)


def _last(x):
    return -1 if x.ndim else ()


pairwise_distance = Op(pairwise_distance_forward, pairwise_distance_backward, arrays=("x1", "x2"), mixed=True)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps along the last axis."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1, x2):
        return pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


# ---------------------------------------------------------------------- cosine similarity


class CosineSaved(NamedTuple):
    """What cosine_similarity_backward needs."""

    x1: np.ndarray  # (*, M, *)
    x2: np.ndarray  # (*, M, *)
    dim: int | tuple
    eps: float


def cosine_similarity_forward(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between x1 and x2: x1 · x2 / (max(‖x1‖, eps) max(‖x2‖, eps)) along an axis.

    The gradient passes through max as if it were not there, as in torch; that of a norm of 0 is 0.

    Parameters
    ----------
    x1, x2 : broadcast. dim : an axis of the broadcast shape.

    Returns
    -------
    y : the broadcast shape without that axis. backward : dy -> dx1, dx2, in their arguments' shapes.

    Raises
    ------
    ValueError : shapes do not broadcast, dim is no axis.

    Examples
    --------
    >>> y, backward = cosine_similarity(np.array([3.0, 4.0]), np.array([2.0, 0.0]), dim=0)
    >>> round(float(y), 4)
    0.6
    """
    check_broadcast("cosine_similarity", x1=x1, x2=x2)
    dim = checked_dim("cosine_similarity", len(np.broadcast_shapes(x1.shape, x2.shape)), dim)
    saved = CosineSaved(x1, x2, dim, eps)
    (unit1, _, _), (unit2, _, _) = _units(saved)
    return (unit1 * unit2).sum(axis=dim), saved


def cosine_similarity_backward(dy, saved):
    """dy -> dx1, dx2"""
    (unit1, bound1, slope1), (unit2, bound2, slope2) = _units(saved)
    cosine = (unit1 * unit2).sum(axis=saved.dim, keepdims=True)
    dy = dy.reshape(cosine.shape)
    # cosine = Σ unit1 · unit2, unit1 = x1 / ‖x1‖: what changes x1's length changes nothing
    dx1 = dy * (unit2 - cosine * slope1) / bound1
    dx2 = dy * (unit1 - cosine * slope2) / bound2
    return fitted(dx1, saved.x1), fitted(dx2, saved.x2)


def _units(saved):
    """For x1 and x2 in the broadcast shape: x / ‖x‖, the bounded norm, and the norm's slope."""
    shape = np.broadcast_shapes(saved.x1.shape, saved.x2.shape)
    for x in (saved.x1, saved.x2):
        x = np.broadcast_to(x, shape)
        norm = p_norm(x, 2, saved.dim)
        bound = np.maximum(norm, saved.eps)
        yield x / bound, bound, p_norm_slope(x, norm, 2, saved.dim)


cosine_similarity = Op(cosine_similarity_forward, cosine_similarity_backward, arrays=("x1", "x2"), mixed=True)


class CosineSimilarity(Module):
    """The cosine of the angle between x1 and x2 along an axis."""

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        self.dim, self.eps = dim, eps

    def forward(self, x1, x2):
        return cosine_similarity(x1, x2, self.dim, self.eps)


# ---------------------------------------------------------------------- all distances


class AllDistancesSaved(NamedTuple):
    """What cdist_backward needs; the differences are recomputed."""

    x1: np.ndarray  # (*, P, M)
    x2: np.ndarray  # (*, R, M)
    y: np.ndarray  # (*, P, R)
    p: float


def cdist_forward(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norm of every vector of x1 minus every vector of x2.

    Where a difference is 0 the gradient is 0. Entries that tie for p = inf each have the whole gradient, as in torch.

    Parameters
    ----------
    x1 : (*, P, M). x2 : (*, R, M); the leading axes broadcast. p : at least 0, inf included.
    compute_mode : one of torch's three; the distances are computed from the differences in each.

    Returns
    -------
    y : (*, P, R). backward : dy -> dx1, dx2, in their arguments' shapes.

    Raises
    ------
    ValueError : shapes do not fit, p < 0, unknown compute_mode.

    Examples
    --------
    >>> y, backward = cdist(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
    >>> y
    array([[5., 1.]])
    """
    check_cdist(x1, x2, p, compute_mode)
    y = _all_distances(x1, x2, p)
    return y, AllDistancesSaved(x1, x2, y.copy(), p)


def check_cdist(x1, x2, p, compute_mode) -> None:
    """Raise ValueError for what cdist does not accept."""
    check_vectors("cdist", p, x1=x1, x2=x2)
    if x1.shape[-1] != x2.shape[-1]:
        raise ValueError(f"cdist: x1 {x1.shape} and x2 {x2.shape} must have the same number of columns")
    try:
        np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    except ValueError:
        raise ValueError(f"cdist: the leading axes of x1 {x1.shape} and x2 {x2.shape} do not broadcast") from None
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode not in modes:
        raise ValueError(f"cdist: compute_mode must be one of {', '.join(modes)}, but is {compute_mode!r}")


def _all_distances(x1, x2, p):
    differences = x1[..., :, None, :] - x2[..., None, :, :]  # (*, P, 1, M) - (*, 1, R, M) -> (*, P, R, M)
    if 0 in differences.shape:
        return np.zeros_like(x1, shape=differences.shape[:-1])
    return p_norm(differences, p, -1).squeeze(-1)


def cdist_backward(dy, saved):
    """dy (*, P, R) -> dx1 (*, P, M), dx2 (*, R, M)"""
    x1, x2, y, p = saved
    # y = ‖x1 - x2‖
    differences = x1[..., :, None, :] - x2[..., None, :, :]  # (*, P, R, M)
    ddifferences = dy[..., None] * p_norm_slope(differences, y[..., None], p, -1, share_ties=False)
    # every vector of x1 met every vector of x2
    return fitted(ddifferences.sum(axis=-2), x1), fitted(-ddifferences.sum(axis=-3), x2)


cdist = Op(cdist_forward, cdist_backward, arrays=("x1", "x2"))


def pdist_forward(x, p=2.0):
    """The p-norms between the rows of one matrix: those above the diagonal of cdist(x, x), row by row.

    Parameters
    ----------
    x : (P, M). p : at least 0, inf included.

    Returns
    -------
    y : (P (P - 1) / 2,). backward : dy -> dx (P, M).

    Raises
    ------
    ValueError : x is no matrix, p < 0.

    Examples
    --------
    >>> y, backward = pdist(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    >>> y[:2]
    array([5., 1.])
    """
    if x.ndim != 2:
        raise ValueError(f"pdist: x must be (P, M), but is {x.shape}")
    check_vectors("pdist", p, x=x)
    distances = _all_distances(x, x, p)
    return distances[above_diagonal(x)], AllDistancesSaved(x, x, distances, p)


def pdist_backward(dy, saved):
    """dy (P (P - 1) / 2,) -> dx (P, M)"""
    # y = distances[above_diagonal]
    ddistances = np.zeros_like(saved.y)
    ddistances[above_diagonal(saved.x1)] = dy
    # distances = cdist(x, x)
    dx1, dx2 = cdist_backward(ddistances, saved)
    return dx1 + dx2


def above_diagonal(x):
    """Both indices of each place above the diagonal of an array (P, P), row by row."""
    return tuple(on_device_of(x, index) for index in np.triu_indices(len(x), 1))


def check_vectors(name, p, **arrays):
    if p < 0:
        raise ValueError(f"{name}: p must not be negative, but is {p}")
    for key, a in arrays.items():
        if a.ndim < 2:
            raise ValueError(f"{name}: {key} must have at least two axes, vectors in its rows, but is {a.shape}")


pdist = Op(pdist_forward, pdist_backward)


# ---------------------------------------------------------------------- length 1


class NormalizeSaved(NamedTuple):
    """What normalize_backward needs."""

    x: np.ndarray
    norm: np.ndarray  # size 1 along dim
    p: float
    dim: int | tuple
    eps: float


def normalize_forward(x, p=2.0, dim=1, eps=1e-12):
    """x / max(‖x‖, eps), the p-norm being taken along an axis or several.

    Parameters
    ----------
    x : floating point. p : any number, inf included. dim : int or tuple of int.

    Returns
    -------
    y : x's shape. backward : dy -> dx.

    Raises
    ------
    ValueError : dim is no axis.

    Examples
    --------
    >>> y, backward = normalize(np.array([[3.0, 4.0]]))
    >>> y
    array([[0.6, 0.8]])
    """
    dim = checked_dim("normalize", x.ndim, dim)
    norm = p_norm(x, p, dim)
    return x / np.maximum(norm, eps), NormalizeSaved(x, norm, p, dim, eps)


def normalize_backward(dy, saved):
    """dy -> dx"""
    x, norm, p, dim, eps = saved
    bound = np.maximum(norm, eps)
    # y = x / bound
    dbound = -(dy * x).sum(axis=dim, keepdims=True) / (bound * bound)
    # bound = max(norm, eps)
    dnorm = np.where(norm >= eps, dbound, 0)
    return dy / bound + dnorm * p_norm_slope(x, norm, p, dim)


normalize = Op(normalize_forward, normalize_backward, arrays=("x",))
