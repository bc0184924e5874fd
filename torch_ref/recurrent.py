"""torch's own recurrent networks."""

from torch.nn import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN"]
