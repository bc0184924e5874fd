"""RepMLP: one piece and several, with and without convolutions, as many channels out as in or not, and folded."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def repmlp_cases(draw):
    """Four images, so that every batch norm has four values, and two channels in a group, so that it has two to weigh:

    of a filter that is one number it leaves only the sign, and what float32 makes of its gradient, all but 0, is luck.
    """
    h, w, p, q = (draw(st.integers(1, n)) for n in (3, 3, 2, 2))
    groups = draw(st.integers(1, 2))
    C, O = groups * draw(st.integers(2, 3)), groups * draw(st.integers(1, 3))
    config = {
        "C": C, "O": O, "H": h * p, "W": w * q, "h": h, "w": w,
        "fc1_fc2_reduction": draw(st.integers(1, C)),
        "fc3_groups": groups,
        "repconv_kernels": draw(st.sampled_from([None, [], [1], [1, 3], (3, 5)])),
        "deploy": draw(st.booleans()),
    }  # fmt: skip
    return Case({"x": floats(4, C, h * p, w * q)}, config)


SMALL = {"C": 2, "O": 4, "H": 4, "W": 2, "h": 2, "w": 2, "fc3_groups": 2}
STAGE = {"C": 64, "O": 64, "H": 28, "W": 28, "h": 7, "w": 7, "fc1_fc2_reduction": 4, "fc3_groups": 8}


def case(*shape, **changed):
    return Case({"x": floats(*shape)}, SMALL | changed)


Pair(
    "RepMLP",
    cases=repmlp_cases(),
    sizes={
        "8x64x28x28, pieces 7x7": Case({"x": floats(8, 64, 28, 28)}, STAGE | {"repconv_kernels": [1, 3, 5]}),
        "8x64x28x28, folded": Case({"x": floats(8, 64, 28, 28)}, STAGE | {"deploy": True}),
    },
    empty=[case(0, 2, 4, 2, deploy=True)],
    bad=[
        (case(3, 2, 4, 4), ValueError, r"RepMLP: x must be \(N, C, H, W\) \('N', 2, 4, 2\), but has .* \(3, 2, 4, 4\)"),
        (case(3, 2, 4, 2, h=3), ValueError, "pieces of h x w = 3 x 2 do not fill an image of H x W = 4 x 2"),
        (case(3, 2, 4, 2, fc1_fc2_reduction=3), ValueError, r"C // fc1_fc2_reduction must be at least 1"),
        (case(3, 2, 4, 2, repconv_kernels=[2]), ValueError, "RepMLP: kernel_size must be an odd number"),
        (case(3, 2, 4, 2, fc3_groups=3), ValueError, "must be divisible by groups"),
    ],
    regimes=("normal",),
)
