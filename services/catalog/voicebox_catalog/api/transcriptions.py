"""The RPCs of transcriptions."""

from collections.abc import AsyncIterator

from google.protobuf.empty_pb2 import Empty
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_blobs.blobs import Blobs
from voicebox_sql.clock import Clock

from voicebox_catalog.store.filters import TRANSCRIPTION_FIELDS
from voicebox_catalog.store.transcriptions import TranscriptionStore

from .downloads import Download
from .history import HistoryMethods, RecordKind
from .transcription_messages import CHANGES, from_transcription, to_listed, to_transcription

MAX_BYTES = 256 * 1024 * 1024
"""Of a recording."""


class Transcriptions:
    """Each method answers one RPC for the owner that calls."""

    def __init__(self, store: TranscriptionStore, blobs: Blobs, clock: Clock) -> None:
        form = RecordKind(
            "transcription", TRANSCRIPTION_FIELDS, MAX_BYTES, to_transcription, to_listed, from_transcription, CHANGES
        )
        self._history = HistoryMethods(form, store, blobs, clock)

    async def record(self, requests: AsyncIterator[pb.RecordTranscriptionRequest], owner: str) -> pb.Transcription:
        return await self._history.record(requests, await anext(requests, pb.RecordTranscriptionRequest()), owner)

    async def get(self, request: pb.GetTranscriptionRequest, owner: str) -> pb.Transcription:
        return await self._history.get(request.name, owner)

    async def list(self, request: pb.ListTranscriptionsRequest, owner: str) -> pb.ListTranscriptionsResponse:
        found, more = await self._history.page(request, owner)
        return pb.ListTranscriptionsResponse(transcriptions=found, next_page_token=more)

    async def update(self, request: pb.UpdateTranscriptionRequest, owner: str) -> pb.Transcription:
        return await self._history.update(request.transcription, request.update_mask, owner)

    async def delete(self, request: pb.DeleteTranscriptionRequest, owner: str) -> Empty:
        await self._history.delete(request.name, owner)
        return Empty()

    async def download(
        self, request: pb.DownloadTranscriptionAudioRequest, owner: str, requested_range: str
    ) -> Download:
        return await self._history.download(request.name, owner, requested_range)
