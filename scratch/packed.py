"""Batches of sequences of different lengths: padded to the longest, or packed step by step without the padding.

Axes: T time steps, B batch, * features. Packed: the steps one below the other, at each step the rows of those
sequences that still run, the longest first.
Twin: torch_ref/packed.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.op import on_device_of


class PackedSequence(NamedTuple):
    """A batch of sequences without padding; made by `pack_padded_sequence` and `pack_sequence`.

    A gradient of one has the same structure.
    """

    data: np.ndarray  # (sum of the lengths, *)
    batch_sizes: np.ndarray  # (T,) int, how many sequences still run at each step
    sorted_indices: np.ndarray | None = None  # (B,) int, which sequence stands in each place; None: as they came
    unsorted_indices: np.ndarray | None = None  # (B,) int, in which place each sequence stands


def _positions(batch_sizes, like):
    """(step, place) of every row of packed data: two index arrays."""
    sizes = np.array(batch_sizes, dtype=np.int64)
    steps = np.repeat(np.arange(len(sizes)), sizes)
    places = np.concatenate([np.arange(n) for n in sizes])
    return on_device_of(like, steps), on_device_of(like, places)


def pad_steps(data, batch_sizes, value=0.0):
    """Packed data (sum of the lengths, *) -> (T, B, *), the places of ended sequences filled with value."""
    padded = np.zeros_like(data, shape=(len(batch_sizes), int(batch_sizes[0]), *data.shape[1:]))
    if value:
        padded += value
    padded[_positions(batch_sizes, data)] = data
    return padded


def take_steps(padded, batch_sizes):
    """(T, B, *) -> packed data (sum of the lengths, *)."""
    return padded[_positions(batch_sizes, padded)]


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Leave the padding out: (T, B, *), or (B, T, *) with batch_first, -> PackedSequence.

    Parameters
    ----------
    input : (T, B, *). lengths : B positive ints, at most T. enforce_sorted : refuse lengths that do not decrease;
        otherwise the sequences are sorted, and the indices to undo that go along.

    Returns
    -------
    packed : PackedSequence. backward : its gradient (a PackedSequence, or the array of its data) -> dinput as input.

    Raises
    ------
    ValueError : lengths that do not fit.

    Examples
    --------
    >>> packed, backward = pack_padded_sequence(np.array([[1.0, 2.0], [3.0, 0.0]]), [2, 1])
    >>> packed.data, packed.batch_sizes
    (array([1., 2., 3.]), array([2, 1]))
    """
    lengths = np.array(lengths, dtype=np.int64)
    padded = input.swapaxes(0, 1) if batch_first else input  # (T, B, *)
    if lengths.shape != padded.shape[1:2]:
        raise ValueError(
            f"pack_padded_sequence: lengths must have one entry for each of the {padded.shape[1]} sequences, "
            f"but has shape {lengths.shape}"
        )
    if not lengths.size or lengths.min() < 1 or lengths.max() > len(padded):
        raise ValueError(f"pack_padded_sequence: lengths must be from 1 to {len(padded)}, but are {lengths.tolist()}")
    order = undo = None
    if not enforce_sorted:
        order = np.argsort(-lengths, kind="stable")
        undo = np.argsort(order)
        lengths = lengths[order]
    elif (np.diff(lengths) > 0).any():
        raise ValueError(
            f"pack_padded_sequence: lengths must not increase, but are {lengths.tolist()}; sort the sequences or set "
            "enforce_sorted=False"
        )
    batch_sizes = (lengths > np.arange(lengths[0])[:, None]).sum(axis=1)  # (T,)
    steps, places = _positions(batch_sizes, padded)
    if order is not None:
        places = on_device_of(padded, order)[places]
    packed = PackedSequence(padded[steps, places], batch_sizes, order, undo)

    def backward(dpacked):
        ddata = dpacked[0] if isinstance(dpacked, tuple) else dpacked
        dpadded = np.zeros_like(padded)
        # data = padded[steps, places], each place once
        dpadded[steps, places] = ddata
        return dpadded.swapaxes(0, 1) if batch_first else dpadded

    return packed, backward


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """Put the padding back: PackedSequence -> ((T, B, *), lengths), or (B, T, *) with batch_first.

    Parameters
    ----------
    sequence : PackedSequence. padding_value : float. total_length : pad to this many steps, at least the longest.

    Returns
    -------
    (padded, lengths) : lengths (B,) int. backward : dpadded, or (dpadded, None), -> PackedSequence of the gradient.

    Raises
    ------
    ValueError : total_length is shorter than the longest sequence.
    """
    data, batch_sizes, _, undo = sequence
    longest = len(batch_sizes)
    if total_length is not None and total_length < longest:
        raise ValueError(
            f"pad_packed_sequence: total_length must be at least {longest}, the longest length, but is {total_length}"
        )
    padded = pad_steps(data, batch_sizes, padding_value)
    lengths = (np.array(batch_sizes)[:, None] > np.arange(int(batch_sizes[0]))).sum(axis=0)  # (B,)
    if total_length is not None and total_length > longest:
        more = np.zeros_like(padded, shape=(total_length - longest, *padded.shape[1:])) + padding_value
        padded = np.concatenate((padded, more.astype(padded.dtype)))
    if undo is not None:
        padded, lengths = padded[:, on_device_of(padded, undo)], lengths[undo]
    steps, places = _positions(batch_sizes, data)
    if sequence.sorted_indices is not None:
        places = on_device_of(data, sequence.sorted_indices)[places]

    def backward(dy):
        dpadded = dy[0] if isinstance(dy, tuple) else dy
        dpadded = dpadded.swapaxes(0, 1) if batch_first else dpadded
        return sequence._replace(data=dpadded[steps, places])

    return (padded.swapaxes(0, 1) if batch_first else padded, lengths), backward


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Sequences (T_i, *) -> (T, B, *), or (B, T, *) with batch_first. backward : gradient -> list of (T_i, *)."""
    if padding_side not in ("left", "right"):
        raise ValueError(f"pad_sequence: padding_side must be 'left' or 'right', but is {padding_side!r}")
    if not sequences:
        raise ValueError("pad_sequence: needs at least one sequence")
    longest = max(map(len, sequences))
    places = [slice(longest - len(s), longest) if padding_side == "left" else slice(0, len(s)) for s in sequences]
    padded = np.zeros_like(sequences[0], shape=(longest, len(sequences), *sequences[0].shape[1:]))
    padded += padding_value
    for b, (sequence, place) in enumerate(zip(sequences, places)):
        padded[place, b] = sequence

    def backward(dy):
        dpadded = dy.swapaxes(0, 1) if batch_first else dy
        return [dpadded[place, b].copy() for b, place in enumerate(places)]

    return (padded.swapaxes(0, 1) if batch_first else padded), backward


def pack_sequence(sequences, enforce_sorted=True):
    """Sequences (T_i, *) -> PackedSequence; backward : its gradient -> list of d_i (T_i, *)."""
    padded, pad_backward = pad_sequence(sequences)
    packed, pack_backward = pack_padded_sequence(padded, [len(s) for s in sequences], enforce_sorted=enforce_sorted)
    return packed, lambda dpacked: pad_backward(pack_backward(dpacked))
