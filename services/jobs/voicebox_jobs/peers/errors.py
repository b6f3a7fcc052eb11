"""What the other services answer, as our errors: the job fails with their reason, or tries again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from voicebox_kit import principal, request_id
from voicebox_kit.errors import Code, Exhausted, TooSlow, Unavailable, VoiceboxError
from voicebox_kit.status import DETAILS_HEADER


class PeerError(VoiceboxError):
    """A service refused, for this reason."""

    def __init__(self, code: Code, reason: str, sentence: str) -> None:
        super().__init__(reason, sentence)
        self.code = code


@contextmanager
def peer_errors(name: str) -> Iterator[None]:
    """Calls of the service with this name, as in `tts`."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise as_ours(error, name) from error


def as_ours(error: grpc.aio.AioRpcError, name: str) -> VoiceboxError:
    """The error of a service."""
    reason, retry_seconds = _details(error)
    sentence = error.details() or f"{name} answers {error.code().name}."
    match error.code():
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED | grpc.StatusCode.UNKNOWN:
            return Unavailable(reason or f"{name.upper()}_UNREACHABLE", f"{name} does not answer: {sentence}")
        case grpc.StatusCode.INTERNAL if not reason:  # a connection that broke while it was written to
            return Unavailable(f"{name.upper()}_UNREACHABLE", f"{name} does not answer: {sentence}")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return Exhausted(reason or "EXHAUSTED", sentence, retry_seconds)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return TooSlow(reason or f"{name.upper()}_TOO_SLOW", sentence)
        case code:
            number = code.value[0]
            known = Code(number) if number in set(Code) else Code.FAILED_PRECONDITION
            return PeerError(known, reason or code.name, sentence)


def metadata(owner: str) -> tuple[tuple[str, str], ...]:
    """Of a call for this owner."""
    return ((principal.HEADER, owner), (request_id.HEADER, request_id.current.get() or "-"))


def _details(error: grpc.aio.AioRpcError) -> tuple[str, float | None]:
    """The reason, and when to try again."""
    pairs: Any = error.trailing_metadata() or ()  # which its type does not say
    packed = dict(pairs).get(DETAILS_HEADER, b"")
    reason, retry_seconds = "", None
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status_pb2.Status.FromString(packed).details:
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(retry):
            retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()
    return reason, retry_seconds
