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


# Why a row misses its aim, or takes more than twice PyTorch's time: passes over memory and products, counted.
REASONS = {
    "Identity": "a copy: what comes out never shares memory with what came in",
    "Flatten": "a copy: what comes out never shares memory with what came in",
    "Unflatten": "a copy: what comes out never shares memory with what came in",
    "LayerNorm": "11 passes in cache and 7 products with a vector, PyTorch one pass each way",
    "GroupNorm": "8 passes in cache and 4 products with a vector, PyTorch two passes each way",
    "InstanceNorm": "8 passes in cache and 4 products with a vector, PyTorch two passes each way",
    "BatchNorm1d: 256 rows": "10 passes in cache and 4 products with a vector, PyTorch two passes each way",
    "BatchNorm": "8 passes in cache and 4 products with a vector, PyTorch two passes each way",
    "GELU": "26 passes in cache, 16 of them the polynomial of the normal distribution and its tanh",
    "SiLU": "13 passes in cache, two of them exponentials",
    "SELU": "an exponential each way and the passes around it",
    "Hardswish": "12 passes in cache: a slope of three pieces is put together from clip and trunc",
    "Threshold": "6 passes forward: a comparison, and a product of integers that lets no nan through",
    "Hard": "a comparison, its bytes, and a product of integers that lets no nan through",
    "Softshrink": "a comparison, its bytes, and a product of integers that lets no nan through",
    "LeakyReLU": "2 and 3 passes in cache where PyTorch has one",
    "ReLU": "one pass forward, back a comparison and a product of integers that lets no nan through",
    "Sigmoid": "4 passes forward, 3 back, one of them an exponential",
    "Softplus": "7 passes forward, 5 back, three of them exponentials or logarithms",
    "GLU": "5 passes forward, 8 back, two of them exponentials",
    "Softmax": "6 passes in cache, one of them an exponential",
    "LogSoftmax": "7 passes in cache, two of them exponentials",
    "Conv2d: depthwise": "30 passes in cache: products with vectors, their sums, and copies for each kernel column",
    "Conv": "the products themselves: a copy of the image for each kernel column, and BLAS beside oneDNN",
    "LSTM": "100 products of 32 rows, one after the other on one thread, with some 18 calls of NumPy around each",
    "GRU": "100 products of 32 rows, at half of BLAS's speed",
    "RNN": "50 products of 32 rows, at half of BLAS's speed",
    "Linear": "three products, OpenBLAS beside PyTorch's MKL",
    "MultiheadAttention": "the attention and four linear layers, see there",
    "Embedding:": "the sparse one-hot matrix is made and multiplied, and the table's gradient filled with zeros",
    "Dropout:": "one pass for random bits, one to compare and scale; PyTorch draws one number at a time",
    "FeatureAlphaDropout": "two passes forward, one back, and a random number a channel",
    "NLLLoss: 8x": "an index for each place, read and written number by number",
    "MaxUnpool": "an index for each number: what is scattered is read number by number",
    "MaxPool": "a comparison and a byte for the winner at each place of the window",
    "AvgPool": "a sum along each axis in cache, then the division",
    "ChannelShuffle": "a copy by NumPy's loops over a transposed view each way",
    "cdist": "distances by a product in float64, which PyTorch makes in float32 or by differences",
    "pdist": "distances by a product in float64, which PyTorch makes in float32 or by differences",
    "ELU": "an exponential each way and the passes around it",
    "CELU": "an exponential each way and the passes around it",
    "tiny MLP": "what is left is the price of calls in Python",
    "LeNet": "steps of 0.1 to 1 ms, at which a second thread gains nothing: see 1 thread",
    "EmbeddingBag": "for the maximum 8 passes and two copies of rows for each index of a bag",
    "scaled_dot_product_attention": "7 products with 32 or 64 numbers a row, and 9 passes over the scores in cache",
    "Attention": "7 products with 64 numbers a row, and 9 passes over the scores in cache",
    "Transformer": "the layer norms, the GELU and the attention, see there",
    "ResNet block": "the 3x3 convolutions, see there",
    "MLP 784-256-10": "two products of a millisecond, OpenBLAS beside PyTorch's MKL, and small steps around them",
    "ConstantPad": "filled, then copied into row by row",
    "PositionalEncoding": "a sum and two copies, on one thread: what dropout gives shares no memory with what it got",
    "LearnedPositionalEncoding": "a sum, two copies and a sum over the batch, on one thread",
    "SpatialAttention": "the maximum over the channels and where it lies, in textbook code, on one thread",
    "ShuffleAttention": "copies, sums and stacks of halves of the channels, as the textbook writes them, on one thread",
    "Adaptive": "for maxima a copy that brings each window together, for averages a product with 0 and 1 an axis",
}


def reason(name: str) -> str:
    """Why the row of this name is no faster, where that is known."""
    return next((why for start, why in REASONS.items() if name.startswith(start)), "")
