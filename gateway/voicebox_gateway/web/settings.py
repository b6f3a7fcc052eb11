"""Every variable that `web` reads, with its default."""

from collections.abc import Mapping
from dataclasses import dataclass

from voicebox_kit import hosts, server, variables
from voicebox_kit.authentication import AuthenticationSettings

from voicebox_gateway import origins
from voicebox_gateway.openai.services import Addresses


@dataclass(frozen=True)
class Settings:
    """Where `web` listens, which services it calls, how many Realtime sessions it holds at once, and whose pages may
    call it by which names. Addresses are `host:port`.
    """

    address: str
    addresses: Addresses
    max_sessions: int
    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    grace_seconds: float
    authentication: AuthenticationSettings
    accounts_address: str


def read(env: Mapping[str, str]) -> Settings:
    """The settings that `env` asks for. Raises StartError naming the variable that does not fit."""
    return Settings(
        address=variables.address(env, "WEB_ADDRESS", "127.0.0.1:50054"),
        addresses=Addresses(
            variables.peer(env, "TTS_ADDRESS", "127.0.0.1:50051"),
            variables.peer(env, "ASR_ADDRESS", "127.0.0.1:50052"),
            variables.peer(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
            variables.peer(env, "JOBS_ADDRESS", "127.0.0.1:50056"),
        ),
        hosts=hosts.allowed(env),
        origins=origins.allowed(env),
        max_sessions=variables.integer(env, "WEB_MAX_SESSIONS", 256, 1, 1_000_000),
        grace_seconds=server.grace_seconds(env),
        authentication=AuthenticationSettings.read(env),
        accounts_address=variables.peer(env, "ACCOUNTS_ADDRESS", "127.0.0.1:50055"),
    )
