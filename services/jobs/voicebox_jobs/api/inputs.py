"""The RPCs of inputs."""

import asyncio
import uuid
from collections.abc import AsyncIterator

from google.protobuf.empty_pb2 import Empty
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_blobs.blobs import Blobs, Meter
from voicebox_kit import principal
from voicebox_kit.errors import Exhausted, InvalidField, NotFound, Precondition
from voicebox_sql.paging import from_token, page_size, to_token
from voicebox_sql.stored_bytes import within

from voicebox_jobs.inputs.check import TEXT, ZIP, Checker
from voicebox_jobs.job_type import Types
from voicebox_jobs.store.inputs import InputStore
from voicebox_jobs.store.tables import Input
from voicebox_jobs.types import batch_file

from . import checks
from .downloads import Download, StoredFile, open_download
from .messages import to_input

OF_TEXT, OF_ZIP = ("synthesize_batch", "openai_batch"), ("train_adapter",)
"""Types of jobs whose input is text or a zip file; the inputs of the others are audio."""
CONTENT_TYPES = {
    "wav": "audio/wav",
    "zip": "application/zip",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "mp4": "audio/mp4",
    "webm": "audio/webm",
    TEXT: "text/plain; charset=utf-8",
}


class Inputs:
    """Each method answers one RPC for the owner that calls."""

    def __init__(
        self, store: InputStore, blobs: Blobs, checker: Checker, types: Types, max_bytes: int, retention_us: int
    ) -> None:
        self._store, self._blobs, self._checker, self._types = store, blobs, checker, types
        self._max_bytes, self._retention_us = max_bytes, retention_us

    async def upload(self, requests: AsyncIterator[pb.UploadInputRequest], owner: str) -> pb.Input:
        """Store a file; a repeated request id returns the stored one, where that is the same file."""
        first = await anext(requests, pb.UploadInputRequest())
        request_id, file_name = checks.request_id(first.request_id), checks.file_name(first.file_name)
        if request_id and (stored := await self._store.find_request(owner, request_id)):
            await _check_same(stored, _content(first, requests))
            return to_input(stored, self._retention_us)
        try:
            blob = await self._blobs.put(
                "inputs", await self._within(_content(first, requests), owner), self._max_bytes
            )
        except InvalidField as error:
            sentence = f"content must have at most {self._max_bytes} bytes."
            raise InvalidField("content", sentence, "INPUT_TOO_LARGE") from error
        try:
            found = await self._checker.check(blob.name, blob.size_bytes)
            row = Input(
                key=0,
                id=str(uuid.uuid4()),
                owner=owner,
                request_id=request_id,
                file_name=file_name,
                container=found.container,
                blob=blob.name,
                size_bytes=blob.size_bytes,
                sha256=blob.sha256,
                duration_us=found.duration_us,
                sample_rate_hz=found.sample_rate_hz,
                channel_count=found.channel_count,
                warnings=list(found.warnings),
            )
        except BaseException:
            await self._blobs.delete(blob.name)
            raise
        # Where it is unknown whether the row was written, the file stays: the sweep finds out.
        try:
            stored = await self._store.add(row, principal.stored_limit())
        except Exhausted:
            await self._blobs.delete(blob.name)
            raise
        if stored.blob != blob.name:
            await self._blobs.delete(blob.name)
            _refuse_other(stored, blob.sha256)
        return to_input(stored, self._retention_us)

    async def _within(self, content: AsyncIterator[bytes], owner: str) -> AsyncIterator[bytes]:
        """The bytes of an upload, which ends where the caller may store no more."""
        limit = principal.stored_limit()
        if limit is None:
            return content
        return within(content, len, owner, await self._store.stored_bytes(owner), limit)

    async def get(self, request: pb.GetInputRequest, owner: str) -> pb.Input:
        return to_input(await self._store.get(owner, checks.identity("inputs", request.name)), self._retention_us)

    async def list(self, request: pb.ListInputsRequest, owner: str) -> pb.ListInputsResponse:
        size, query = page_size(request.page_size), ("inputs", owner)
        rows = await self._store.page(owner, from_token(request.page_token, *query), size + 1)
        more = to_token(rows[size - 1].key, *query) if len(rows) > size else ""
        inputs = [to_input(row, self._retention_us) for row in rows[:size]]
        return pb.ListInputsResponse(inputs=inputs, next_page_token=more)

    async def validate(self, request: pb.ValidateInputRequest, owner: str) -> pb.ValidateInputResponse:
        """Whether a job of this type could use it."""
        row = await self._store.get(owner, checks.identity("inputs", request.name))
        if request.type not in self._types:
            raise InvalidField("type", f"type must be one of {', '.join(sorted(self._types))}.")
        if request.type in OF_ZIP:
            problems = [] if row.container == ZIP else ["It is no zip file."]
            return pb.ValidateInputResponse(usable=not problems, item_count=1, problems=problems)
        if request.type not in OF_TEXT:
            problems = ["It is no audio."] if row.container in (TEXT, ZIP) else []
            return pb.ValidateInputResponse(usable=not problems, item_count=1, problems=problems)
        if row.container != TEXT:
            return pb.ValidateInputResponse(problems=["It is no text."])
        try:
            content = b"".join([block async for block in self._blobs.read(row.blob)])
        except FileNotFoundError as error:
            raise NotFound("input", request.name) from error
        found = await asyncio.to_thread(batch_file.read, content, "wav")
        return pb.ValidateInputResponse(usable=not found.problems, item_count=len(found.items), problems=found.problems)

    async def download(self, request: pb.DownloadInputRequest, owner: str, requested_range: str) -> Download:
        """The file as it was uploaded."""
        row = await self._store.get(owner, checks.identity("inputs", request.name))
        content_type = CONTENT_TYPES.get(row.container, "application/octet-stream")
        file = StoredFile("input", request.name, row.blob, row.size_bytes, content_type)
        return await open_download(self._blobs, file, requested_range)

    async def delete(self, request: pb.DeleteInputRequest, owner: str) -> Empty:
        await self._blobs.delete(await self._store.delete(owner, checks.identity("inputs", request.name)))
        return Empty()


async def _check_same(stored: Input, content: AsyncIterator[bytes]) -> None:
    meter = Meter()
    async for _ in meter.read(content):
        if meter.size_bytes > stored.size_bytes:
            break
    _refuse_other(stored, meter.sha256)


def _refuse_other(stored: Input, sha256: str) -> None:
    if stored.sha256 != sha256:
        sentence = "This request id came before, with another file: draw a new one."
        raise Precondition("REQUEST_ID_REUSED", f"inputs/{stored.id}", sentence)


async def _content(
    first: pb.UploadInputRequest, requests: AsyncIterator[pb.UploadInputRequest]
) -> AsyncIterator[bytes]:
    if first.content.data:
        yield first.content.data
    async for request in requests:
        if request.content.data:
            yield request.content.data
