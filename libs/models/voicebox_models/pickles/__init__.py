"""Weights that come as pickles: a confined process of an engine reads them, and gives tensors as safetensors."""
