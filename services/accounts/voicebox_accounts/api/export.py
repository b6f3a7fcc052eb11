"""Everything of an owner as one zip file."""

import asyncio
import json
import tempfile
import zipfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO

from google.protobuf import json_format
from voicebox.accounts.v1 import accounts_pb2 as pb

from voicebox_accounts.peers.catalog import Catalog
from voicebox_accounts.peers.optional import OptionalService
from voicebox_accounts.store.limits import LimitStore
from voicebox_accounts.store.owners import OwnerStore

from .key_messages import to_key

BLOCK_BYTES = 64 * 1024


class Exporter:
    """Writes archives to a file in `folder` before they are sent: what a zip file says of its entries comes last."""

    def __init__(self, owners: OwnerStore, limits: LimitStore, catalog: Catalog, folder: Path) -> None:
        self._owners, self._limits, self._catalog, self._folder = owners, limits, catalog, folder

    async def archive(
        self, owner: str, report: pb.DataReport, others: Sequence[OptionalService]
    ) -> AsyncIterator[bytes]:
        """The zip file in pieces, with the files of other services; its last entry is the report."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            with zipfile.ZipFile(file, "w") as archive:
                await self._write(owner, archive)
                for service in others:
                    async for name, blocks in service.files(owner):
                        await _add(archive, name, blocks)
                archive.writestr("report.json", json_format.MessageToJson(report))
            file.seek(0)
            while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
                yield block

    async def _write(self, owner: str, archive: zipfile.ZipFile) -> None:
        async for profile in self._catalog.profiles(owner):
            await _add(archive, f"{profile.name}.zip", self._catalog.profile_archive(owner, profile.name))
        async for lexicon in self._catalog.lexicons(owner):
            archive.writestr(f"{lexicon.name}.json", json_format.MessageToJson(lexicon))
        await _add(archive, "generations.zip", self._catalog.generation_archive(owner))
        async for transcription in self._catalog.transcriptions(owner):
            archive.writestr(f"{transcription.name}.json", json_format.MessageToJson(transcription))
            if transcription.size_bytes:
                audio = self._catalog.transcription_audio(owner, transcription.name)
                await _add(archive, f"{transcription.name}.{transcription.container or 'audio'}", audio)
        keys = [json_format.MessageToDict(to_key(row)) for row in await self._owners.keys(owner)]
        archive.writestr("keys.json", json.dumps(keys, indent=2))
        archive.writestr("limits.json", json.dumps(await self._limits.of([f"owners/{owner}"]), indent=2))
        usage = [json.dumps(row.model_dump()) for row in await self._owners.usage(owner)]
        archive.writestr("usage.jsonl", "\n".join(usage))


async def _add(archive: zipfile.ZipFile, name: str, blocks: AsyncIterator[bytes]) -> None:
    """Add an entry that is compressed already."""
    with archive.open(name, "w", force_zip64=True) as entry:
        async for block in blocks:
            await asyncio.to_thread(_write, entry, block)


def _write(entry: IO[bytes], block: bytes) -> None:
    entry.write(block)
