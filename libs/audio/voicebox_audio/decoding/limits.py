"""How much of an untrusted file is read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The caps on one piece of audio. They are counted while it is decoded; no header is believed."""

    max_bytes: int = 64 * 1024 * 1024
    """Encoded bytes that are read."""
    max_seconds: float = 600.0
    """Decoded audio."""
    max_channels: int = 8
    min_rate_hz: int = 4_000
    """The lowest source rate. Without it 32 KB of WAV at 1 Hz would become 16,000 s of audio."""
    max_rate_hz: int = 192_000
    """The highest source rate."""
    wall_seconds: float = 30.0
    """From the call of `decode` to its last sample. A stream lasts as long as its speaker, and is bound by
    `cpu_seconds` alone.
    """
    cpu_seconds: int = 60
    """Processor time of the worker that decodes it."""
    memory_bytes: int = 256 * 1024 * 1024
    """Address space of that worker, beyond what it starts with and the bytes that it may keep."""
