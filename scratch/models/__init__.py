"""Whole networks and the blocks of papers, composed of the topics: forward and backward written out."""

__all__ = []
