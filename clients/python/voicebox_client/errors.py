"""The one error that the client raises when the platform says no or does not answer."""

from collections.abc import Mapping
from types import MappingProxyType

NO_METADATA: Mapping[str, str] = MappingProxyType({})


class VoiceboxClientError(Exception):
    """A call failed.

    code           the gRPC status, as in `NOT_FOUND`
    reason         a stable UPPER_CASE word, as in `PROFILE_NOT_FOUND`; `NO_ANSWER` when no server was reached,
                   `CONNECTION_LOST` when it was lost during the call,
                   `STREAM_CUT_SHORT` when a stream ended too early, else the code when the server gave no reason
    sentence       what happened, for people
    field          the path of the request field at fault, as in `audio.sample_rate_hz`; empty when none is named
    metadata       further facts from the server, such as `request_id`
    retry_seconds  when the server accepts another attempt; None when it does not say
    """

    def __init__(
        self,
        code: str,
        reason: str,
        sentence: str,
        *,
        field: str = "",
        metadata: Mapping[str, str] = NO_METADATA,
        retry_seconds: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.reason = reason
        self.sentence = sentence
        self.field = field
        self.metadata = metadata
        self.retry_seconds = retry_seconds


def cut_short(what: str) -> VoiceboxClientError:
    """The error of a stream that ended without its `finished` event."""
    sentence = f"The {what} was cut short: the server's stream ended before it was finished."
    return VoiceboxClientError("DATA_LOSS", "STREAM_CUT_SHORT", sentence)


def peer_lost() -> VoiceboxClientError:
    """The error of a call whose server went away while it was written to."""
    return VoiceboxClientError("UNAVAILABLE", "NO_ANSWER", "The server went away while it was written to.")


def connection_lost(*, received: bool) -> VoiceboxClientError:
    """The error of a call whose connection broke off, after some of its answer was `received` or before."""
    rest = (
        "what was received so far is not complete" if received else "whether the request was carried out is not known"
    )
    return VoiceboxClientError("UNAVAILABLE", "CONNECTION_LOST", f"The connection to the service was lost: {rest}.")
