"""A client of conversion, for the voice models of one owner."""

from collections.abc import AsyncIterator

import grpc
from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox.conversion.v1 import conversion_pb2_grpc
from voicebox_kit.peer_calls import metadata_for

from .optional import LONGEST_SECONDS, Counts, reaching

KIND = "voice models"
EXPORT_SECONDS = 600.0


class Conversion:
    """As OptionalService. A channel to the conversion service, made in the event loop that uses it."""

    name, kinds = "conversion", (KIND,)
    export = ""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: conversion_pb2_grpc.VoiceModelServiceAsyncStub = conversion_pb2_grpc.VoiceModelServiceStub(channel)  # type: ignore[assignment]

    async def files(self, owner: str) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """The voice models as `.voicebox-voice` files."""
        request = pb.ListVoiceModelsRequest()
        while True:
            with reaching(self.name):
                page = await self._stub.ListVoiceModels(request, timeout=LONGEST_SECONDS, metadata=metadata_for(owner))
            for model in page.voice_models:
                yield f"{model.name}.voicebox-voice", self._archive(owner, model.name)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def _archive(self, owner: str, name: str) -> AsyncIterator[bytes]:
        request = pb.ExportVoiceModelRequest(name=name)
        with reaching(self.name):
            async for part in self._stub.ExportVoiceModel(
                request, timeout=EXPORT_SECONDS, metadata=metadata_for(owner)
            ):
                yield part.body.data

    async def move(self, owner: str, new_owner: str) -> Counts:
        request = pb.MoveOwnerRequest(owner=owner, new_owner=new_owner)
        with reaching(self.name):
            answer = await self._stub.MoveOwner(request, timeout=LONGEST_SECONDS, metadata=metadata_for(owner))
        return {KIND: answer.voice_model_count}

    async def delete(self, owner: str, *, force: bool) -> Counts:
        request = pb.DeleteOwnerRequest(owner=owner, force=force)
        with reaching(self.name):
            answer = await self._stub.DeleteOwner(request, timeout=LONGEST_SECONDS, metadata=metadata_for(owner))
        return {KIND: answer.voice_model_count}
