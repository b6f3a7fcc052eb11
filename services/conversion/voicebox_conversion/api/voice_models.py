"""The RPCs of voice models."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox.conversion.v1 import conversion_pb2_grpc
from voicebox_blobs.archives.zip_reader import ZipReader, refused
from voicebox_blobs.archives.zip_writer import Entry, zipped
from voicebox_blobs.blobs import Blob, Blobs, storage_errors
from voicebox_blobs.blocks import of_file, once
from voicebox_kit.errors import Exhausted, InvalidField, NotFound, Precondition, ResourceError
from voicebox_kit.principal import owner, stored_limit
from voicebox_kit.uploads import steady
from voicebox_sql.clock import Clock
from voicebox_sql.paging import from_token, page_size, to_token
from voicebox_sql.stored_bytes import exhausted, within

from voicebox_conversion.engine import TENSORS, Engine, ImportingEngine
from voicebox_conversion.manifest import FILE, MAX_BYTES, Manifest, read_manifest
from voicebox_conversion.store.tables import VoiceModel
from voicebox_conversion.store.voice_models import COLLECTION, KIND, VoiceModelStore

from . import checks, messages
from .uploads import MAX_ARCHIVE_BYTES, Upload

IMPORTS_AT_ONCE = 2
"""More would only take disk and memory from each other: the others wait."""
CONTENT_TYPE = "application/zip"
ARCHIVED = datetime(1980, 1, 1, tzinfo=UTC)
"""The time of the files in an archive: the same voice gives the same bytes."""

Context = grpc.aio.ServicerContext[Any, Any]
FindEngine = Callable[[str, str], Engine]
"""Called with an engine's name and the subject of the Precondition that it raises."""


