"""Orpheus TTS: a Llama whose tokens are codes of SNAC, read from its released weights by code of our own."""
