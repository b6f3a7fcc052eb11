"""What the other services answer, as our errors: the job fails with their reason, or tries again."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from voicebox_kit.errors import Code, Exhausted, TooSlow, Unavailable, VoiceboxError
from voicebox_kit.peer_calls import details_of


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
    details = details_of(error)
    reason = details.reason
    sentence = error.details() or f"{name} answers {error.code().name}."
    match error.code():
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED | grpc.StatusCode.UNKNOWN:
            return Unavailable(reason or f"{name.upper()}_UNREACHABLE", f"{name} does not answer: {sentence}")
        case grpc.StatusCode.INTERNAL if not reason:  # a connection that broke while it was written to
            return Unavailable(f"{name.upper()}_UNREACHABLE", f"{name} does not answer: {sentence}")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return Exhausted(reason or "EXHAUSTED", sentence, details.retry_seconds)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return TooSlow(reason or f"{name.upper()}_TOO_SLOW", sentence)
        case code:
            number = code.value[0]
            known = Code(number) if number in set(Code) else Code.FAILED_PRECONDITION
            return PeerError(known, reason or code.name, sentence)
