"""Trains adapters of Whisper, with torch: LoRA on the weights that asr serves."""
