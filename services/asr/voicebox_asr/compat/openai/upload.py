"""Writes a form's file to disk while it arrives: it is recognised at once, and again if a later field changes how.

curl sends the file first, SDKs send it last. With the file on disk, neither has to wait for the other.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from voicebox_compat.form import FILE, Field, Form
from voicebox_compat.openai import InvalidParameter
from voicebox_kit.disk_quota import DiskQuota
from voicebox_kit.errors import Exhausted, InvalidField

IN_MEMORY_BYTES = 1024 * 1024
"""Files up to here are not written to disk."""

BLOCK_BYTES = 64 * 1024


class Upload:
    """A form that is being read. `fields` are those that have come so far, `size` how much of the file."""

    def __init__(self, form: Form, file: IO[bytes], quota: DiskQuota, most_bytes: int) -> None:
        self._form, self._file, self._quota, self._most_bytes = form, file, quota, most_bytes
        self.fields: dict[str, list[str]] = {}
        self.size = 0
        self._has_ended = False
        self._failure: Exception | None = None
        self._news = asyncio.Event()

    async def begun(self) -> None:
        """Wait until the file begins; the fields before it are there then. InvalidField("file") when there is none."""
        while not self._form.has_file:
            if self._has_ended:
                raise self._without_file()
            await self._more()

    def _without_file(self) -> InvalidField:
        if not self._form.other_files:
            return InvalidField(
                FILE,
                f"The form holds no file: it is expected as {FILE!r}, with a file name.",
                "MISSING_REQUIRED_PARAMETER",
            )
        name = self._form.other_files[0]
        return InvalidParameter(
            name, f"The file is expected as {FILE!r}, not as {name!r}.", "MISSING_REQUIRED_PARAMETER"
        )

    async def whole(self) -> None:
        """Wait until the form has ended; all fields are there then."""
        while not self._has_ended:
            await self._more()

    async def blocks(self) -> AsyncGenerator[bytes]:
        """The file from its beginning, including what has still to arrive."""
        at = 0
        while at < self.size or not self._has_ended:
            if at < self.size:
                self._file.seek(at)
                block = self._file.read(BLOCK_BYTES)
                at += len(block)
                yield block
            else:
                await self._more()

    async def read(self, pieces: AsyncIterator[bytes]) -> None:
        """Take the form's bytes to their end; what goes wrong is raised to those who wait."""
        try:
            async for piece in pieces:
                for found in self._form.push(piece):
                    self._take(found)
                self._news.set()
            self._form.finish()
        except Exception as error:
            self._failure = error
        self._has_ended = True
        self._news.set()

    def _take(self, found: Field | bytes) -> None:
        if isinstance(found, Field):
            self.fields.setdefault(found.name, []).append(found.value)
            return
        if self.size + len(found) > self._most_bytes:
            raise InvalidField(
                FILE, f"The file has more than the {self._most_bytes} bytes that are allowed.", "AUDIO_TOO_LARGE"
            )
        self._quota.reserve(len(found))
        try:
            self._file.seek(self.size)
            self._file.write(found)
        except OSError as error:
            self._quota.release(len(found))
            raise Exhausted(
                "UPLOADS_FULL", f"The file cannot be stored while it is recognised: {error.strerror}.", 1.0
            ) from error
        self.size += len(found)

    async def _more(self) -> None:
        """Wait until something has come."""
        self._news.clear()
        if not self._has_ended:
            await self._news.wait()
        if self._failure:
            raise self._failure


@asynccontextmanager
async def open_upload(
    content_type: str, pieces: AsyncIterator[bytes], quota: DiskQuota, most_bytes: int
) -> AsyncIterator[Upload]:
    """The form in `pieces`, read until the block ends; InvalidField when its content type is no form's."""
    form = Form(content_type)
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        upload = Upload(form, file, quota, most_bytes)
        reading = asyncio.create_task(upload.read(pieces))
        try:
            yield upload
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            quota.release(upload.size)
