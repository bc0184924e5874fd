"""Convolution by its definition, by the layer and by FFT, in one and two dimensions; and how long its output is.

A true convolution turns the kernel round, y[p] = Σ_r x[p - r] k[r]. Convolution layers do not: they cross-correlate,
y[p] = Σ_r x[p + r] k[r]. A learned kernel does not care; everybody else who brings his own should know.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import matplotlib.pyplot as plt
import numpy as np

from examples.stage import Stage, array


def convolve(x, kernel):
    """y[p] = Σ_r x[p - r] kernel[r] for every p where anything overlaps; p and r have one index or two.

    Each x[p] is a stroke that leaves the whole kernel behind, starting at p.
    """
    y = np.zeros([w + f - 1 for w, f in zip(x.shape, kernel.shape)])
    for p in np.ndindex(*x.shape):
        for r in np.ndindex(*kernel.shape):
            y[tuple(np.add(p, r))] += x[p] * kernel[r]
    return y


def correlate(x, kernel, stride=1, padding=0):
    """y[p] = Σ_r x[p · stride + r] kernel[r], where the kernel lies inside of x and its zeros around."""
    x = np.pad(x, padding)
    y = np.zeros([output_size(w, f, 0, stride) for w, f in zip(x.shape, kernel.shape)])
    for p in np.ndindex(*y.shape):
        for r in np.ndindex(*kernel.shape):
            y[p] += x[tuple(np.add(np.multiply(p, stride), r))] * kernel[r]
    return y


def by_fft(x, kernel):
    """The convolution theorem: the spectra multiply. Zeros up to the full length, so that nothing wraps around."""
    full = [w + f - 1 for w, f in zip(x.shape, kernel.shape)]
    axes = tuple(range(x.ndim))
    return np.fft.irfftn(np.fft.rfftn(x, full, axes) * np.fft.rfftn(kernel, full, axes), full, axes)


def output_size(W, F, P, S):
    """N = (W - F + 2P) / S + 1, rounded down: W input, F kernel, P zeros at each end, S stride."""
    return (W - F + 2 * P) // S + 1


def layer(stage, x, kernel, **options):
    """This side's conv1d or conv2d of one image with one channel."""
    conv = getattr(stage.functional, f"conv{x.ndim}d")
    y = conv(stage.tensor(x[None, None]), stage.tensor(kernel[None, None].copy()), **options)
    return array(y if stage.torch else y[0])[0, 0]


def checked(what, got, want, tolerance=1e-12):
    """Print how far apart two arrays are; an error if it is more than rounding."""
    apart = np.abs(got - want).max() if got.shape == want.shape else np.inf
    print(f"{what:66}{apart:9.1e}")
    if not apart <= tolerance:
        raise RuntimeError(f"{what}: differs by {apart}, shapes {got.shape} and {want.shape}")


def compare(stage, dims, width, kernel_width):
    x, k = stage.rng.normal(size=(width,) * dims), stage.rng.normal(size=(kernel_width,) * dims)
    flipped, name = np.flip(k), f"conv{dims}d"
    checked(f"{name}: the layer is the cross-correlation", layer(stage, x, k), correlate(x, k))
    checked(f"{name}, stride 2, padding 1", layer(stage, x, k, stride=2, padding=1), correlate(x, k, 2, 1))
    full = convolve(x, k)
    checked(
        f"{name} of the flipped kernel, padding F - 1: convolution", layer(stage, x, flipped, padding=len(k) - 1), full
    )
    checked(f"convolution by FFT, {dims}-D", by_fft(x, k), full)
    checked(f"convolution commutes, {dims}-D", convolve(k, x), full)
    apart = np.abs(layer(stage, x, k, padding=len(k) - 1) - full).max()
    print(f"{'without the flip it is another thing:':66}{apart:9.1e}")
    return layer(stage, x, k), full


def sizes(stage):
    """The formula against the layer for every combination; returns how many were compared."""
    combinations = [c for c in product(range(1, 13), range(1, 6), range(4), range(1, 5)) if c[0] + 2 * c[2] >= c[1]]
    for W, F, P, S in combinations:
        y = layer(stage, np.zeros(W), np.zeros(F), padding=P, stride=S)
        if len(y) != output_size(W, F, P, S):
            raise RuntimeError(f"W {W}, F {F}, P {P}, S {S}: {len(y)} outputs, not {output_size(W, F, P, S)}")
    return len(combinations)


def picture(stage):
    """Three dots and a comet: convolution writes the comet at each dot, the layer writes it turned round."""
    image = np.zeros((24, 24))
    image[[5, 12, 18], [6, 16, 8]] = 1, 0.7, 0.4
    kernel = np.tril(np.exp(-0.5 * np.arange(7))[:, None] * np.ones(7))
    signal = np.zeros(60)
    signal[[12, 30, 34]] = 1, 0.6, 0.8
    tail = np.exp(-0.3 * np.arange(12))

    figure, axes = plt.subplots(1, 5, figsize=(15, 3.2), width_ratios=[0.6, 1, 1, 1, 1.6])
    shown = {
        "kernel": kernel,
        "image": image,
        "convolution\n= the layer, kernel flipped": layer(stage, image, np.flip(kernel), padding=3),
        "the layer:\ncross-correlation": layer(stage, image, kernel, padding=3),
    }
    for ax, (title, a) in zip(axes, shown.items()):
        ax.imshow(a, cmap="Blues")
        ax.set_title(title, fontsize=10)
        ax.set(xticks=[], yticks=[])
    axes[4].stem(signal, markerfmt=" ", basefmt=" ", linefmt="0.6", label="signal")
    axes[4].plot(convolve(signal, tail)[:60], label="convolution: after")
    axes[4].plot(layer(stage, signal, tail, padding=11)[11:], "--", label="layer: before")
    axes[4].set_title("a decaying kernel", fontsize=10)
    axes[4].legend(fontsize=8)
    figure.tight_layout()
    return figure


def main(argv: Sequence[str] | None = None):
    stage = Stage("convolution_by_definition", __doc__, argv)
    print(f"{'largest difference':>75}")
    found = [compare(stage, 1, 50, 7), compare(stage, 2, 10 if stage.smoke else 32, 5)]
    print(f"\nN = (W - F + 2P) / S + 1 holds in all {sizes(stage)} combinations of W < 13, F < 6, P < 4, S < 5:")
    for W, F, P, S in ((7, 3, 0, 1), (7, 3, 1, 1), (7, 3, 1, 2), (227, 11, 0, 4), (224, 7, 3, 2)):
        x, k = np.zeros((W, W), np.float32), np.zeros((F, F), np.float32)
        shape = layer(stage, x, k, padding=P, stride=S).shape
        print(f"  {W:3} x {W:<3} kernel {F:2}, padding {P}, stride {S}: {shape[0]:3} x {shape[1]}")
    stage.save(picture(stage), "convolution_by_definition")
    return found


if __name__ == "__main__":
    main()
