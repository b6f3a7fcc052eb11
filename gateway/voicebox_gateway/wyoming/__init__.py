"""A bridge from the Wyoming protocol, which Home Assistant speaks, to the tts and asr services."""
