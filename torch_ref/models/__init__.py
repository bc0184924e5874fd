"""The twins of scratch.models: the same networks in PyTorch, forward only, with the same state_dict keys."""

__all__ = []
