"""A client of the catalog: the recordings of a profile."""

from collections.abc import AsyncIterator, Sequence

import grpc
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox_kit.peer_calls import metadata_for

from .errors import peer_errors

CALL_SECONDS = 30.0
DOWNLOAD_SECONDS = 600.0
PAGE = 200


class Catalog:
    """A channel to the catalog, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: catalog_pb2_grpc.CatalogServiceAsyncStub = catalog_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[assignment]

    async def samples(self, profile: str, owner: str) -> Sequence[str]:
        """The names of a profile's samples, without those that are excluded. VoiceboxError."""
        found: list[str] = []
        token = ""
        with peer_errors("catalog"):
            while True:
                request = catalog_pb2.ListSamplesRequest(parent=profile, page_size=PAGE, page_token=token)
                page = await self._stub.ListSamples(request, timeout=CALL_SECONDS, metadata=metadata_for(owner))
                found += [sample.name for sample in page.samples if not sample.excluded]
                token = page.next_page_token
                if not token:
                    return found

    async def audio(self, sample: str, owner: str) -> AsyncIterator[bytes]:
        """A sample's recording as it was uploaded. VoiceboxError."""
        request = catalog_pb2.DownloadSampleAudioRequest(name=sample)
        with peer_errors("catalog"):
            async for answer in self._stub.DownloadSampleAudio(
                request, timeout=DOWNLOAD_SECONDS, metadata=metadata_for(owner)
            ):
                yield answer.body.data
