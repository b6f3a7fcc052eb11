"""A client of accounts: how many jobs an owner may have."""

import grpc
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import accounts_pb2_grpc
from voicebox_kit import principal

from .errors import metadata, peer_errors

CALL_SECONDS = 2.0


class Accounts:
    """A channel to accounts, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._limits: accounts_pb2_grpc.LimitServiceAsyncStub = accounts_pb2_grpc.LimitServiceStub(channel)  # type: ignore[assignment]

    async def max_jobs(self, owner: str) -> int | None:
        """How many jobs of the owner may be there that have not ended; None without a limit. VoiceboxError."""
        caller = principal.current.get()
        if caller is None or not caller.is_limited:
            return None
        request = pb.GetLimitsRequest(name=f"owners/{owner}/limits")
        with peer_errors("accounts"):
            limits = await self._limits.GetLimits(request, timeout=CALL_SECONDS, metadata=metadata(owner))
        return limits.concurrent_jobs if limits.HasField("concurrent_jobs") else None
