"""A voice that is being imported: what was said of it, and the files that come in pieces."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox_blobs.archives.zip_reader import refused
from voicebox_kit.errors import InvalidField

from voicebox_conversion.manifest import MAX_NAME, MAX_TEXT, Manifest

MAX_ARCHIVE_BYTES = 512 * 1024 * 1024
"""Of an archive or a checkpoint, and of its index."""
CHECKPOINT, INDEX = "checkpoint", "index"
DEFAULT_ENGINE = "rvc"


class Upload:
    """The messages of one call, the first of which was read. The files are written into `folder`."""

    def __init__(
        self, first: pb.ImportVoiceModelRequest, rest: AsyncIterator[pb.ImportVoiceModelRequest], folder: Path
    ) -> None:
        self._first, self._rest, self._folder = first, rest, folder

    @property
    def is_checkpoint(self) -> bool:
        """Whether it is a file of another program."""
        return self._first.HasField("checkpoint")

    def words(self) -> Manifest:
        """What people say of a checkpoint; InvalidField where they say too little or too much."""
        said = self._first.checkpoint
        name = _text(said.display_name, "checkpoint.display_name", MAX_NAME, needed=True)
        if any(unicodedata.category(letter) == "Cc" for letter in name):
            raise InvalidField("checkpoint.display_name", "checkpoint.display_name must not have control characters.")
        consent = _text(said.consent, "checkpoint.consent", MAX_TEXT, needed=True)
        licence = _text(said.licence, "checkpoint.licence", MAX_TEXT)
        engine = _text(said.engine, "checkpoint.engine", MAX_NAME) or DEFAULT_ENGINE
        return Manifest(name, engine, 0, "", consent=consent, licence=licence)

    async def spool(self, archive: IO[bytes], index: IO[bytes] | None = None) -> None:
        """Write the files. InvalidField("archive") when one is too large, InvalidField("index") where there can be
        none.
        """
        await self._write(archive, index, self._first)
        async for request in self._rest:
            await self._write(archive, index, request)

    async def files(self, folder: Path) -> tuple[Path, Path | None]:
        """The checkpoint, and its index if there is one."""
        checkpoint, index = folder / CHECKPOINT, folder / INDEX
        with checkpoint.open("wb") as weights, index.open("wb") as vectors:
            await self.spool(weights, vectors)
        return checkpoint, index if index.stat().st_size else None

    @staticmethod
    async def _write(archive: IO[bytes], index: IO[bytes] | None, request: pb.ImportVoiceModelRequest) -> None:
        if request.index and index is None:
            raise InvalidField("index", "Only a checkpoint has an index beside it.")
        for file, data in ((archive, request.archive.data), (index, request.index)):
            if file is None or not data:
                continue
            if file.tell() + len(data) > MAX_ARCHIVE_BYTES:
                raise refused(f"The archive must have at most {MAX_ARCHIVE_BYTES} bytes.", "ARCHIVE_TOO_LARGE")
            await asyncio.to_thread(file.write, data)


def _text(value: str, field: str, max_characters: int, *, needed: bool = False) -> str:
    plain = value.strip()
    if len(plain) > max_characters or "\0" in plain or (needed and not plain):
        least = "1" if needed else "0"
        raise InvalidField(field, f"{field} must have {least} to {max_characters} characters.")
    return plain