class VoiceModelServicer(conversion_pb2_grpc.VoiceModelServiceServicer):
    """The voicebox.conversion.v1.VoiceModelService. An archive that comes in waits in a nameless file in `folder`."""

    def __init__(
        self,
        store: VoiceModelStore,
        blobs: Blobs,
        engine_of: FindEngine,
        descriptions: Callable[[str], Sequence[str]],
        clock: Clock,
        folder: Path,
    ) -> None:
        """`descriptions` has what to expect of an engine's voices, by its name."""
        self._store, self._blobs, self._engine_of = store, blobs, engine_of
        self._descriptions, self._clock, self._folder = descriptions, clock, folder
        self._importing = asyncio.Semaphore(IMPORTS_AT_ONCE)

    async def ListVoiceModels(self, request: pb.ListVoiceModelsRequest, context: Context) -> pb.ListVoiceModelsResponse:
        own, size = owner(context), page_size(request.page_size)
        rows = await self._store.page(own, from_token(request.page_token, COLLECTION, own), size + 1)
        more = to_token(rows[size - 1].key, COLLECTION, own) if len(rows) > size else ""
        return pb.ListVoiceModelsResponse(voice_models=map(self._message, rows[:size]), next_page_token=more)

    async def GetVoiceModel(self, request: pb.GetVoiceModelRequest, context: Context) -> pb.VoiceModel:
        return self._message(await self._store.get(owner(context), checks.name(COLLECTION, request.name)))

    async def DeleteVoiceModel(self, request: pb.DeleteVoiceModelRequest, context: Context) -> Empty:
        identity, retried = checks.name(COLLECTION, request.name), checks.request_id(request.request_id)
        blob = await self._store.delete(owner(context), identity, retried, self._clock())
        if blob is not None:
            await self._blobs.delete(blob)
        return Empty()

    async def ImportVoiceModel(
        self, request_iterator: AsyncIterator[pb.ImportVoiceModelRequest], context: Context
    ) -> pb.VoiceModel:
        requests, own = steady(aiter(request_iterator)), owner(context)
        first = await anext(requests, pb.ImportVoiceModelRequest())
        retried = checks.request_id(first.request_id)
        given = checks.identity(first.voice_model_id, "voice_model_id") if first.voice_model_id else ""
        if stored := await self._store.find_request(own, retried):
            return self._message(_same(stored, given, first.checkpoint.display_name.strip()))
        upload = Upload(first, await self._within(requests, first, own), self._folder)
        async with self._importing:
            manifest, blob = await (
                self._from_checkpoint(upload) if upload.is_checkpoint else self._from_archive(upload)
            )
        row = _row(manifest, own, given or checks.identity_of(manifest.name), retried)
        row.blob, row.size_bytes = blob.name, blob.size_bytes
        try:
            stored = await self._store.create(row, self._clock(), rename=not given, limit=stored_limit())
        except (ResourceError, Precondition, Exhausted):
            await self._blobs.delete(blob.name)
            raise
        if stored.blob != blob.name:  # the same request, at the same time
            await self._blobs.delete(blob.name)
        return self._message(_same(stored, given, manifest.name, manifest.sha256))

    async def _within(
        self, requests: AsyncIterator[pb.ImportVoiceModelRequest], first: pb.ImportVoiceModelRequest, own: str
    ) -> AsyncIterator[pb.ImportVoiceModelRequest]:
        """The messages of an upload, which ends where the caller may store no more."""
        if (limit := stored_limit()) is None:
            return requests
        stored = await self._store.stored_bytes(own) + _size_bytes(first)
        if stored >= limit:
            raise exhausted(own, limit)
        return within(requests, _size_bytes, own, stored, limit)

    async def ExportVoiceModel(
        self, request: pb.ExportVoiceModelRequest, context: Context
    ) -> AsyncGenerator[pb.ExportVoiceModelResponse]:
        row = await self._store.get(owner(context), checks.name(COLLECTION, request.name))
        kind = CONTENT_TYPE
        async for data in zipped(self._entries(row)):
            yield pb.ExportVoiceModelResponse(body=HttpBody(content_type=kind, data=data))
            kind = ""

    async def MoveOwner(self, request: pb.MoveOwnerRequest, context: Context) -> pb.OwnerContents:
        own, new = checks.owner(request.owner, "owner"), checks.owner(request.new_owner, "new_owner")
        if own == new:
            raise InvalidField("new_owner", "new_owner is the owner itself.")
        return pb.OwnerContents(voice_model_count=await self._store.move(own, new))

    async def DeleteOwner(self, request: pb.DeleteOwnerRequest, context: Context) -> pb.OwnerContents:
        own = checks.owner(request.owner, "owner")
        if not request.force:
            return pb.OwnerContents(voice_model_count=await self._store.count(own))
        blobs = await self._store.delete_all(own)
        await self._blobs.delete(*blobs)
        return pb.OwnerContents(voice_model_count=len(blobs))

    def _message(self, row: VoiceModel) -> pb.VoiceModel:
        return messages.voice_model(row, " ".join(self._descriptions(row.engine)))

    async def _from_archive(self, upload: Upload) -> tuple[Manifest, Blob]:
        with storage_errors(), tempfile.TemporaryFile(dir=self._folder) as spool:
            await upload.spool(spool)
            archive = await asyncio.to_thread(ZipReader, spool, MAX_ARCHIVE_BYTES)
            if archive.names != {FILE, TENSORS}:
                raise refused(f"The archive must hold {FILE} and {TENSORS}, and nothing else.")
            manifest = read_manifest(b"".join([block async for block in archive.stream(FILE, MAX_BYTES)]))
            await self._check(archive, manifest)
            blocks = archive.stream(TENSORS, MAX_ARCHIVE_BYTES)
            return manifest, await self._blobs.put("voices", blocks, MAX_ARCHIVE_BYTES)

    async def _from_checkpoint(self, upload: Upload) -> tuple[Manifest, Blob]:
        """Have the engine read what other programs made, and store what it makes of that."""
        words = upload.words()
        engine = self._engine_of(words.engine, "checkpoint.engine")
        if not isinstance(engine, ImportingEngine):
            raise InvalidField("checkpoint.engine", f"The engine {words.engine} reads no checkpoints.")
        with storage_errors(), tempfile.TemporaryDirectory(dir=self._folder) as folder:
            file = Path(folder) / TENSORS
            checkpoint, index = await upload.files(Path(folder))
            read = await asyncio.to_thread(engine.from_checkpoint, checkpoint, index, file)
            await asyncio.to_thread(engine.voice, file)
            digest = await asyncio.to_thread(_sha256, file)
            manifest = replace(words, sample_rate_hz=read.sample_rate_hz, metrics=read.metrics, sha256=digest)
            return manifest, await self._blobs.put("voices", of_file(file), MAX_ARCHIVE_BYTES)

    async def _check(self, archive: ZipReader, manifest: Manifest) -> None:
        """Read the tensors as the engine does, and compare their hash: what cannot be used is never stored."""
        engine = self._engine_of(manifest.engine, "archive")
        with tempfile.NamedTemporaryFile(dir=self._folder) as file:
            digest = hashlib.sha256()
            async for block in archive.stream(TENSORS, MAX_ARCHIVE_BYTES):
                digest.update(block)
                await asyncio.to_thread(file.write, block)
            file.flush()
            if digest.hexdigest() != manifest.sha256:
                sentence = f"{TENSORS} is not what the manifest says: its SHA-256 is another."
                raise refused(sentence, "ARCHIVE_CHECKSUM")
            await asyncio.to_thread(engine.voice, Path(file.name))

    async def _entries(self, row: VoiceModel) -> AsyncIterator[Entry]:
        manifest = Manifest(
            row.display_name,
            row.engine,
            row.sample_rate_hz,
            row.sha256,
            row.metrics,
            row.consent,
            row.licence,
            row.recordings_sha256,
        )
        yield Entry(FILE, once(manifest.to_json()), ARCHIVED, compress=True)
        yield Entry(TENSORS, self._read(row), ARCHIVED)

    async def _read(self, row: VoiceModel) -> AsyncIterator[bytes]:
        try:
            async for block in self._blobs.read(row.blob):
                yield block
        except FileNotFoundError as error:  # deleted just now
            raise NotFound(KIND, f"{COLLECTION}/{row.id}") from error


def _same(stored: VoiceModel, identity: str, name: str, sha256: str = "") -> VoiceModel:
    """What a request made; Precondition("REQUEST_ID_REUSED") for one that asks for another voice, as far as it says."""
    asked = ((identity, stored.id), (name.strip(), stored.display_name), (sha256, stored.sha256))
    if any(one and one != other for one, other in asked):
        sentence = "This request id came before, with another voice: draw a new one."
        raise Precondition("REQUEST_ID_REUSED", f"{COLLECTION}/{stored.id}", sentence)
    return stored


def _row(manifest: Manifest, own: str, identity: str, retried: str | None) -> VoiceModel:
    """A row that the store has not seen yet."""
    return VoiceModel(
        key=0,
        owner=own,
        id=identity,
        display_name=manifest.name.strip() or identity,
        engine=manifest.engine,
        sample_rate_hz=manifest.sample_rate_hz,
        metrics=dict(manifest.metrics),
        consent=manifest.consent,
        licence=manifest.licence,
        recordings_sha256=manifest.recordings_sha256,
        sha256=manifest.sha256,
        size_bytes=0,
        blob="",
        request_id=retried,
    )


def _size_bytes(request: pb.ImportVoiceModelRequest) -> int:
    return len(request.archive.data) + len(request.index)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
