"""EMSA, the efficient multi-head self-attention of ResT: fewer keys than queries, and heads that talk to each other.

Axes: B batch, T queries, S keys and values (H · W of them), R what is left of them, E embedding (d_model), h heads.
Twin: torch_ref/models/emsa.py. Pair: parity_tests/pairs/models/emsa.py.
"""

from __future__ import annotations

import numpy as np

from scratch import init, random
from scratch.containers import Sequential, chain
from scratch.convolution import Conv2d
from scratch.dropout import Dropout
from scratch.instance_norm import InstanceNorm2d
from scratch.linear import Linear
from scratch.models.dot_product_attention import DotProductAttention, attend
from scratch.normalization import LayerNorm


class EMSA(DotProductAttention):
    """y = fc_o(dropout(norm(softmax(conv(q kᵀ / sqrt(d_k)) · attention_weights, masked))) v).

    The tokens of keys and values are the places of a map H x W. With ratio > 1 it is made smaller before it is
    projected: a depthwise convolution with stride `ratio` (sr_conv), then a LayerNorm (sr_ln). With apply_transform
    `conv` mixes the scores of the heads (1x1) and `norm` is an instance norm over the weights of each head.

    Parameters
    ----------
    d_model : E. d_k, d_v : widths of a head's keys and values. h : number of heads. dropout : of the attention weights.
    H, W : the size of the map that keys and values are. ratio : 1 keeps it.
    apply_transform : left out for a single head, which has nobody to talk to.
    rng : for the initial values, and for the dropout.

    Called as ScaledDotProductAttention; attention_mask and attention_weights broadcast to (B, h, T, R), R being what is
    left of the map: floor((H + 2 (ratio // 2) - ratio - 1) / ratio + 1) times the same of W.

    Masked keys are left out of the softmax, so they change nobody's weight, and have the weight 0 behind the norm, too,
    which would otherwise move it. (The usual public version applies weights and -inf behind the softmax and the norm,
    to numbers that are normalized already; and with ratio > 1 it takes keys and values from the queries, whatever it
    was given.)

    Source: Zhang, Yang, "ResT: An Efficient Transformer for Visual Recognition", 2021.
    """

    def __init__(
        self, d_model: int, d_k: int, d_v: int, h: int, dropout: float = 0.1, H: int = 7, W: int = 7, ratio: int = 3,
        apply_transform: bool = True, *, rng=None,
    ):  # fmt: skip
        if min(d_k, d_v, h, ratio) < 1:
            raise ValueError(f"EMSA: d_k, d_v, h and ratio must be positive, but are {d_k}, {d_v}, {h} and {ratio}")
        rng = random.generator(rng)
        self.d_model, self.d_k, self.d_v, self.h = d_model, d_k, d_v, h
        self.H, self.W, self.ratio = H, W, ratio
        self.fc_q = Linear(d_model, h * d_k, rng=rng)
        self.fc_k = Linear(d_model, h * d_k, rng=rng)
        self.fc_v = Linear(d_model, h * d_v, rng=rng)
        self.fc_o = Linear(h * d_v, d_model, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        if ratio > 1:
            self.sr_conv = Conv2d(d_model, d_model, ratio + 1, ratio, ratio // 2, groups=d_model, rng=rng)
            self.sr_ln = LayerNorm(d_model)
        self.apply_transform = apply_transform and h > 1
        if self.apply_transform:
            self.transform = Sequential({"conv": Conv2d(h, h, 1, rng=rng), "norm": InstanceNorm2d(h)})
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        """Linear weights from N(0, 0.001²), convolutions by He's normal rule (fan out), biases 0."""
        rng = random.generator(rng)
        super().reset_parameters(rng)
        for layer in self.modules():
            if isinstance(layer, Conv2d):
                init.kaiming_normal_(layer.weight, mode="fan_out", rng=rng)
                init.zeros_(layer.bias)

    def project(self, queries, keys, values):
        q, q_backward = self.fc_q(queries)
        k, k_backward = chain(keys, self.smaller, self.fc_k)
        v, v_backward = chain(values, self.smaller, self.fc_v)
        return (q, k, v), lambda dq, dk, dv: (q_backward(dq), k_backward(dk), v_backward(dv))

    def smaller(self, tokens):
        """(B, S, E) -> (B, R, E): the map of the tokens, convolved with a stride; the tokens themselves for ratio 1."""
        if self.ratio == 1:
            return chain(tokens)
        B, S, E = tokens.shape
        small, conv_backward = self.sr_conv(tokens.swapaxes(1, 2).reshape(B, E, self.H, self.W))  # (B, E, H', W')
        y, norm_backward = self.sr_ln(small.reshape(*small.shape[:2], -1).swapaxes(1, 2))  # (B, R, E)

        def backward(dy):
            # y = sr_ln(rows of small)
            dsmall = norm_backward(dy).swapaxes(1, 2).reshape(small.shape)
            # small = sr_conv(map of tokens)
            return conv_backward(dsmall).reshape(B, E, S).swapaxes(1, 2)

        return y, backward

    def attend(self, q, k, v, attention_mask, attention_weights):
        if not self.apply_transform:
            return super().attend(q, k, v, attention_mask, attention_weights)
        conv, norm = self.transform
        after = [norm, hidden(attention_mask), self.dropout]
        return attend(q, k, v, attention_mask, attention_weights, before=[conv], after=after)

    def _check(self, queries, keys, values) -> None:
        super()._check(queries, keys, values)
        if self.ratio > 1 and keys.shape[1] != self.H * self.W:
            raise ValueError(
                f"EMSA: with ratio {self.ratio} keys and values must be the H · W = {self.H} · {self.W} places "
                f"of a map, but there are {keys.shape[1]} (keys {keys.shape}); set H= and W="
            )


def hidden(attention_mask):
    """The step that makes masked weights 0; the norm before it has moved them to where its mean is."""
    if attention_mask is None:
        return chain
    return lambda weights: (np.where(attention_mask, 0, weights), lambda dy: np.where(attention_mask, 0, dy))
