"""A client of the catalog: a profile's reference recording."""

from dataclasses import dataclass

import grpc
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox_audio.pcm import from_s16le
from voicebox_kit.durations import to_duration
from voicebox_kit.errors import NotFound, Precondition, Unavailable
from voicebox_kit.peer_calls import details_of, metadata_for

from voicebox_conversion.engine import Samples

REFERENCE_SECONDS = 120.0
"""Of a profile's samples that a voice is learned from."""


@dataclass(frozen=True)
class StoredReference:
    """A profile's reference; `samples` is None when the caller's etag is still right."""

    etag: str
    samples: Samples | None
    sample_rate_hz: int


class Catalog:
    """A channel to the catalog service, made in the event loop that uses it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: catalog_pb2_grpc.CatalogServiceAsyncStub = catalog_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[assignment]

    async def reference(self, profile: str, known_etag: str, owner: str, timeout_seconds: float) -> StoredReference:
        """A profile's reference. NotFound, Precondition without a usable sample or a consent, Unavailable when the
        catalog does not answer.
        """
        request = catalog_pb2.GetReferenceRequest(
            profile=profile, known_etag=known_etag, max_duration=to_duration(REFERENCE_SECONDS)
        )
        metadata = metadata_for(owner)
        header, blocks = catalog_pb2.ReferenceHeader(), []
        try:
            async for answer in self._stub.GetReference(request, timeout=timeout_seconds, metadata=metadata):
                if answer.HasField("header"):
                    header = answer.header
                else:
                    blocks.append(answer.pcm_s16le)
        except grpc.aio.AioRpcError as error:
            raise _as_ours(error, profile) from error
        samples = None if header.unchanged else from_s16le(b"".join(blocks))
        return StoredReference(header.etag, samples, header.sample_rate_hz)


def _as_ours(error: grpc.aio.AioRpcError, profile: str) -> Exception:
    match error.code():
        case grpc.StatusCode.NOT_FOUND:
            return NotFound("profile", profile)
        case grpc.StatusCode.FAILED_PRECONDITION:
            sentence = error.details() or "The profile has no usable sample."
            return Precondition(details_of(error).reason or "PROFILE_NOT_USABLE", profile, sentence)
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.DEADLINE_EXCEEDED:
            return Unavailable("CATALOG_UNREACHABLE", "The catalog does not answer, and this profile is not cached.")
        case _:
            return error
