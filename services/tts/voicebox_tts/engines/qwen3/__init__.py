"""Qwen3-TTS, read from its released weights by code of our own: streamed frame by frame, many streams on one model."""
