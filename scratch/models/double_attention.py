"""Double attention (A²-Net): gather features of the whole picture into a few descriptors, then hand them out again.

Axes: N C H W images, L = H · W places, m features, n descriptors.
Twin: torch_ref/models/double_attention.py. Pair: parity_tests/pairs/models/double_attention.py.
"""

from __future__ import annotations

from scratch import init, random
from scratch.attention import mix
from scratch.containers import chain
from scratch.convolution import Conv2d
from scratch.models.attention_parts import check_images
from scratch.models.dual_attention import as_images, as_rows, transposed
from scratch.module import Module
from scratch.softmax import softmax


class DoubleAttention(Module):
    """y = reconstruct((A B) V) with A = convA(x), B = softmax over the places of convB(x), V = softmax over the
    descriptors of convV(x).

    Column j of A B (m, n) is a mean of the features A (m, L), weighted by how much descriptor j looks at each place;
    every place then takes the mixture of descriptors that its column of V (n, L) says.

    Parameters
    ----------
    in_channels : C. c_m : m. c_n : n. reconstruct : a last 1x1 convolution from m back to C channels.
    rng : for the initial values, by He's normal rule (fan out), biases 0.

    Both softmaxes stay within one picture. (The usual public version names no axis, gets the batch's, and so lets the
    examples of a batch compete with each other.)

    Called with x (N, C, H, W) -> y (N, C, H, W), or (N, m, H, W) without reconstruct. backward : dy -> dx.

    Source: Chen, Kalantidis, Li, Yan, Feng, "A²-Nets: Double Attention Networks", 2018.
    """

    def __init__(self, in_channels: int, c_m: int, c_n: int, reconstruct: bool = True, *, rng=None):
        if min(in_channels, c_m, c_n) < 1:
            raise ValueError(
                f"DoubleAttention: in_channels, c_m and c_n must be positive, but are {in_channels}, {c_m} and {c_n}"
            )
        rng = random.generator(rng)
        self.in_channels, self.c_m, self.c_n, self.reconstruct = in_channels, c_m, c_n, reconstruct
        self.convA = Conv2d(in_channels, c_m, 1, rng=rng)
        self.convB = Conv2d(in_channels, c_n, 1, rng=rng)
        self.convV = Conv2d(in_channels, c_n, 1, rng=rng)
        if reconstruct:
            self.conv_reconstruct = Conv2d(c_m, in_channels, 1, rng=rng)
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        rng = random.generator(rng)
        for conv in self.children():
            init.kaiming_normal_(conv.weight, mode="fan_out", rng=rng)
            init.zeros_(conv.bias)

    def forward(self, x):
        check_images("DoubleAttention", x, self.in_channels, "in_channels")
        A, A_backward = chain(x, self.convA, as_rows)  # (N, m, L)
        B, B_backward = chain(x, self.convB, as_rows, over_places, transposed)  # (N, L, n)
        V, V_backward = chain(x, self.convV, as_rows, over_descriptors)  # (N, n, L)
        descriptors, gather_backward = mix(A, B)  # (N, m, L) @ (N, L, n) -> (N, m, n)
        Z, distribute_backward = mix(descriptors, V)  # (N, m, n) @ (N, n, L) -> (N, m, L)
        last = [self.conv_reconstruct] if self.reconstruct else []
        y, last_backward = chain(Z, as_images(*x.shape[2:]), *last)

        def backward(dy):
            # y = reconstruct(Z)
            dZ = last_backward(dy)
            # Z = descriptors @ V
            ddescriptors, dV = distribute_backward(dZ)
            # descriptors = A @ B
            dA, dB = gather_backward(ddescriptors)
            # A, B and V all come from x
            return A_backward(dA) + B_backward(dB) + V_backward(dV)

        return y, backward


def over_places(x):
    """(N, n, L): a softmax for each descriptor, over the places."""
    return softmax(x, 2)


def over_descriptors(x):
    """(N, n, L): a softmax for each place, over the descriptors."""
    return softmax(x, 1)
