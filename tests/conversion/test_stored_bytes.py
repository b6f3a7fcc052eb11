"""Who may store so many bytes imports no voice model beyond them, and a file that is too big ends while it comes in."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox_kit import principal
from voicebox_kit.authentication import Authentication
from voicebox_kit.principal import Principal
from voicebox_kit.signing_keys import SigningKeys, create

from .conftest import Service, refusal, running

BLOCK = bytes(60_000)


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Service]:
    """A service that authenticates."""
    keys = tmp_path / "signing.keys"
    create(keys)
    variables = {"VOICEBOX_AUTH": "keys", "VOICEBOX_SIGNING_KEYS": str(keys)}
    async with running(tmp_path, Authentication(SigningKeys(keys)), **variables) as service:
        yield service


def allow(count: int) -> None:
    principal.current.set(Principal("ann", frozenset({"manage", "read"}), "anns-key", stored_bytes=count))


async def endless(
    first: pb.ImportVoiceModelRequest, more: pb.ImportVoiceModelRequest
) -> AsyncIterator[pb.ImportVoiceModelRequest]:
    """Comes to no end after 6 blocks: a client that still writes then would only see that its stream is broken."""
    yield first
    for _ in range(6):
        yield more
    await asyncio.Event().wait()


ARCHIVE = pb.ImportVoiceModelRequest(archive=HttpBody(data=BLOCK))
CHECKPOINT = pb.ImportVoiceModelRequest(checkpoint=pb.CheckpointWords(display_name="Ann", consent="I agree."))


@pytest.mark.parametrize(
    ("first", "more"),
    [(ARCHIVE, ARCHIVE), (CHECKPOINT, ARCHIVE), (CHECKPOINT, pb.ImportVoiceModelRequest(index=BLOCK))],
    ids=["archive", "checkpoint", "index"],
)
async def test_an_import_ends_when_it_is_too_big_and_not_at_its_end(
    guarded: Service, first: pb.ImportVoiceModelRequest, more: pb.ImportVoiceModelRequest
) -> None:
    allow(5 * len(BLOCK))
    refused = await refusal(guarded.models.ImportVoiceModel(endless(first, more)))
    assert refused == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORED_BYTES_EXHAUSTED")
    assert not (await guarded.models.ListVoiceModels(pb.ListVoiceModelsRequest())).voice_models


async def test_what_is_stored_counts_before_another_is_read(guarded: Service, archive: bytes, tmp_path: Path) -> None:
    allow(10 * len(archive))
    stored = await guarded.store(archive)
    blobs = sorted((tmp_path / "conversion/blobs").rglob("*"))
    allow(2 * stored.size_bytes - 1)
    assert (await refusal(guarded.store(archive)))[1] == "STORED_BYTES_EXHAUSTED"
    assert sorted((tmp_path / "conversion/blobs").rglob("*")) == blobs
    await guarded.models.DeleteVoiceModel(pb.DeleteVoiceModelRequest(name=stored.name))
    assert (await guarded.store(archive)).size_bytes == stored.size_bytes
