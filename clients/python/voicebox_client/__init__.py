"""A small typed client for voicebox: `Client`, `AsyncClient`, and the one error that they raise."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .async_client import AsyncClient
    from .client import Client
    from .errors import VoiceboxClientError
    from .health import Health
    from .retry import RetryPolicy
    from .speech import AsyncSpeech, Speech

__all__ = ["AsyncClient", "AsyncSpeech", "Client", "Health", "RetryPolicy", "Speech", "VoiceboxClientError"]

_MODULES = {
    "AsyncClient": "async_client",
    "AsyncSpeech": "speech",
    "Client": "client",
    "Health": "health",
    "RetryPolicy": "retry",
    "Speech": "speech",
    "VoiceboxClientError": "errors",
}


def __getattr__(name: str) -> object:
    """Imports a name when it is first used: importing gRPC takes longer than `voicebox --help` should."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
