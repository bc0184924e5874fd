"""BAM and its two branches; the norms get enough values to be well conditioned."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats

BAD_CHANNELS = r"x must be \(N, 4, H, W\), but is \(6, 3, 5, 5\); channel= is the number of its channels"


@st.composite
def cases(draw, *options, least=3):
    channel, reduction = draw(st.sampled_from([(4, 1), (6, 2), (9, 2)]))
    config = {"channel": channel, "reduction": reduction}
    if "num_layers" in options:
        config["num_layers"] = draw(st.integers(0, 2))
    if "dia_val" in options:
        config["dia_val"] = draw(st.integers(1, 3))
    N, H, W = draw(st.integers(least, least + 2)), draw(st.integers(3, 5)), draw(st.integers(3, 5))
    return Case({"x": floats(N, channel, H, W)}, config)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, config)


def state(key, shape, rng):
    """Norms whose shift is small against their scale: a relu that lets everything through is no kink, and the next norm
    takes the shift away again."""
    if "bn" in key and key.endswith("weight"):
        return rng.uniform(0.5, 1.5, size=shape)
    if "bn" in key and key.endswith("bias"):
        return rng.uniform(-0.2, 0.2, size=shape)
    return rng.normal(size=shape) if key.endswith("weight") else None


for name, options, least in (
    ("ChannelGate", ("num_layers",), 8),  # its norms see N values only
    ("SpatialGate", ("num_layers", "dia_val"), 3),
    ("BAMBlock", ("dia_val",), 8),
):
    Pair(
        name,
        cases=cases(*options, least=least),
        regimes=("normal",),
        smooth=() if name == "BAMBlock" else ("normal",),  # its 40 parameters one by one: once, in test_bam
        sizes={"16x128x28x28": case(16, 128, 28, 28, channel=128)},
        state=state,
        bad=[
            (case(6, 3, 5, 5, channel=4, reduction=2), ValueError, f"{name}: {BAD_CHANNELS}"),
            (case(6, 4, 5, 5, channel=4), ValueError, "4 channels // reduction 16 must leave at least 1"),
            *(
                [(case(1, 4, 5, 5, channel=4, reduction=2), ValueError, "expected more than 1 value per channel")]
                if name != "SpatialGate"
                else []
            ),
        ],
    )
