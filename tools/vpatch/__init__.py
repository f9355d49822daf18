"""Carry upstream vLLM pull requests as a series of patches, and know their state."""

__version__ = "0.1.0"
