"""Errors as Wyoming's error events: a sentence, and our stable reason as the code."""

import logging

import grpc
from voicebox_kit.errors import VoiceboxError
from voicebox_kit.peer_calls import details_of

from .events import Event

log = logging.getLogger(__name__)


def error_event(error: Exception) -> Event:
    """The error event. Any other exception is a bug: it is logged, and the event has no details."""
    match error:
        case VoiceboxError():
            return _event(error.sentence, error.reason)
        case grpc.aio.AioRpcError():
            return _event(error.details() or "The service does not answer.", reason(error))
        case TimeoutError():
            return _event("The connection was idle for too long, or the answer took too long.", "TOO_SLOW")
        case _:
            log.error("a session broke", exc_info=error)
            return _event("internal error", "INTERNAL")


def _event(sentence: str, reason: str) -> Event:
    return Event("error", {"text": sentence, "code": reason})


def reason(error: grpc.aio.AioRpcError) -> str:
    """The reason of a service's error, or gRPC's code where it has none."""
    return details_of(error).reason or error.code().name
