"""How a failed gRPC call becomes a VoiceboxClientError."""

from collections.abc import Iterable
from typing import Protocol, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from .errors import VoiceboxClientError, connection_lost

DETAILS_KEY = "grpc-status-details-bin"
# What gRPC itself says when it reached nobody; an answer from a server or a gateway reads otherwise.
UNREACHED = ("failed to connect to all addresses", "dns resolution failed", "errors resolving")
LOST_CODES = ("UNKNOWN", "UNAVAILABLE", "INTERNAL")
# What gRPC itself says when a connection breaks off during a call.
LOST = (
    "stream removed",
    "socket closed",
    "connection reset",
    "broken pipe",
    "goaway",
    "rst_stream",
    "internal error from core",
    "endpoint closing",
    "transport closed",
    "reset reason: connection termination",
)

Detail = TypeVar("Detail", bound=Message)


class _FailedCall(Protocol):
    """What grpc.Call and grpc.aio.AioRpcError both are."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...


def from_rpc_error(error: grpc.RpcError, *, received: bool = False) -> VoiceboxClientError:
    """Reads the status, and the google.rpc details where the server sent any. `received` says that some of the answer
    had come.
    """
    call = cast("_FailedCall", error)
    code, sentence = call.code().name, (call.details() or "").strip()
    status = _status(call.trailing_metadata() or ())
    if code in LOST_CODES and not status.details and any(words in sentence.lower() for words in LOST):
        return connection_lost(received=received)
    info = _detail(status, error_details_pb2.ErrorInfo)
    violations = _detail(status, error_details_pb2.BadRequest).field_violations
    retry = _detail(status, error_details_pb2.RetryInfo)
    return VoiceboxClientError(
        code,
        info.reason or _reason(code, sentence),
        sentence or code.lower().replace("_", " "),
        field=violations[0].field if violations else "",
        metadata=dict(info.metadata),
        retry_seconds=retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None,
    )


def _reason(code: str, sentence: str) -> str:
    reached = code != "UNAVAILABLE" or not any(words in sentence.lower() for words in UNREACHED)
    return code if reached else "NO_ANSWER"


def _status(metadata: Iterable[tuple[str, str | bytes]]) -> status_pb2.Status:
    packed = next((value for key, value in metadata if key == DETAILS_KEY), b"")
    try:
        return status_pb2.Status.FromString(packed if isinstance(packed, bytes) else b"")
    except DecodeError:
        return status_pb2.Status()


def _detail(status: status_pb2.Status, kind: type[Detail]) -> Detail:
    """The first detail of this kind, or an empty one."""
    detail = kind()
    next((any_ for any_ in status.details if any_.Unpack(detail)), None)
    return detail
