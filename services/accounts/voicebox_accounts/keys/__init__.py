"""The keys and tokens by which clients authenticate."""
