"""NiN: one to three narrow blocks with kernels and strides of every kind."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    C = draw(st.sampled_from([1, 3]))
    blocks = []
    for _ in range(draw(st.integers(1, 2))):
        kernel_size = draw(st.integers(1, 3))
        stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, kernel_size // 2))
        blocks.append((kernel_size, stride, padding, tuple(draw(st.integers(2, 3)) for _ in range(3))))
    config = {"num_classes": draw(st.integers(1, 4)), "dropout": 0.0, "in_channels": C, "blocks": tuple(blocks)}
    H, W = (draw(st.integers(17, 19)) for _ in "HW")
    return Case({"x": floats(draw(st.integers(1, 2)), C, H, W)}, config)


BLOCKS = ((3, 1, 1, (2, 2, 2)), (3, 1, 1, (2, 2, 2)))

Pair(
    "NiN",
    cases=cases(),
    sizes={"N16 32x32": Case({"x": floats(16, 3, 32, 32)}, {"num_classes": 10, "dropout": 0.0, "small_images": True})},
    empty=[Case({"x": floats(0, 3, 8, 8)}, {"num_classes": 2, "dropout": 0.0, "blocks": BLOCKS})],
    bad=[
        (Case({"x": floats(2, 1, 8, 8)}, {"blocks": BLOCKS}), ValueError, r"NiN: x must be images \(N, 3, H, W\)"),
        (Case({"x": floats(2, 3, 2, 2)}, {"blocks": BLOCKS}), ValueError, "max_pool2d"),
    ],
    regimes=("normal",),
    smooth=(),  # so many kinks that a difference now and then straddles one: see test_assembly.py
)
