"""Every variable that the Wyoming bridge reads, with its default."""

from collections.abc import Mapping
from dataclasses import dataclass

from voicebox_kit import server, variables
from voicebox_kit.authentication import AuthenticationSettings
from voicebox_kit.errors import StartError


@dataclass(frozen=True)
class Settings:
    """Where the bridge listens, which services it calls, and its limits. Addresses are `host:port`."""

    address: str
    tts_address: str
    asr_address: str
    catalog_address: str
    authentication: AuthenticationSettings
    key: str  # with authentication: what every peer may do is what this key may
    gateway_address: str  # where the key is sent
    max_connections: int
    idle_seconds: float  # a peer that neither sends nor reads for this long is disconnected
    turn_seconds: float  # the longest speech or recognition
    grace_seconds: float


def read(env: Mapping[str, str]) -> Settings:
    """The settings that `env` asks for. Raises StartError naming the variable that does not fit."""
    key = variables.text(env, "WYOMING_API_KEY", "")
    authentication = AuthenticationSettings.read(env)
    if authentication.is_on and not key:
        raise StartError("With VOICEBOX_AUTH=keys, WYOMING_API_KEY must be a key with the scopes speak, hear and read.")
    return Settings(
        address=variables.address(env, "WYOMING_ADDRESS", "127.0.0.1:10300"),
        tts_address=variables.peer(env, "TTS_ADDRESS", "127.0.0.1:50051"),
        asr_address=variables.peer(env, "ASR_ADDRESS", "127.0.0.1:50052"),
        catalog_address=variables.peer(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
        authentication=authentication,
        key=key,
        gateway_address=variables.address(env, "GATEWAY_ADDRESS", "127.0.0.1:8080"),
        max_connections=variables.integer(env, "WYOMING_MAX_CONNECTIONS", 64, 1, 100_000),
        idle_seconds=variables.seconds(env, "WYOMING_IDLE_SECONDS", 300.0, 0.001),
        turn_seconds=variables.seconds(env, "WYOMING_TURN_SECONDS", 3600.0, 0.001),
        grace_seconds=server.grace_seconds(env),
    )
