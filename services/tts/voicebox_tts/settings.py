"""The tts service's configuration: every variable that it reads, with its default."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicebox_kit import variables
from voicebox_kit.server import grace_seconds


@dataclass(frozen=True)
class Settings:
    """Read once, at start."""

    address: str
    metrics_address: str
    catalog_address: str
    grace_seconds: float
    engine: str
    more_engines: tuple[str, ...]
    device: str
    streams: int
    queue: int
    idle_seconds: float
    ahead_seconds: float
    prompt_cache_bytes: int
    spool: Path
    spool_bytes: int

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        engine = variables.text(env, "TTS_ENGINE", "flite")
        more = variables.text(env, "TTS_MORE_ENGINES", "espeak")
        return cls(
            address=variables.address(env, "TTS_ADDRESS", "127.0.0.1:50051"),
            metrics_address=variables.address(env, "TTS_METRICS_ADDRESS", "127.0.0.1:9091"),
            catalog_address=variables.address(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
            grace_seconds=grace_seconds(env),
            engine=engine,
            more_engines=tuple(name for name in map(str.strip, more.split(",")) if name not in ("", "none", engine)),
            device=variables.text(env, "TTS_DEVICE", "auto"),
            streams=variables.integer(env, "TTS_STREAMS", 16, 1, 1024),
            queue=variables.integer(env, "TTS_QUEUE", 64, 0, 100_000),
            idle_seconds=variables.seconds(env, "TTS_IDLE_SECONDS", 300.0, 0.1),
            ahead_seconds=variables.seconds(env, "TTS_AHEAD_SECONDS", 15.0, 1.0),
            prompt_cache_bytes=variables.integer(env, "TTS_PROMPT_CACHE_BYTES", 64 * 1024 * 1024, 0, 1 << 40),
            spool=Path(variables.text(env, "VOICEBOX_DATA", "var")) / "tts" / "spool",
            spool_bytes=variables.integer(env, "TTS_SPOOL_BYTES", 1 << 30, 0, 1 << 50),
        )
