"""Data sets and results of the training of adapters."""
