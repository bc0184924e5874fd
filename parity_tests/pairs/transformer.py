"""Transformer layers and stacks: masks of every kind, norm before or after. Dropout: see test_transformer."""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Layer, Pair, bools, floats
from parity_tests.pairs.multihead_attention import drawn_mask, first_key_is_seen

EITHER = ("relu", "gelu")


@st.composite
def layer_configs(draw, activations=("relu",)):
    heads, width = draw(st.sampled_from([(1, 5), (2, 3), (3, 2)]))  # a norm over 2 would leave nothing but signs
    config = {
        "d_model": heads * width,
        "nhead": heads,
        "dim_feedforward": draw(st.integers(3, 6)),
        "dropout": 0.0,
        "activation": draw(st.sampled_from(activations)),
    }
    if draw(st.booleans()):
        config["layer_norm_eps"] = 1e-2
    for name, value in (("batch_first", True), ("norm_first", True), ("bias", False)):
        if draw(st.booleans()):
            config[name] = value
    return config


class Sequences:
    """Shapes for one layer configuration."""

    def __init__(self, draw, config):
        self.draw, self.config = draw, config
        self.batched, self.B = draw(st.booleans()), draw(st.integers(1, 3))
        self.kind = draw(st.sampled_from(["bool", "float"]))

    def tokens(self, length):
        E = self.config["d_model"]
        if not self.batched:
            return floats(length, E)
        return floats(*((self.B, length) if self.config.get("batch_first") else (length, self.B)), E)

    def masks(self, prefix, rows, keys):
        """Some of `{prefix}_mask` and `{prefix}_key_padding_mask`."""
        B, found = self.B if self.batched else 1, {}
        if self.draw(st.booleans()):
            shape = self.draw(st.sampled_from([(rows, keys), (B * self.config["nhead"], rows, keys)]))
            found[f"{prefix}_mask"] = drawn_mask(self.draw, shape, self.kind)
        if self.draw(st.booleans()):  # torch's nested tensors take no sequence without any token
            shape = (B, keys) if self.batched else (keys,)
            seen = bools(*shape, transform=first_key_is_seen)
            found[f"{prefix}_key_padding_mask"] = (
                seen if self.kind == "bool" else drawn_mask(self.draw, shape, self.kind)
            )
        return found


def causal(*shape, kind="float"):
    def forbid(mask):
        future = ~np.tri(*mask.shape, dtype=bool)
        return future if kind == "bool" else np.where(future, -np.inf, 0.0)

    return (
        bools(*shape, transform=forbid)
        if kind == "bool"
        else floats(*shape, low=0, high=1, grad=False, transform=forbid)
    )


@st.composite
def encoder_layer_cases(draw, activations=("relu",)):
    config = draw(layer_configs(activations))
    sequences, S = Sequences(draw, config), draw(st.integers(1, 4))
    masks, call = sequences.masks("src", S, S), {}
    if draw(st.booleans()):
        masks["src_mask"] = causal(S, S, kind=sequences.kind)
        call["is_causal"] = True
    return Case({"src": sequences.tokens(S)} | masks, config, call)


@st.composite
def decoder_layer_cases(draw, activations=("relu",)):
    config = draw(layer_configs(activations))
    sequences, T, S = Sequences(draw, config), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    masks, call = sequences.masks("tgt", T, T) | sequences.masks("memory", T, S), {}
    if draw(st.booleans()):
        masks["tgt_mask"] = causal(T, T, kind=sequences.kind)
        call["tgt_is_causal"] = True
    if draw(st.booleans()):
        masks["memory_mask"] = causal(T, S, kind=sequences.kind)
        call["memory_is_causal"] = True
    return Case({"tgt": sequences.tokens(T), "memory": sequences.tokens(S)} | masks, config, call)


def stacked(case, layer, draw):
    """A stack of such layers; without a hint it finds out by itself whether a mask is causal."""
    config = {
        f"{layer}_layer": Layer(f"Transformer{layer.title()}Layer", case.config),
        "num_layers": draw(st.integers(1, 2)),
    }
    if draw(st.booleans()):
        config["norm"] = Layer("LayerNorm", {"normalized_shape": case.config["d_model"]})
    return config


@st.composite
def encoder_cases(draw):
    case = draw(encoder_layer_cases(EITHER))
    inputs = {("mask" if name == "src_mask" else name): spec for name, spec in case.inputs.items()}
    call = case.call if draw(st.booleans()) else {}
    return Case(inputs, stacked(case, "encoder", draw) | {"enable_nested_tensor": False}, call)


