"""A line for every denial and every write."""
