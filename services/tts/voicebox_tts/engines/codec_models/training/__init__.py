"""Training of adapters of these models."""
