"""External attention: every token looks at the same small memory of S learned slots, not at the other tokens.

Axes: B batch, n tokens, E embedding (d_model), S slots of the memory.
Twin: torch_ref/models/external_attention.py. Pair: parity_tests/pairs/models/external_attention.py.
"""

from __future__ import annotations

from scratch import init, random
from scratch.containers import chain
from scratch.linear import Linear
from scratch.models.attention_parts import check_tokens
from scratch.module import Module
from scratch.softmax import log_softmax, softmax


class ExternalAttention(Module):
    """y = norm(x M_kᵀ) M_vᵀ with learned keys M_k (S, E) and values M_v (E, S): linear in the number of tokens.

    `norm` is the paper's double normalization: a softmax over the n tokens, then every token's S weights are divided
    by their sum. Dividing positive numbers by their sum is the softmax of their logarithms, so here it is
    softmax_S(log_softmax_n(x M_kᵀ)): the same numbers, and no 0/0 where the first softmax underflows.

    Parameters
    ----------
    d_model : E. S : the number of slots. rng : for the initial values, N(0, 0.001²).

    Called with queries (B, n, E) -> y (B, n, E). backward : dy -> dqueries.

    Source: Guo, Liu, Mu, Hu, "Beyond Self-Attention: External Attention using Two Linear Layers", 2021.
    """

    def __init__(self, d_model: int, S: int = 64, *, rng=None):
        rng = random.generator(rng)
        self.mk = Linear(d_model, S, bias=False, rng=rng)
        self.mv = Linear(S, d_model, bias=False, rng=rng)
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        rng = random.generator(rng)
        for memory in (self.mk, self.mv):
            init.normal_(memory.weight, std=0.001, rng=rng)

    def forward(self, queries):
        check_tokens("ExternalAttention", self.mk.in_features, queries=queries)
        return chain(queries, self.mk, over_tokens, over_slots, self.mv)  # (B, n, E) -> (B, n, S) -> (B, n, E)


def over_tokens(scores):
    """(B, n, S): the logarithm of a softmax over the tokens."""
    return log_softmax(scores, 1)


def over_slots(logarithms):
    """(B, n, S): eˡ / Σ eˡ over the slots, l being the logarithms of the weights."""
    return softmax(logarithms, 2)
