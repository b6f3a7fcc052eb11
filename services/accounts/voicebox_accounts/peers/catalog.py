"""A client of the catalog, for everything of one owner."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_kit.errors import AlreadyExists, Unavailable
from voicebox_kit.peer_calls import details_of, metadata_for

LONGEST_SECONDS = 600.0
PAGE_ROWS = 200


class Catalog:
    """A channel to the catalog service, made in the event loop that uses it. Raises Unavailable when it does not
    answer.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: catalog_pb2_grpc.CatalogServiceAsyncStub = catalog_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[assignment]

    async def move(self, owner: str, new_owner: str) -> pb.OwnerContents:
        """Give everything to another owner. AlreadyExists for a name that both have."""
        request = pb.MoveOwnerRequest(owner=owner, new_owner=new_owner)
        try:
            return await self._stub.MoveOwner(request, timeout=LONGEST_SECONDS, metadata=metadata_for(owner))
        except grpc.aio.AioRpcError as error:
            raise _as_ours(error) from error

    async def delete(self, owner: str, *, force: bool) -> pb.OwnerContents:
        """What there is; with `force` it is deleted."""
        request = pb.DeleteOwnerRequest(owner=owner, force=force)
        try:
            return await self._stub.DeleteOwner(request, timeout=LONGEST_SECONDS, metadata=metadata_for(owner))
        except grpc.aio.AioRpcError as error:
            raise _as_ours(error) from error

    async def profiles(self, owner: str) -> AsyncIterator[pb.Profile]:
        """All profiles that are not deleted."""
        async for page in _pages(self._stub.ListProfiles, pb.ListProfilesRequest(page_size=PAGE_ROWS), owner):
            for profile in page.profiles:
                yield profile

    async def lexicons(self, owner: str) -> AsyncIterator[pb.Lexicon]:
        """All lexicons, with their entries."""
        async for page in _pages(self._stub.ListLexicons, pb.ListLexiconsRequest(page_size=PAGE_ROWS), owner):
            for listed in page.lexicons:
                whole = pb.GetLexiconRequest(name=listed.name)
                yield await self._stub.GetLexicon(whole, timeout=LONGEST_SECONDS, metadata=metadata_for(owner))

    async def transcriptions(self, owner: str) -> AsyncIterator[pb.Transcription]:
        """All transcriptions, with their utterances."""
        request = pb.ListTranscriptionsRequest(page_size=PAGE_ROWS)
        async for page in _pages(self._stub.ListTranscriptions, request, owner):
            for listed in page.transcriptions:
                whole = pb.GetTranscriptionRequest(name=listed.name)
                yield await self._stub.GetTranscription(whole, timeout=LONGEST_SECONDS, metadata=metadata_for(owner))

    async def profile_archive(self, owner: str, name: str) -> AsyncIterator[bytes]:
        """A profile, as a zip file in pieces."""
        request = pb.ExportProfileRequest(name=name)
        async for part in self._stub.ExportProfile(request, timeout=LONGEST_SECONDS, metadata=metadata_for(owner)):
            yield part.body.data

    async def generation_archive(self, owner: str) -> AsyncIterator[bytes]:
        """All generations, as a zip file in pieces."""
        request = pb.ExportGenerationsRequest()
        async for part in self._stub.ExportGenerations(request, timeout=LONGEST_SECONDS, metadata=metadata_for(owner)):
            yield part.body.data

    async def transcription_audio(self, owner: str, name: str) -> AsyncIterator[bytes]:
        """A transcription's audio in pieces."""
        request = pb.DownloadTranscriptionAudioRequest(name=name)
        call = self._stub.DownloadTranscriptionAudio(request, timeout=LONGEST_SECONDS, metadata=metadata_for(owner))
        async for part in call:
            yield part.body.data


async def _pages(listed: Callable[..., Awaitable[Any]], request: Any, owner: str) -> AsyncIterator[Any]:
    """All pages of a list."""
    while True:
        page = await listed(request, timeout=LONGEST_SECONDS, metadata=metadata_for(owner))
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _as_ours(error: grpc.aio.AioRpcError) -> Exception:
    if error.code() is grpc.StatusCode.ALREADY_EXISTS:
        details = details_of(error)
        if details.resource_type:
            return AlreadyExists(details.resource_type, details.resource_name)
    return Unavailable("CATALOG_UNREACHABLE", f"The catalog did not do it: {error.details() or error.code().name}")
