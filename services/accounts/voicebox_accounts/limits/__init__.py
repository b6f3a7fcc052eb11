"""How much an owner or a key may use."""