@st.composite
def decoder_cases(draw):
    case = draw(decoder_layer_cases(EITHER))
    call = case.call if draw(st.booleans()) else {}
    return Case(case.inputs, stacked(case, "decoder", draw), call)


@st.composite
def transformer_cases(draw):
    config = draw(layer_configs(EITHER)) | {"num_encoder_layers": 1, "num_decoder_layers": draw(st.integers(1, 2))}
    sequences, T, S = Sequences(draw, config), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    inputs = {"src": sequences.tokens(S), "tgt": sequences.tokens(T)}
    inputs |= sequences.masks("src", S, S) | sequences.masks("tgt", T, T) | sequences.masks("memory", T, S)
    if draw(st.booleans()):
        inputs["tgt_mask"] = causal(T, T, kind=sequences.kind)
    return Case(inputs, config)


SMALL = {"d_model": 4, "nhead": 2, "dim_feedforward": 3, "dropout": 0.0}
BASE = {"d_model": 256, "nhead": 8, "dim_feedforward": 1024, "dropout": 0.0, "batch_first": True}
BLOCK = floats(8, 256, 256)
ENCODER, DECODER = Layer("TransformerEncoderLayer", SMALL), Layer("TransformerDecoderLayer", SMALL)
NORMAL = {"regimes": ("normal",)}
ERF = {"device": "needs cupyx for erf"}

Pair(
    "TransformerEncoderLayer",
    cases=encoder_layer_cases(),
    sizes={"B8 T256 E256": Case({"src": BLOCK}, BASE)},
    empty=[Case({"src": floats(3, 0, 4)}, SMALL)],
    bad=[
        (Case({"src": floats(3, 2, 4)}, SMALL | {"activation": "tanh"}), ValueError, "must be 'relu', 'gelu' or a fun"),
        (Case({"src": floats(3, 2, 5)}, SMALL), ValueError, r"must have widths \(4, 4, 4\)"),
        (Case({"src": floats(3, 2, 4)}, SMALL | {"dropout": 1.5}), ValueError, "between 0 and 1"),
    ],
    **NORMAL,
)

Pair(
    "TransformerDecoderLayer",
    cases=decoder_layer_cases(),
    sizes={"B8 T256 E256": Case({"tgt": BLOCK, "memory": BLOCK}, BASE)},
    empty=[Case({"tgt": floats(3, 0, 4), "memory": floats(2, 0, 4)}, SMALL)],
    bad=[(Case({"tgt": floats(3, 2, 4), "memory": floats(3, 1, 4)}, SMALL), ValueError, "of query's batch")],
    **NORMAL,
)

Pair(
    "TransformerEncoder",
    cases=encoder_cases(),
    sizes={
        "6 layers, B8 T128 E256": Case(
            {"src": floats(8, 128, 256)},
            {"encoder_layer": Layer("TransformerEncoderLayer", BASE), "num_layers": 6, "enable_nested_tensor": False},
        )
    },
    bad=[
        (
            Case({"src": floats(3, 2, 4), "mask": bools(2, 3)}, {"encoder_layer": ENCODER, "num_layers": 1}),
            ValueError,
            r"attn_mask must be \(T, S\) \(3, 3\)",
        )
    ],
    **NORMAL,
    **ERF,
)

Pair(
    "TransformerDecoder",
    cases=decoder_cases(),
    sizes={
        "6 layers, B8 T128 E256": Case(
            {"tgt": floats(8, 128, 256), "memory": floats(8, 128, 256)},
            {"decoder_layer": Layer("TransformerDecoderLayer", BASE), "num_layers": 6},
        )
    },
    bad=[
        (
            Case({"tgt": floats(3, 2, 4), "memory": floats(3, 2, 5)}, {"decoder_layer": DECODER, "num_layers": 1}),
            ValueError,
            r"must have widths \(4, 4, 4\)",
        )
    ],
    **NORMAL,
    **ERF,
)

Pair(
    "Transformer",
    cases=transformer_cases(),
    sizes={
        "2 + 2 layers, B8 T128 E256": Case(
            {"src": floats(8, 128, 256), "tgt": floats(8, 128, 256)},
            BASE | {"num_encoder_layers": 2, "num_decoder_layers": 2},
        )
    },
    bad=[
        (Case({"src": floats(3, 2, 4), "tgt": floats(3, 2, 5)}, SMALL), ValueError, "must have d_model 4 features"),
        (Case({"src": floats(3, 2, 4), "tgt": floats(3, 1, 4)}, SMALL), ValueError, "must have one batch size"),
    ],
    **NORMAL,
    **ERF,
)
