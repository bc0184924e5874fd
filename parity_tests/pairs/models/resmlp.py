"""ResMLP: narrow embeddings, images of a few patches. There is no norm in it, so widths of 1 count too."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats

GELU = {"device": "needs cupyx for the normal distribution function"}


@st.composite
def affine_cases(draw):
    leading, dim = draw(st.lists(st.integers(1, 4), max_size=3)), draw(st.integers(1, 5))
    return Case({"x": floats(*leading, dim)}, {"dim": dim, "bias": draw(st.booleans())})


@st.composite
def block_cases(draw):
    dim, patches = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    config = {"dim": dim, "num_patches": patches, "expansion_factor": draw(st.integers(1, 3))}
    return Case({"x": floats(draw(st.integers(1, 3)), patches, dim)}, config)


@st.composite
def resmlp_cases(draw):
    patch, rows = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    config = {
        "dim": draw(st.integers(1, 5)),
        "image_size": patch * rows,
        "patch_size": patch,
        "expansion_factor": draw(st.integers(1, 3)),
        "depth": draw(st.integers(0, 2)),
        "class_num": draw(st.integers(1, 4)),
    }
    return Case({"x": floats(draw(st.integers(1, 2)), 3, patch * rows, patch * rows)}, config)


BLOCK = {"dim": 4, "num_patches": 3, "expansion_factor": 2}
SMALL = {"dim": 3, "image_size": 4, "patch_size": 2, "expansion_factor": 2, "depth": 1, "class_num": 2}
S12 = {"dim": 384, "image_size": 224, "patch_size": 16, "depth": 12}

Pair(
    "Affine",
    cases=affine_cases(),
    sizes={"8x196x384": Case({"x": floats(8, 196, 384)}, {"dim": 384})},
    empty=[Case({"x": floats(0, 3)}, {"dim": 3}), Case({"x": floats(2, 0, 3)}, {"dim": 3})],
    bad=[
        (Case({"x": floats(2, 4)}, {"dim": 3}), ValueError, r"affine: x must have weight's \(3,\) channels .* \(2, 4\)")
    ],
)

Pair(
    "ResMLPBlock",
    cases=block_cases(),
    sizes={"B8 T196 E384": Case({"x": floats(8, 196, 384)}, {"dim": 384, "num_patches": 196})},
    empty=[Case({"x": floats(0, 3, 4)}, BLOCK)],
    bad=[(Case({"x": floats(2, 4, 4)}, BLOCK), ValueError, r"ResMLPBlock: x must be \(N, 3, 4\), .* \(2, 4, 4\)")],
    regimes=("normal", "ties", "tiny"),
    **GELU,
)

Pair(
    "ResMLP",
    cases=resmlp_cases(),
    sizes={"ResMLP-S12, 4 images": Case({"x": floats(4, 3, 224, 224)}, S12)},
    empty=[Case({"x": floats(0, 3, 4, 4)}, SMALL)],
    bad=[
        (Case({"x": floats(1, 3, 4, 6)}, SMALL), ValueError, r"ResMLP: .* must fall into 4 patches 2x2"),
        (Case({"x": floats(1, 3, 4, 4)}, SMALL | {"patch_size": 3}), ValueError, "patch_size must divide image_size"),
    ],
    regimes=("normal", "ties", "tiny"),
    **GELU,
)
