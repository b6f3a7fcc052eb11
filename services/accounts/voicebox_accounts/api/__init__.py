"""The servicers: requests become calls of the core, and its answers messages."""
