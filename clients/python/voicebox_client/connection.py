"""How both clients reach the platform: one address, the gateway's, for every service."""

from typing import Literal

DEFAULT_TARGET = "127.0.0.1:8080"
# Calls that only ask and answer.
TIMEOUT_SECONDS = 30.0
# Speech, recognition, uploads, downloads and the loading of models: the server paces speech to its listener,
# so that a stream lasts as long as its audio.
WORK_TIMEOUT_SECONDS = 3600.0

_LOOPBACK = ("127.", "localhost:", "[::1]:")

_OPTIONS: tuple[tuple[str, int], ...] = (
    # gRPC waits 1 s before it dials again; our retries come sooner than that and would all fail.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # The words of an hour of speech are more than gRPC's 4 MiB.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)

Metadata = tuple[tuple[str, str], ...]
ModelHost = Literal["tts", "asr", "conversion"]


def is_loopback(target: str) -> bool:
    """Whether the target is this machine, which no proxy of the environment can reach."""
    return target.startswith(_LOOPBACK)


def channel_options(target: str) -> tuple[tuple[str, int], ...]:
    """How gRPC shall connect."""
    return (*_OPTIONS, ("grpc.enable_http_proxy", int(not is_loopback(target))))


def host_metadata(host: ModelHost) -> Metadata:
    """ModelService is served by tts, asr and conversion alike; the gateway reads here which of them is meant."""
    return (("x-voicebox-service", host),)
