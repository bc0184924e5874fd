"""Whole stories: one short script each, `python -m examples.<name>`, in scratch or with --torch on its PyTorch twin."""
