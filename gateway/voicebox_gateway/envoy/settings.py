"""Every variable that the gateway reads, with its default."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicebox_kit import hosts, logs, server, tracing, variables
from voicebox_kit.authentication import AuthenticationSettings
from voicebox_kit.errors import StartError
from voicebox_kit.tls import TlsSettings

from voicebox_gateway import origins

MIB = 1024 * 1024

DEFAULT_ADDRESS = "127.0.0.1:8080"
"""Where the clients look for a gateway, too."""


@dataclass(frozen=True)
class Settings:
    """Where the gateway listens, which services it forwards to, and its limits. Addresses are `host:port`."""

    address: str
    tls: tuple[Path, Path] | None  # PEM files: the certificate with its chain, and its key
    services_tls: TlsSettings | None  # how the services are called
    admin_address: str  # empty: a Unix socket in a private folder, which no web page and no other user can reach
    metrics_address: str  # empty: nobody reads Envoy's statistics
    traces_address: str  # of a collector; empty: nobody gets traces
    tts_address: str
    asr_address: str
    conversion_address: str
    catalog_address: str
    jobs_address: str
    web_address: str
    accounts_address: str
    authenticates: bool  # each request is decided about by accounts
    cors_origins: tuple[str, ...]  # whose pages may call; `none` fits no page, `*` in a pattern fits anything
    hosts: tuple[str, ...]  # by which names it may be called, beside IP addresses and localhost
    worker_threads: int
    unary_seconds: float
    stream_idle_seconds: float
    session_idle_seconds: float
    connection_idle_seconds: float
    health_seconds: float
    max_request_bytes: int
    max_response_bytes: int
    max_connections: int
    max_streams: int
    max_heap_bytes: int  # 0: no limit
    grace_seconds: float
    logs_calls: bool  # else only those that the gateway itself refused or could not forward


def read(env: Mapping[str, str]) -> Settings:
    """The settings that `env` asks for. Raises StartError naming the variable that does not fit."""
    return Settings(
        tls=_tls(env),
        services_tls=TlsSettings.read(env),
        address=_listen_address(env, "GATEWAY_ADDRESS", DEFAULT_ADDRESS),
        admin_address=_admin_address(env),
        metrics_address=_metrics_address(env),
        traces_address=tracing.collector(env),
        tts_address=variables.peer(env, "TTS_ADDRESS", "127.0.0.1:50051"),
        asr_address=variables.peer(env, "ASR_ADDRESS", "127.0.0.1:50052"),
        conversion_address=variables.peer(env, "CONVERSION_ADDRESS", "127.0.0.1:50057"),
        catalog_address=variables.peer(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
        jobs_address=variables.peer(env, "JOBS_ADDRESS", "127.0.0.1:50056"),
        web_address=variables.peer(env, "WEB_ADDRESS", "127.0.0.1:50054"),
        accounts_address=variables.peer(env, "ACCOUNTS_ADDRESS", "127.0.0.1:50055"),
        authenticates=AuthenticationSettings.read(env).is_on,
        cors_origins=origins.allowed(env),
        hosts=hosts.allowed(env),
        worker_threads=variables.integer(env, "GATEWAY_THREADS", 2, 1, 256),
        unary_seconds=variables.seconds(env, "GATEWAY_UNARY_SECONDS", 120.0, 0.001),
        stream_idle_seconds=variables.seconds(env, "GATEWAY_STREAM_IDLE_SECONDS", 300.0, 0.001),
        session_idle_seconds=variables.seconds(env, "GATEWAY_SESSION_IDLE_SECONDS", 3600.0, 0.001),
        connection_idle_seconds=variables.seconds(env, "GATEWAY_CONNECTION_IDLE_SECONDS", 60.0, 0.001),
        health_seconds=variables.seconds(env, "GATEWAY_HEALTH_SECONDS", 1.0, 0.001),
        max_request_bytes=variables.integer(env, "GATEWAY_MAX_REQUEST_BYTES", 4 * MIB, 1024, 1024 * MIB),
        max_response_bytes=variables.integer(env, "GATEWAY_MAX_RESPONSE_BYTES", 32 * MIB, 1024, 1024 * MIB),
        max_connections=variables.integer(env, "GATEWAY_MAX_CONNECTIONS", 10_000, 1, 10_000_000),
        max_streams=variables.integer(env, "GATEWAY_MAX_STREAMS", 4096, 1, 10_000_000),
        max_heap_bytes=variables.integer(env, "GATEWAY_MAX_HEAP_BYTES", 0, 0, 1 << 50),
        grace_seconds=server.grace_seconds(env),
        logs_calls=logs.has_calls(env),
    )


def _tls(env: Mapping[str, str]) -> tuple[Path, Path] | None:
    certificate, key = env.get("GATEWAY_TLS_CERTIFICATE"), env.get("GATEWAY_TLS_KEY")
    if not certificate and not key:
        return None
    if not certificate or not key:
        raise StartError("GATEWAY_TLS_CERTIFICATE and GATEWAY_TLS_KEY must both be set, or neither.")
    for name, path in (("GATEWAY_TLS_CERTIFICATE", certificate), ("GATEWAY_TLS_KEY", key)):
        if not Path(path).is_file():
            raise StartError(f"{name} names no file: {path}.")
    return Path(certificate).absolute(), Path(key).absolute()


def _admin_address(env: Mapping[str, str]) -> str:
    if not env.get("GATEWAY_ADMIN_ADDRESS"):
        return ""
    address = _listen_address(env, "GATEWAY_ADMIN_ADDRESS", "127.0.0.1:9901")
    if address.endswith(":0"):
        raise StartError("GATEWAY_ADMIN_ADDRESS must name its port: only GATEWAY_ADDRESS may be any free one.")
    return address


def _metrics_address(env: Mapping[str, str]) -> str:
    name = "GATEWAY_METRICS_ADDRESS"
    return _listen_address(env, name, "127.0.0.1:9094") if env.get(name) else ""


def _listen_address(env: Mapping[str, str], name: str, default: str) -> str:
    address = variables.address(env, name, default)
    host = address.rpartition(":")[0].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise StartError(f"{name} must be an IP address and a port, such as {default}, not {address!r}.") from None
    return address
