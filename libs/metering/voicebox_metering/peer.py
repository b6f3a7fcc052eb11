"""A client of accounts."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import accounts_pb2_grpc
from voicebox_kit import principal, request_id
from voicebox_kit.errors import Exhausted, Unavailable
from voicebox_kit.status import DETAILS_HEADER

ANSWER_SECONDS = 2.0


class Accounts:
    """A channel to the accounts service, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._keys: accounts_pb2_grpc.KeyServiceAsyncStub = accounts_pb2_grpc.KeyServiceStub(channel)  # type: ignore[assignment]
        self._limits: accounts_pb2_grpc.LimitServiceAsyncStub = accounts_pb2_grpc.LimitServiceStub(channel)  # type: ignore[assignment]
        self._usage: accounts_pb2_grpc.UsageServiceAsyncStub = accounts_pb2_grpc.UsageServiceStub(channel)  # type: ignore[assignment]

    async def invalid_keys(self, keys: Collection[str]) -> set[str]:
        """Those of the keys that are no longer valid. grpc.aio.AioRpcError."""
        answer = await self._keys.FindInvalidKeys(pb.FindInvalidKeysRequest(keys=keys), timeout=ANSWER_SECONDS)
        return set(answer.keys)

    async def reserve(self, request: pb.ReserveWorkRequest) -> None:
        """Raises Exhausted when a limit does not allow it, Unavailable when accounts does not answer."""
        try:
            await self._limits.ReserveWork(request, timeout=ANSWER_SECONDS, metadata=_metadata())
        except grpc.aio.AioRpcError as error:
            raise _as_ours(error) from error

    async def renew(self, request: pb.RenewWorkRequest) -> None:
        """As `reserve`."""
        try:
            await self._limits.RenewWork(request, timeout=ANSWER_SECONDS, metadata=_metadata())
        except grpc.aio.AioRpcError as error:
            raise _as_ours(error) from error

    async def record(self, record: pb.UsageRecord, _data: Path, timeout_seconds: float) -> None:
        """Record a piece of work that ended. grpc.aio.AioRpcError."""
        metadata = ((principal.HEADER, record.owner),)
        await self._usage.RecordUsage(pb.RecordUsageRequest(record=record), timeout=timeout_seconds, metadata=metadata)


def _metadata() -> tuple[tuple[str, str], ...]:
    return ((request_id.HEADER, request_id.current.get() or "-"),)


def _as_ours(error: grpc.aio.AioRpcError) -> Exception:
    match error.code():
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            reason, retry_seconds = _details(error)
            return Exhausted(reason, error.details() or "A limit is reached.", retry_seconds)
        case _:
            return Unavailable("ACCOUNTS_UNREACHABLE", "It is not known whether a limit allows this: try again.")


def _details(error: grpc.aio.AioRpcError) -> tuple[str, float | None]:
    """The reason, and when to try again."""
    pairs: Any = error.trailing_metadata() or ()  # which its type does not say
    packed = dict(pairs).get(DETAILS_HEADER, b"")
    reason, retry_seconds = "LIMIT_REACHED", None
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status_pb2.Status.FromString(packed).details:
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(retry):
            retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()
    return reason, retry_seconds
