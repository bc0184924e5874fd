"""What several twins of attention modules share."""

from torch.func import functional_call


def with_unseen_bias(layer, x):
    """layer(x), whose bias what follows takes away again: a batch norm in training, or a softmax over the places.

    The gradient of such a bias is 0. autograd would give the rounding errors of a sum that cancels; here it gives none.
    """
    return functional_call(layer, {"bias": layer.bias.detach()}, (x,))


__all__ = ["with_unseen_bias"]
