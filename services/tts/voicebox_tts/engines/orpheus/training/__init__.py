"""Training of adapters of Orpheus."""
