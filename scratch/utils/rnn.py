"""torch.nn.utils.rnn's names: sequences of different lengths, padded and packed (scratch/packed.py explains them)."""

from scratch.packed import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence

__all__ = ["PackedSequence", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence"]
