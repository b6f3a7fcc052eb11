"""The asr service's configuration: every variable that it reads, with its default."""

from collections.abc import Mapping
from dataclasses import dataclass

from voicebox_kit import variables
from voicebox_kit.server import grace_seconds


@dataclass(frozen=True)
class Settings:
    """Read once, at start."""

    address: str
    metrics_address: str
    grace_seconds: float
    engine: str
    device: str
    streams: int
    queue: int
    idle_seconds: float

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            address=variables.address(env, "ASR_ADDRESS", "127.0.0.1:50052"),
            metrics_address=variables.address(env, "ASR_METRICS_ADDRESS", "127.0.0.1:9092"),
            grace_seconds=grace_seconds(env),
            engine=variables.text(env, "ASR_ENGINE", "pocketsphinx"),
            device=variables.text(env, "ASR_DEVICE", "auto"),
            streams=variables.integer(env, "ASR_STREAMS", 2, 1, 1024),
            queue=variables.integer(env, "ASR_QUEUE", 16, 0, 100_000),
            idle_seconds=variables.seconds(env, "ASR_IDLE_SECONDS", 300.0, 0.1),
        )
