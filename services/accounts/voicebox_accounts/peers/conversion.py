"""A client of conversion, for the voice models of one owner."""

import grpc
from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox.conversion.v1 import conversion_pb2_grpc
from voicebox_kit import principal, request_id
from voicebox_kit.errors import Unavailable

LONGEST_SECONDS = 60.0


class Conversion:
    """A channel to the conversion service, made in the event loop that uses it. Raises Unavailable when it does not
    answer.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: conversion_pb2_grpc.VoiceModelServiceAsyncStub = conversion_pb2_grpc.VoiceModelServiceStub(channel)  # type: ignore[assignment]

    async def move(self, owner: str, new_owner: str) -> int:
        """Give all voice models to another owner; how many there were."""
        request = pb.MoveOwnerRequest(owner=owner, new_owner=new_owner)
        try:
            answer = await self._stub.MoveOwner(request, timeout=LONGEST_SECONDS, metadata=_metadata(owner))
        except grpc.aio.AioRpcError as error:
            raise _as_ours(error) from error
        return int(answer.voice_model_count)

    async def delete(self, owner: str, *, force: bool) -> int:
        """How many voice models there are; with `force` they are deleted."""
        request = pb.DeleteOwnerRequest(owner=owner, force=force)
        try:
            answer = await self._stub.DeleteOwner(request, timeout=LONGEST_SECONDS, metadata=_metadata(owner))
        except grpc.aio.AioRpcError as error:
            raise _as_ours(error) from error
        return int(answer.voice_model_count)


def _metadata(owner: str) -> tuple[tuple[str, str], ...]:
    return ((principal.HEADER, owner), (request_id.HEADER, request_id.current.get() or "-"))


def _as_ours(error: grpc.aio.AioRpcError) -> Exception:
    return Unavailable("CONVERSION_UNREACHABLE", f"Conversion did not do it: {error.details() or error.code().name}")
