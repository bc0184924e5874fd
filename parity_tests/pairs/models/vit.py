"""ViT and its parts: heads, depth, patches of one pixel up to the whole image."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def widths(draw):
    heads, width = draw(st.sampled_from([(1, 5), (2, 3), (3, 2)]))  # a norm over 2 would leave nothing but signs
    return {"num_heads": heads, "hidden_dim": heads * width, "mlp_dim": draw(st.integers(1, 6))}


@st.composite
def block_cases(draw):
    config = draw(widths())
    return Case({"x": floats(draw(st.integers(1, 3)), draw(st.integers(1, 5)), config["hidden_dim"])}, config)


@st.composite
def encoder_cases(draw):
    case = draw(block_cases())
    config = {"seq_length": case.inputs["x"].shape[1], "num_layers": draw(st.integers(0, 2))}
    return Case(case.inputs, case.config | config)


@st.composite
def vit_cases(draw):
    patch, P, C = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.sampled_from([1, 3]))
    config = {"image_size": patch * P, "patch_size": patch, "num_layers": draw(st.integers(1, 2)), "in_channels": C}
    config |= draw(widths()) | {"num_classes": draw(st.integers(1, 4))}
    return Case({"x": floats(draw(st.integers(1, 3)), C, patch * P, patch * P)}, config)


SMALL = {
    "image_size": 4, "patch_size": 2, "num_layers": 1, "num_heads": 2, "hidden_dim": 6, "mlp_dim": 4, "num_classes": 3,
}  # fmt: skip
NORMAL = {"regimes": ("normal",), "device": "needs cupyx for erf"}
TOKENS, WIDTHS = {"x": floats(8, 65, 192)}, {"num_heads": 3, "hidden_dim": 192, "mlp_dim": 768}

Pair("ViTBlock", cases=block_cases(), sizes={"N8 T65 E192": Case(TOKENS, WIDTHS)}, **NORMAL)

Pair(
    "ViTEncoder",
    cases=encoder_cases(),
    sizes={"2 layers, N8 T65 E192": Case(TOKENS, WIDTHS | {"seq_length": 65, "num_layers": 2})},
    bad=[
        (
            Case(
                {"x": floats(2, 4, 6)},
                {"seq_length": 5, "num_layers": 1, "num_heads": 2, "hidden_dim": 6, "mlp_dim": 4},
            ),
            ValueError,
            r"ViTEncoder: x must be \(N, 5, 6\), but is \(2, 4, 6\)",
        )
    ],
    **NORMAL,
)

Pair(
    "ViT",
    cases=vit_cases(),
    sizes={
        "6 layers, N32 32x32": Case(
            {"x": floats(32, 3, 32, 32)},
            WIDTHS
            | {
                "image_size": 32,
                "patch_size": 4,
                "num_layers": 6,
                "num_classes": 10,
            },
        )
    },
    empty=[Case({"x": floats(0, 3, 4, 4)}, SMALL)],
    bad=[
        (Case({"x": floats(2, 3, 4, 6)}, SMALL), ValueError, r"ViT: x must be \(N, 3, 4, 4\).*resize the images"),
        (Case({"x": floats(2, 1, 4, 4)}, SMALL), ValueError, "ViT: x must be.*set image_size and in_channels"),
        (Case({"x": floats(2, 3, 4, 4)}, SMALL | {"patch_size": 3}), ValueError, "patch_size 3 must divide image_size"),
        (Case({"x": floats(2, 3, 4, 4)}, SMALL | {"num_heads": 4}), ValueError, "num_heads"),
    ],
    **NORMAL,
    smooth=(),  # the parts have them
)
