"""A client of accounts."""

from collections.abc import Collection
from pathlib import Path

import grpc
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import accounts_pb2_grpc
from voicebox_kit import principal, request_id
from voicebox_kit.errors import Exhausted, Unavailable
from voicebox_kit.peer_calls import details_of

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
        metadata = ((principal.HEADER, record.owner), *_metadata())
        await self._usage.RecordUsage(pb.RecordUsageRequest(record=record), timeout=timeout_seconds, metadata=metadata)


def _metadata() -> tuple[tuple[str, str], ...]:
    return ((request_id.HEADER, request_id.current.get() or "-"),)


def _as_ours(error: grpc.aio.AioRpcError) -> Exception:
    match error.code():
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            details = details_of(error)
            return Exhausted(
                details.reason or "LIMIT_REACHED", error.details() or "A limit is reached.", details.retry_seconds
            )
        case _:
            return Unavailable("ACCOUNTS_UNREACHABLE", "It is not known whether a limit allows this: try again.")
