"""Attention finds the date: "… Wednesday 4 March 2020 …" in ten languages becomes 2020-03-04, letter by letter.

First the arithmetic of attention on three vectors, by hand. Then sentences that grow around their date, for two
networks: one that looks back (Bahdanau), and one that reads into a single vector, with four times the training.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Sequence
from datetime import date
from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np

import scratch.functional
from examples.stage import Stage, array

LANGUAGES = ("en_GB", "en_US", "de", "fr", "es", "it", "pt", "nl", "sv", "pl")
LOREM = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor ut labore et magna aliqua"
DIGITS = "0123456789-"
BOS = len(DIGITS)  # what the decoder is told first
HIDDEN, BATCH = 64, 64
EDGES = (0, 20, 35, 50, 65, 80, 100, 125)  # of the lengths of sentences, for the table
LABELS = [f"{a} to {b - 1}" for a, b in zip(EDGES, EDGES[1:])] + [f"{EDGES[-1]} on"]


# ------------------------------------------------------------------ the arithmetic


def by_hand(stage):
    """context = Σ pᵢ vᵢ with p = softmax(q·kᵢ): the keys are such that exp(q·k) = 5, 3 and 2."""
    query = np.array([[1.0, 1.0]])
    keys = np.log([[5.0, 1.0], [1.0, 3.0], [2.0, 1.0]])  # ln 1 = 0
    values = np.array([[2.0, 1.0, 3.0, 6.0], [0.0, 3.0, 5.0, 5.0], [1.0, 3.0, 3.0, 3.0]])
    attention = stage.build(lambda nn: nn.models.DotProductAttention(scaled=False), "float64")
    result = attention(*(stage.tensor(a[None]) for a in (query, keys, values)))
    context, weights = (array(a).ravel() for a in (result if stage.torch else result[0]))
    print("exp(q·k) = 5, 3, 2, in all 10")
    for p, value in zip(weights, values):
        print(f"  {p:.1f} * {value}")
    print(f"  sum = {np.round(context, 12)}\n")
    return context


# ------------------------------------------------------------------ the sentences


def written(day: date, rng, babel: bool) -> str:
    """The day as people write it: with weekday, with the month's name, or short, in one of the languages."""
    if babel:
        from babel.dates import format_date  # pyright: ignore[reportMissingImports]

        return format_date(day, rng.choice(["full", "long", "medium"]), locale=rng.choice(LANGUAGES))
    month = calendar.month_name[day.month]
    full = f"{calendar.day_name[day.weekday()]} {day.day} {month} {day.year}"
    return str(rng.choice([full, f"{month} {day.day}, {day.year}", f"{day.day:02}.{day.month:02}.{day.year}"]))


def sentences(rng, n, babel, held_out=False, words=4):
    """n pairs (sentence, "yyyy-mm-dd"), up to `words` words on either side of the date.

    The days are those of 1950 to 2049; every tenth of them is held out.
    """
    first, found = date(1950, 1, 1).toordinal(), []
    while len(found) < n:
        number = int(rng.integers(36524))
        if (number % 10 == 0) == held_out:
            day = date.fromordinal(first + number)
            around = [" ".join(rng.choice(LOREM.split(), rng.integers(words + 1))) for _ in range(2)]
            found.append((f"{around[0]} {written(day, rng, babel)} {around[1]}".strip().lower(), day.isoformat()))
    return found


def encoded(pairs, alphabet):
    """(source (N, S) padded with 0, target (N, 10), lengths (N,))"""
    number = {c: i + 1 for i, c in enumerate(alphabet)}
    lengths = np.array([len(s) for s, _ in pairs])
    source = np.zeros((len(pairs), lengths.max()), np.int64)
    for row, (sentence, _) in zip(source, pairs):
        row[: len(sentence)] = [number.get(c, 0) for c in sentence]
    return source, np.array([[DIGITS.index(c) for c in t] for _, t in pairs]), lengths


# ------------------------------------------------------------------ the networks


