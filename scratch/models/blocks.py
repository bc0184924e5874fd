"""First blocks of one's own: layers in layers, Python control flow in a forward, weights that are used twice.

Axes: * any leading axes (batch), I in_features, U hidden units, O out_features; N C H W images, R S kernel.
Twin: torch_ref/models/blocks.py. Pair: parity_tests/pairs/models/blocks.py.
Source: the exercises of Zhang, Lipton, Li, Smola, "Dive into Deep Learning", chapter "Builders' Guide".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from scratch import init, random
from scratch.containers import Sequential, chain
from scratch.convolution import conv2d
from scratch.linear import Linear, linear
from scratch.module import Module
from scratch.op import Op
from scratch.rectifiers import ReLU, relu


class MLP(Module):
    """Multilayer perceptron: y = out(relu(hidden(x))), (*, I) -> (*, U) -> (*, O)."""

    def __init__(self, in_features: int = 20, hidden: int = 256, out_features: int = 10, *, rng=None):
        rng = random.generator(rng)
        self.hidden = Linear(in_features, hidden, rng=rng)
        self.out = Linear(hidden, out_features, rng=rng)

    def forward(self, x):
        """x (*, I) -> y (*, O). backward : dy -> dx."""
        h, hidden_backward = self.hidden(x)
        a, relu_backward = relu(h)
        y, out_backward = self.out(a)

        def backward(dy):
            # y = out(a)
            da = out_backward(dy)
            # a = relu(h)
            dh = relu_backward(da)
            # h = hidden(x)
            return hidden_backward(dh)

        return y, backward


class NestMLP(Module):
    """A block inside a block: y = linear(net(x)), where net is Linear, ReLU, Linear, ReLU.

    hidden : the widths of net's two layers.
    """

    def __init__(
        self, in_features: int = 20, hidden: tuple[int, int] = (64, 32), out_features: int = 16, *, rng=None
    ):  # fmt: skip
        rng = random.generator(rng)
        first, second = hidden
        self.net = Sequential(Linear(in_features, first, rng=rng), ReLU(), Linear(first, second, rng=rng), ReLU())
        self.linear = Linear(second, out_features, rng=rng)

    def forward(self, x):
        """x (*, I) -> y (*, O). backward : dy -> dx."""
        return chain(x, self.net, self.linear)


# ---------------------------------------------------------------------- control flow in a forward


class HalvedSumSaved(NamedTuple):
    """What halved_sum_backward needs: no array at all."""

    shape: tuple[int, ...]
    halvings: int


def halved_sum_forward(x):
    """Halve x until its absolute values sum to at most 1, then add it all up: y = Σ x / 2^k, a scalar.

    The number k of halvings is found by a loop. It is a step function of x: where it has a derivative, that is 0, and
    where it jumps the derivative is taken as 0 too. So only the factor 2^-k flows back.

    Parameters
    ----------
    x : any shape, floating point.

    Raises
    ------
    ValueError : x holds an infinity, which no halving makes smaller. (A nan is passed on: nan > 1 is false.)

    Examples
    --------
    >>> y, backward = halved_sum(np.array([3.0, -1.0]))
    >>> float(y), backward()
    (0.5, array([0.25, 0.25]))
    """
    if np.isinf(x).any():
        raise ValueError(f"halved_sum: x must be finite, but x {x.shape} holds an infinity: halving would never end")
    h, halvings = x, 0
    while np.abs(h).sum() > 1:
        h = h / 2
        halvings += 1
    return h.sum(), HalvedSumSaved(x.shape, halvings)


def halved_sum_backward(dy, saved):
    """dy () -> dx, which has x's shape and everywhere the same value."""
    # y = h.sum()
    dh = np.broadcast_to(dy, saved.shape)
    # h = x / 2 / 2 ... / 2
    return dh * 0.5**saved.halvings


halved_sum = Op(halved_sum_forward, halved_sum_backward)


class FixedHiddenMLP(Module):
    """A weight that never learns, a layer used twice, and a loop: a scalar comes out.

    h = linear(x), a = relu(h @ rand_weight + 1), h2 = linear(a) with the same `linear`, y = halved_sum(h2).

    `rand_weight` (I, I), from U(0, 1), is a buffer: it has no gradient, but it is saved with the weights, without which
    it would be another network after loading. (Usual versions keep it in a plain attribute and lose it there.)
    """

    def __init__(self, in_features: int = 20, *, rng=None):
        rng = random.generator(rng)
        self.register_buffer("rand_weight", rng.random((in_features, in_features), dtype=np.float32))
        self.linear = Linear(in_features, in_features, rng=rng)

    def forward(self, x):
        """x (*, I) -> y (). backward : dy () -> dx."""
        return chain(x, self.linear, self.mix, relu, self.linear, halved_sum)

    def mix(self, h):
        """h @ rand_weight + 1, a function in the protocol: h is all that gets a gradient."""
        weight = self.rand_weight
        # y = h @ weight + 1: each h[i] feeds all y[j] with the factor weight[i, j]
        return h @ weight + 1, lambda dy: dy @ weight.T


