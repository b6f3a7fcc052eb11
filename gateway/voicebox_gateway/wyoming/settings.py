"""Every variable that the Wyoming bridge reads, with its default."""

from collections.abc import Mapping
from dataclasses import dataclass

from voicebox_kit import server, variables


@dataclass(frozen=True)
class Settings:
    """Where the bridge listens, which services it calls, and its limits. Addresses are `host:port`."""

    address: str
    tts_address: str
    asr_address: str
    catalog_address: str
    max_connections: int
    idle_seconds: float  # a peer that neither sends nor reads for this long is disconnected
    turn_seconds: float  # the longest speech or recognition
    grace_seconds: float


def read(env: Mapping[str, str]) -> Settings:
    """The settings that `env` asks for. Raises StartError naming the variable that does not fit."""
    return Settings(
        address=variables.address(env, "WYOMING_ADDRESS", "127.0.0.1:10300"),
        tts_address=variables.address(env, "TTS_ADDRESS", "127.0.0.1:50051"),
        asr_address=variables.address(env, "ASR_ADDRESS", "127.0.0.1:50052"),
        catalog_address=variables.address(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
        max_connections=variables.integer(env, "WYOMING_MAX_CONNECTIONS", 64, 1, 100_000),
        idle_seconds=variables.seconds(env, "WYOMING_IDLE_SECONDS", 300.0, 0.001),
        turn_seconds=variables.seconds(env, "WYOMING_TURN_SECONDS", 3600.0, 0.001),
        grace_seconds=server.grace_seconds(env),
    )
