"""MLP-Mixer: narrow embeddings, images of a few patches."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats

HIDDEN = st.integers(1, 5)
DEVICE = {"regimes": ("normal",), "device": "needs cupyx for the normal distribution function"}  # inside GELU


@st.composite
def mlp_cases(draw):
    width = draw(st.integers(1, 5))
    leading = draw(st.lists(st.integers(1, 3), max_size=2))
    return Case({"x": floats(*leading, width)}, {"input_dim": width, "mlp_dim": draw(HIDDEN)})


@st.composite
def mixer_widths(draw, tokens, least=6, hidden=4):
    """Widths from 6: of two values layer norm leaves -1 and 1, whatever they were."""
    return {
        "tokens_mlp_dim": tokens,
        "channels_mlp_dim": draw(st.integers(least, least + 2)),
        "tokens_hidden_dim": draw(st.integers(hidden, hidden + 2)),
        "channels_hidden_dim": draw(st.integers(hidden, hidden + 2)),
    }


@st.composite
def block_cases(draw):
    config = draw(mixer_widths(draw(st.integers(1, 5))))
    return Case({"x": floats(draw(st.integers(1, 3)), config["tokens_mlp_dim"], config["channels_mlp_dim"])}, config)


@st.composite
def mixer_cases(draw):
    """Eight images of twelve patches at least, and twenty channels.

    The last bias of token mixing adds one number to all channels of a token, which the next norm takes out again: its
    gradient is 0, and what float32 makes of that can be compared only where many roundings add up.
    """
    rows, columns, patch = draw(st.integers(3, 4)), draw(st.integers(4, 5)), draw(st.integers(1, 2))
    config = draw(mixer_widths(rows * columns, least=20, hidden=12)) | {
        "num_classes": draw(st.integers(2, 4)),
        "num_blocks": draw(st.sampled_from([0, 1, 1, 1, 2])),
        "patch_size": patch,
    }
    return Case({"x": floats(8, 3, rows * patch, columns * patch)}, config)


BLOCK = {"tokens_mlp_dim": 3, "channels_mlp_dim": 4, "tokens_hidden_dim": 2, "channels_hidden_dim": 5}
MIXER = BLOCK | {"num_classes": 2, "num_blocks": 1, "patch_size": 2, "tokens_mlp_dim": 4}
MIXER_S16 = {
    "num_classes": 1000, "num_blocks": 8, "patch_size": 16, "tokens_hidden_dim": 256, "channels_hidden_dim": 2048,
    "tokens_mlp_dim": 196, "channels_mlp_dim": 512,
}  # fmt: skip

Pair(
    "MlpBlock",
    cases=mlp_cases(),
    sizes={"512-2048-512, 1568 rows": Case({"x": floats(8, 196, 512)}, {"input_dim": 512, "mlp_dim": 2048})},
    empty=[Case({"x": floats(0, 3)}, {"input_dim": 3, "mlp_dim": 2})],
    bad=[(Case({"x": floats(2, 4)}, {"input_dim": 3}), ValueError, "linear: weight expects 3 input features")],
    **DEVICE,
)

Pair(
    "MixerBlock",
    cases=block_cases(),
    sizes={
        "B8 T196 E512": Case(
            {"x": floats(8, 196, 512)},
            {name: MIXER_S16[name] for name in BLOCK},
        )
    },
    empty=[Case({"x": floats(0, 3, 4)}, BLOCK)],
    bad=[
        (Case({"x": floats(2, 4, 3)}, BLOCK), ValueError, r"MixerBlock: x must be \(N, 3, 4\), but has .* \(2, 4, 3\)"),
        (Case({"x": floats(3, 4)}, BLOCK), ValueError, r"MixerBlock: x must be \(N, 3, 4\)"),
    ],
    **DEVICE,
)

Pair(
    "MlpMixer",
    cases=mixer_cases(),
    sizes={"Mixer-S/16, 4 images": Case({"x": floats(4, 3, 224, 224)}, MIXER_S16)},
    empty=[Case({"x": floats(0, 3, 4, 4)}, MIXER)],
    bad=[
        (Case({"x": floats(1, 3, 4, 6)}, MIXER), ValueError, r"must fall into 4 patches 2x2 .* room for 2 x 3 = 6"),
        (Case({"x": floats(1, 3, 4, 5)}, MIXER), ValueError, "MlpMixer: .* must fall into 4 patches"),
        (Case({"x": floats(1, 1, 4, 4)}, MIXER), ValueError, r"MlpMixer: x must be images \(N, 3, H, W\)"),
    ],
    **DEVICE,
)
