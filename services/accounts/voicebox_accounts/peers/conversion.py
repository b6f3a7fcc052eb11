"""A client of conversion, for the voice models of one owner."""

import grpc
from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox.conversion.v1 import conversion_pb2_grpc

from .optional import LONGEST_SECONDS, Counts, metadata, unreachable

KIND = "voice models"


class Conversion:
    """As OptionalService. A channel to the conversion service, made in the event loop that uses it."""

    name, kinds = "conversion", (KIND,)
    export = "Voice models are not part of this archive: export each with ExportVoiceModel."

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: conversion_pb2_grpc.VoiceModelServiceAsyncStub = conversion_pb2_grpc.VoiceModelServiceStub(channel)  # type: ignore[assignment]

    async def move(self, owner: str, new_owner: str) -> Counts:
        request = pb.MoveOwnerRequest(owner=owner, new_owner=new_owner)
        try:
            answer = await self._stub.MoveOwner(request, timeout=LONGEST_SECONDS, metadata=metadata(owner))
        except grpc.aio.AioRpcError as error:
            raise unreachable(self.name, error) from error
        return {KIND: answer.voice_model_count}

    async def delete(self, owner: str, *, force: bool) -> Counts:
        request = pb.DeleteOwnerRequest(owner=owner, force=force)
        try:
            answer = await self._stub.DeleteOwner(request, timeout=LONGEST_SECONDS, metadata=metadata(owner))
        except grpc.aio.AioRpcError as error:
            raise unreachable(self.name, error) from error
        return {KIND: answer.voice_model_count}
