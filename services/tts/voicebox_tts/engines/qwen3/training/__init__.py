"""Trains adapters of Qwen3-TTS: LoRA on our own modules, with the losses that inference needs."""
