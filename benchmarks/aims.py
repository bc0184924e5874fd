"""How fast the kernels should be: step time over torch's, with the same threads and raised allocator thresholds.

They are what was reached where each algorithm was worked out on its own (two cores, AVX-512), so that a kernel which
falls behind is seen. Rows are found by the beginning of their name, the first that fits.
"""

from __future__ import annotations

AIMS = {
    "tiny MLP": 0.33,
    "MLP 784-256-10": 0.55,
    "LeNet": 1.0,
    "ResNet block": 1.15,
    "Transformer layer": 0.75,
    "Sigmoid: 8M": 1.35,
    "SiLU: 8M": 1.9,
    "Tanh: 8M": 0.38,
    "Softplus: 8M": 1.1,
    "GELU: 8M": 2.3,
    "ReLU: 8M": 1.1,
    "ELU: 8M": 1.05,
    "scaled_dot_product_attention: B8 h8 T256 d32": 0.8,
    "scaled_dot_product_attention: h8 T2048 d64 causal": 0.6,
    "scaled_dot_product_attention: h8 T2048 d64": 0.65,
    "BatchNorm2d: 32x64x56x56": 1.1,
    "LayerNorm: 8192 rows of 768": 2.8,
    "GroupNorm:": 2.5,
    "CrossEntropyLoss: 4096x1000": 0.9,
    "Conv1d: k5 64->128, 512": 1.2,
    "Conv2d: 3x3 64->64, 56": 1.1,
    "Conv2d: 1x1 256->64, 56": 0.7,
    "Conv2d: 3x3 stride 2": 1.2,
    "Conv2d: 3x3 dilation 2": 1.15,
    "Conv2d: 5x5 6->12, 12": 1.2,
    "Conv2d: 7x7 stride 2 3->64, 224, no dx": 1.6,
    "Conv2d: 7x7 stride 2 3->64, 224": 0.85,
    "Conv2d: depthwise 3x3": 0.9,
    "ConvTranspose2d: 4x4 stride 2": 1.4,
    "Dropout: 8M": 0.17,
    "Embedding: 10k x 256, 8192 tokens": 0.75,
    "Linear: 1024x1024, 2048 rows": 0.5,
    "MaxPool2d: 2x2 (32": 0.6,
    "MaxPool2d: 3x3 stride 2": 0.9,
    "AvgPool2d: 2x2 (32": 0.4,
    "Softmax: 4096 rows of 1024": 1.6,
    "LSTM:": 1.5,
    "GRU:": 0.6,
    "RNN:": 0.45,
}


def aim(name: str) -> float | None:
    """The aim of the row of this name, if there is one."""
    return next((value for start, value in AIMS.items() if name.startswith(start)), None)