class Chimera(Sequential):
    """Blocks of all kinds in one: Sequential(NestMLP, Linear, FixedHiddenMLP), so a scalar comes out.

    in_features, hidden, out_features : NestMLP's. fixed_features : FixedHiddenMLP's.
    """

    def __init__(
        self, in_features: int = 20, hidden: tuple[int, int] = (64, 32), out_features: int = 16,
        fixed_features: int = 20, *, rng=None,
    ):  # fmt: skip
        rng = random.generator(rng)
        super().__init__(
            NestMLP(in_features, hidden, out_features, rng=rng),
            Linear(out_features, fixed_features, rng=rng),
            FixedHiddenMLP(fixed_features, rng=rng),
        )


class MySequential(Module):
    """Sequential, written by hand: modules one after the other, their backwards in reverse.

    A module that is given twice is applied twice. (Usual versions loop over `children()`, which names it once.)
    """

    def __init__(self, *modules: Module):
        self.count = len(modules)
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def __iter__(self) -> Iterator[Module]:
        return (self.get_submodule(str(i)) for i in range(self.count))

    def forward(self, x):
        backwards = []
        for module in self:
            x, module_backward = module(x)
            backwards.append(module_backward)

        def backward(dy):
            for module_backward in reversed(backwards):
                dy = module_backward(dy)
            return dy

        return x, backward


# ---------------------------------------------------------------------- one weight, two uses


class TiedMLP(Sequential):
    """Linear, ReLU, shared, ReLU, shared, ReLU, Linear: the same hidden layer at positions 2 and 4.

    `state_dict` lists its weight under both names, as torch's; `parameters()` lists it once, so that an optimizer,
    which finds both uses' gradients added up in its `.grad`, steps once.
    """

    def __init__(self, in_features: int = 4, hidden: int = 8, out_features: int = 1, *, rng=None):
        rng = random.generator(rng)
        shared = Linear(hidden, hidden, rng=rng)
        first, last = Linear(in_features, hidden, rng=rng), Linear(hidden, out_features, rng=rng)
        super().__init__(first, ReLU(), shared, ReLU(), shared, ReLU(), last)


class LinearNet(Module):
    """A matrix and then its transpose: y = (x Wᵀ) W, (*, I) -> (*, U) -> (*, I), with W `weight` (U, I).

    The weight is there once. `weight.T` is a view of it that reads the same data and adds into the same `.grad`:
    with h = x Wᵀ the first use gives dW += dhᵀ x, the second dW += hᵀ dy.
    """

    def __init__(self, in_features: int, hidden: int, *, rng=None):
        self.weight = init.empty(hidden, in_features, dtype=np.float32)
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        init.default_weight_(self.weight, rng)

    def forward(self, x):
        """x (*, I) -> y (*, I). backward : dy -> dx."""
        h, encode_backward = linear(x, self.weight)
        y, decode_backward = linear(h, self.weight.T)

        def backward(dy):
            # y = linear(h, weight.T)
            dh = decode_backward(dy)
            # h = linear(x, weight)
            return encode_backward(dh)

        return y, backward


class ConvNet(Module):
    """A kernel and then its transpose: y = conv2d(conv2d(x, K), Kᵀ), where Kᵀ has height and width swapped.

    `weight` K (C, C, R, S) is there once and both uses' gradients add up in it, as in LinearNet.
    x (N, C, H, W) -> h (N, C, H-R+1, W-S+1) -> y (N, C, H-R-S+2, W-R-S+2).
    """

    def __init__(self, channels: int = 1, kernel_size: tuple[int, int] = (3, 3), *, rng=None):
        self.weight = init.empty(channels, channels, *kernel_size, dtype=np.float32)
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        init.default_weight_(self.weight, rng)

    def forward(self, x):
        """x (N, C, H, W) or (C, H, W). backward : dy -> dx."""
        h, first_backward = conv2d(x, self.weight)
        y, second_backward = conv2d(h, self.weight.transpose(2, 3))

        def backward(dy):
            # y = conv2d(h, weight transposed)
            dh = second_backward(dy)
            # h = conv2d(x, weight)
            return first_backward(dh)

        return y, backward
