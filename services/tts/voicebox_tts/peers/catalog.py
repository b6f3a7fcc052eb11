"""A client of the catalog: a profile's reference recording, and records of generations."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox_audio.pcm import from_s16le
from voicebox_kit.durations import to_duration
from voicebox_kit.errors import NotFound, Precondition, Unavailable
from voicebox_kit.peer_calls import details_of, metadata_for
from voicebox_kit.uploads import answer_of

from voicebox_tts.engine import LONGEST_REFERENCE_SECONDS, Reference
from voicebox_tts.job import Defaults

BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True)
class StoredReference:
    """A profile's reference, None when the caller's etag is still right, and how the profile speaks by default."""

    etag: str
    reference: Reference | None
    defaults: Defaults


@dataclass(frozen=True)
class StoredLexicon:
    """A lexicon; each entry is a written form, its alias and its phonemes.

    There are none when the caller's etag is still right.
    """

    etag: str
    language: str
    case_sensitive: bool
    entries: tuple[tuple[str, str, str], ...]


class Catalog:
    """A channel to the catalog service, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: catalog_pb2_grpc.CatalogServiceAsyncStub = catalog_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[assignment]

    async def reference(self, profile: str, known_etag: str, owner: str, timeout_seconds: float) -> StoredReference:
        """A profile's reference. NotFound, Precondition without a usable sample, Unavailable when the catalog does not
        answer.
        """
        longest = to_duration(LONGEST_REFERENCE_SECONDS)
        request = catalog_pb2.GetReferenceRequest(profile=profile, known_etag=known_etag, max_duration=longest)
        header, blocks = catalog_pb2.ReferenceHeader(), []
        try:
            async for answer in self._stub.GetReference(request, timeout=timeout_seconds, metadata=metadata_for(owner)):
                if answer.HasField("header"):
                    header = answer.header
                else:
                    blocks.append(answer.pcm_s16le)
        except grpc.aio.AioRpcError as error:
            unusable = "The profile has no usable sample."
            raise _as_ours(error, "profile", profile, unusable) from error
        if header.unchanged:
            return StoredReference(header.etag, None, _defaults(header.default_voice_settings))
        reference = Reference(from_s16le(b"".join(blocks)), header.sample_rate_hz, header.transcript)
        return StoredReference(header.etag, reference, _defaults(header.default_voice_settings))

    async def lexicon(self, name: str, known_etag: str, owner: str, timeout_seconds: float) -> StoredLexicon:
        """A lexicon. NotFound, or Unavailable when the catalog does not answer."""
        request = catalog_pb2.GetLexiconRequest(name=name, known_etag=known_etag)
        try:
            found = await self._stub.GetLexicon(request, timeout=timeout_seconds, metadata=metadata_for(owner))
        except grpc.aio.AioRpcError as error:
            raise _as_ours(error, "lexicon", name, "The lexicon cannot be used.") from error
        entries = tuple((entry.written, entry.alias, entry.phoneme) for entry in found.entries)
        return StoredLexicon(found.etag, found.language, found.case_sensitive, entries)

    async def record(self, generation: catalog_pb2.Generation, audio: Path, timeout_seconds: float) -> None:
        """Record a generation with its audio; grpc.aio.AioRpcError as the catalog answers, Unavailable when it goes
        away meanwhile.
        """

        # Opened here: what is raised inside of `messages` only cancels the call, which looks as if we were cancelled.
        with audio.open("rb") as file:

            async def messages() -> AsyncIterator[catalog_pb2.RecordGenerationRequest]:
                yield catalog_pb2.RecordGenerationRequest(generation=generation)
                while block := file.read(BLOCK_BYTES):
                    yield catalog_pb2.RecordGenerationRequest(audio=block)

            await answer_of(
                self._stub.RecordGeneration(
                    messages(), timeout=timeout_seconds, metadata=metadata_for(generation.owner)
                )
            )


def _defaults(settings: catalog_pb2.VoiceSettings) -> Defaults:
    """The settings that are set."""
    given = {field.name: value for field, value in settings.ListFields()}
    return Defaults(**given | ({"lexicons": tuple(settings.lexicons)} if settings.lexicons else {}))


def _as_ours(error: grpc.aio.AioRpcError, kind: str, name: str, unusable: str) -> Exception:
    match error.code():
        case grpc.StatusCode.NOT_FOUND:
            return NotFound(kind, name)
        case grpc.StatusCode.FAILED_PRECONDITION:
            return Precondition(
                details_of(error).reason or f"{kind.upper()}_NOT_USABLE", name, error.details() or unusable
            )
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.DEADLINE_EXCEEDED:
            return Unavailable(
                "CATALOG_UNREACHABLE", f"The catalog does not answer, and this {kind} is not cached here."
            )
        case _:
            return error