def with_attention(nn, letters):
    encoder = nn.models.Seq2SeqEncoder(letters, 32, HIDDEN // 2, bidirectional=True)
    return nn.models.AttentionSeq2Seq(encoder, nn.models.BahdanauDecoder(BOS + 1, 16, HIDDEN))


def one_vector(nn, letters):
    encoder = nn.models.Seq2SeqEncoder(letters, 32, HIDDEN // 2, bidirectional=True)
    return nn.models.Seq2Seq(encoder, nn.models.Seq2SeqDecoder(BOS + 1, 16, HIDDEN))


def step(stage, model, optimizer, source, target, lengths):
    """One step of training with teacher forcing: to guess letter t the decoder is told the true letters before it."""
    told = np.concatenate([np.full_like(target[:, :1], BOS), target[:, :-1]], axis=1)
    inputs = [stage.tensor(a) for a in (source, told, lengths)]
    model.zero_grad()
    if stage.torch:
        import torch

        logits = model(*inputs)  # (B, 10, V)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), stage.tensor(target).flatten())
        loss.backward()
        loss = loss.detach()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    else:
        logits, backward = model(*inputs)
        loss, loss_backward = scratch.functional.cross_entropy(logits.reshape(-1, BOS + 1), target.reshape(-1))
        backward(loss_backward().reshape(logits.shape))
        scratch.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss)


def translate(stage, model, source, target, lengths, batch=500):
    """Greedy: (whether all is right (N,), tokens (N, 10), attention weights (N, 10, S) or None)"""
    parts = []
    for i in range(0, len(source), batch):
        found = model.greedy(
            stage.tensor(source[i : i + batch]), 10, bos=BOS, lengths=stage.tensor(lengths[i : i + batch])
        )
        parts.append([array(a) for a in found] if isinstance(found, tuple) else [array(found)])
    tokens, *weights = (np.concatenate(p) for p in zip(*parts))
    return (tokens == target).all(axis=1), tokens, weights[0] if weights else None


def train(stage, make, data, test, letters, steps):
    model = stage.build(lambda nn: make(nn, letters))
    optimizer = stage.optimizer("Adam", model, lr=4e-3)
    rng, losses, tested, began = np.random.default_rng(stage.seed), [], [(0, 0.0)], time.perf_counter()
    source, target, lengths = data
    for i in stage.progress(range(steps)):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * (1 + np.cos(np.pi * i / steps)) / 2
        rows = rng.integers(len(source), size=BATCH)
        longest = lengths[rows].max()
        losses.append(step(stage, model, optimizer, source[rows, :longest], target[rows], lengths[rows]))
        if (i + 1) % max(steps // 5, 1) == 0:
            tested.append((i + 1, translate(stage, model, *test)[0].mean()))
            print(f"  step {i + 1:5}: loss {np.mean(losses[-100:]):.4f}, whole date right {tested[-1][1]:.2%}", end="")
            print(f", {time.perf_counter() - began:.0f} s")
    return model, {"losses": np.array(losses), "tested": np.array(tested)}


def main(argv: Sequence[str] | None = None):
    stage = Stage("dates", __doc__, argv)
    by_hand(stage)
    babel = not stage.smoke
    if babel and find_spec("babel") is None:
        print("The dates are written by Babel: pip install babel")
        return None
    n, steps = (300, 2) if stage.smoke else (20000, 600)
    pairs, held_out = sentences(stage.rng, n, babel), sentences(stage.rng, n // 10, babel, True)
    alphabet = sorted(set("".join(s for s, _ in pairs)))
    data, test, longer = (
        encoded(p, alphabet) for p in (pairs, held_out, sentences(stage.rng, n // 10, babel, True, words=10))
    )
    print(f"{n} sentences of up to {data[2].max()} letters, {len(alphabet)} different ones, such as")
    for sentence, day in pairs[:4]:
        print(f"  {sentence} -> {day}")
    bins = np.digitize(np.concatenate([test[2], longer[2]]), EDGES) - 1
    count = np.maximum(np.bincount(bins, minlength=len(EDGES)), 1)
    found, shares, answers = {}, {}, {}
    for name, make in {"with attention": with_attention, "one vector": one_vector}.items():
        print(name)
        patience = 1 if make is with_attention else 4
        model, found[name] = train(stage, make, data, test, len(alphabet) + 1, patience * steps)
        right, *answers[name] = translate(stage, model, *test)
        right = np.concatenate([right, translate(stage, model, *longer)[0]])
        shares[name] = np.bincount(bins, right, len(EDGES)) / count
    print("whole date right, by the length of the sentence:")
    for b, label in enumerate(LABELS):
        print(f"  {label:>10} letters ({count[b]:4}): ", end="")
        print(", ".join(f"{name} {share[b]:.2%}" for name, share in shares.items()))
    picture(stage, found, held_out, *answers["with attention"])
    return found


def picture(stage, found, held_out, tokens, weights):
    figure, axes = plt.subplots(1, 2, figsize=(13, 4), width_ratios=(3, 2))
    # a sentence of a size to read, with words around the date and the date in words
    show = max(range(len(held_out)), key=lambda i: (35 < len(held_out[i][0]) < 50) * held_out[i][0].count(" "))
    sentence, _ = held_out[show]
    axes[0].imshow(weights[show][:, : len(sentence)], cmap="gray_r", vmin=0, aspect="auto")
    axes[0].set(xticks=range(len(sentence)), yticks=range(10), title="where it looks while it writes")
    axes[0].set_xticklabels(sentence, family="monospace", fontsize=8)
    axes[0].set_yticklabels([DIGITS[t] if t < BOS else "?" for t in tokens[show]], family="monospace")
    for name, run in found.items():
        axes[1].plot(*run["tested"].T, "o-", label=name)
    axes[1].set(xlabel="steps of training", ylabel="whole date right", title="dates it never saw")
    axes[1].legend()
    figure.tight_layout()
    stage.save(figure, "dates")


if __name__ == "__main__":
    main()
