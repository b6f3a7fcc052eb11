"""A client of the catalog, as far as asr needs one: to keep a transcription."""

from collections.abc import AsyncIterator
from typing import IO

import grpc
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox_kit import principal, request_id
from voicebox_kit.uploads import answer_of

BLOCK_BYTES = 256 * 1024


class Catalog:
    """A channel to the catalog service, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: catalog_pb2_grpc.CatalogServiceAsyncStub = catalog_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[assignment]

    async def record(self, transcription: catalog_pb2.Transcription, audio: IO[bytes], timeout_seconds: float) -> str:
        """Keep a transcription with its audio; its name. AioRpcError as the catalog answers, Unavailable when it goes
        away meanwhile.
        """

        async def messages() -> AsyncIterator[catalog_pb2.RecordTranscriptionRequest]:
            yield catalog_pb2.RecordTranscriptionRequest(transcription=transcription)
            while block := audio.read(BLOCK_BYTES):
                yield catalog_pb2.RecordTranscriptionRequest(audio=block)

        metadata = ((principal.HEADER, transcription.owner), (request_id.HEADER, request_id.current.get() or "-"))
        return (
            await answer_of(self._stub.RecordTranscription(messages(), timeout=timeout_seconds, metadata=metadata))
        ).name
