"""CTC: padded, concatenated and single targets; repeats, blanks elsewhere, lengths shorter than the arrays."""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints


def log_softmax(values):
    shifted = values - values.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def labels(*shape, classes, blank):
    """Any class but the blank."""
    return ints(*shape, high=classes - 1, transform=lambda drawn: drawn + (drawn >= blank))


def case(steps, targets, input_lengths, target_lengths, classes=4, **config):
    batch = [] if isinstance(input_lengths, int) else [len(input_lengths)]
    return Case(
        {
            "log_probs": floats(steps, *batch, classes, transform=log_softmax),
            "targets": targets,
            "input_lengths": fixed(input_lengths),
            "target_lengths": fixed(target_lengths),
        },
        config,
    )


def fixed(lengths):
    """An integer array argument that is always this one."""
    lengths = np.array(lengths, dtype=np.int64)
    return ints(*lengths.shape, high=1, transform=lambda _: lengths)


@st.composite
def ctc_cases(draw):
    """Mostly inputs that are long enough for their targets."""
    classes = draw(st.integers(2, 5))
    blank = draw(st.integers(0, classes - 1))
    steps = draw(st.sampled_from([7, 8, 1, 2, 4]))
    kind = draw(st.sampled_from(["padded", "one row", "single", "single row"]))
    batch = 1 if kind.startswith("single") else draw(st.integers(1, 3))
    input_lengths = draw(st.lists(st.sampled_from([steps, steps - 1, steps // 2, 0]), min_size=batch, max_size=batch))
    target_lengths = draw(st.lists(st.sampled_from([2, 3, 1, 0]), min_size=batch, max_size=batch))
    config = {
        "blank": blank,
        "reduction": draw(st.sampled_from(["mean", "sum", "none"])),
        "zero_infinity": draw(st.booleans()),
    }
    width = max(target_lengths) + draw(st.integers(0, 2))
    shape = {
        "padded": (batch, width),
        "one row": (sum(target_lengths),),
        "single": (target_lengths[0],),
        "single row": (1, width),
    }[kind]
    targets = labels(*shape, classes=classes, blank=blank)
    if kind.startswith("single"):
        return case(steps, targets, input_lengths[0], target_lengths[0], classes, **config)
    return case(steps, targets, input_lengths, target_lengths, classes, **config)


target = labels(2, 3, classes=4, blank=0)

ctc_pair = {
    "cases": ctc_cases(),
    "smooth": (),  # the gradient is that behind a log_softmax
    "bad": [
        (case(5, target, [5, 6], [3, 3]), ValueError, "ctc_loss: input_lengths must be from 0 to 5, .*6"),
        (case(5, target, [5, -1], [3, 3]), ValueError, "ctc_loss: input_lengths must be from 0 to 5"),
        (case(5, target, [5, 5], [3, -1]), ValueError, "ctc_loss: target_lengths must be at least 0"),
        (case(5, target, [5, 5], [3]), ValueError, "ctc_loss: target_lengths must have 2 entries"),
        (case(5, target, [5, 5], [4, 3]), ValueError, r"S at least 4, the longest target, but is \(2, 3\)"),
        (case(5, ints(5, high=3), [5, 5], [3, 3]), ValueError, r"must have sum\(target_lengths\) = 6 labels"),
        (case(5, ints(2, 3, low=4, high=5), [5, 5], [3, 3]), ValueError, "ctc_loss: labels must be from 0 to 3"),
        (case(5, target, [5, 5], [3, 3], blank=4), ValueError, "ctc_loss: blank must be from 0 to 3, but is 4"),
        (case(0, target, [0, 0], [3, 3]), ValueError, r"ctc_loss: log_probs must be .* not empty, but is \(0, 2, 4\)"),
        (case(5, target, [5, 5], [3, 3], reduction="average"), ValueError, "ctc_loss: reduction must be one of"),
    ],
}

Pair("ctc_loss", **ctc_pair)
Pair(
    "CTCLoss",
    sizes={
        "100 steps, 16 targets of 20, 40 classes": case(
            100, labels(16, 20, classes=40, blank=0), [100] * 16, [20] * 16, 40
        )
    },
    **ctc_pair,
)
