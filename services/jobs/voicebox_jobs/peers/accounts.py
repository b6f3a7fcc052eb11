"""A client of accounts: how many jobs an owner may have, and what jobs used."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import accounts_pb2_grpc
from voicebox_kit import principal
from voicebox_kit.authentication import Authentication
from voicebox_kit.channels import open_channel
from voicebox_kit.peer_calls import metadata_for

from voicebox_jobs.state import Counted

from .errors import peer_errors

CALL_SECONDS = 2.0


class Accounts:
    """A channel to accounts, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._limits: accounts_pb2_grpc.LimitServiceAsyncStub = accounts_pb2_grpc.LimitServiceStub(channel)  # type: ignore[assignment]
        self._usage: accounts_pb2_grpc.UsageServiceAsyncStub = accounts_pb2_grpc.UsageServiceStub(channel)  # type: ignore[assignment]

    async def max_jobs(self, owner: str) -> int | None:
        """How many jobs of the owner may be there that have not ended; None without a limit. VoiceboxError."""
        caller = principal.current.get()
        if caller is None or not caller.is_limited:
            return None
        request = pb.GetLimitsRequest(name=f"owners/{owner}/limits")
        with peer_errors("accounts"):
            limits = await self._limits.GetLimits(request, timeout=CALL_SECONDS, metadata=metadata_for(owner))
        return limits.concurrent_jobs if limits.HasField("concurrent_jobs") else None

    async def record(self, counted: Counted) -> None:
        """Record what was used; accounts counts it once, however often it comes. VoiceboxError."""
        record = pb.UsageRecord(
            work_id=counted.work_id,
            request_id=counted.job_id,
            owner=counted.owner,
            key=counted.key,
            model=counted.model,
            amounts=pb.Amounts(audio_ms=counted.audio_ms, compute_ms=counted.compute_ms),
        )
        record.kind = counted.kind  # type: ignore[assignment]
        record.end_time.FromMicroseconds(counted.end_us)
        request = pb.RecordUsageRequest(record=record)
        with peer_errors("accounts"):
            await self._usage.RecordUsage(request, timeout=CALL_SECONDS, metadata=metadata_for(counted.owner))


@asynccontextmanager
async def open_accounts(address: str, authentication: Authentication) -> AsyncIterator[Accounts | None]:
    """A channel to accounts; None without authentication."""
    if not authentication.is_on:
        yield None
        return
    async with open_channel(address, authentication) as channel:
        yield Accounts(channel)
