"""The adapters of a service: folders in the models folder, each a model of its own name."""

import asyncio
import re
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from voicebox_blobs.archives.zip_reader import refused
from voicebox_blobs.blobs import storage_errors
from voicebox_kit.durable import sync_path
from voicebox_kit.errors import AlreadyExists, Exhausted, InvalidField, NotFound, Precondition, StartError

from voicebox_models import store
from voicebox_models.engine import Family
from voicebox_models.family import ManyModels
from voicebox_models.models import Models

from . import archive
from .adapter import TENSORS, Adapter, find, holds_adapter, manifest
from .manifest import FILE, Manifest

MAX_ADAPTERS = 1000
AT_ONCE = 2
"""Imports, each of which takes an archive's size on the disk twice."""
NAME = re.compile("[a-z0-9][a-z0-9-]{0,62}")
SHORT_HASH = 8


def adaptable(families: Mapping[str, Family[Any]]) -> dict[str, ManyModels[Any]]:
    """The families whose models take adapters, by their names."""
    return {
        name: family for name, family in families.items() if isinstance(family, ManyModels) and family.takes_adapters
    }


class Adapters:
    """Those of one service. `families` are those that take them, by their engines' names."""

    def __init__(
        self,
        models_folder: Path,
        families: Mapping[str, ManyModels[Any]],
        models: Models[Any],
        clock: Callable[[], datetime],
    ) -> None:
        self._folder, self._families, self._models, self._clock = models_folder, families, models, clock
        self._slots, self._changing = asyncio.Semaphore(AT_ONCE), asyncio.Lock()

    def all(self) -> dict[str, Adapter]:
        """By `{engine}/{adapter}`; those that cannot be read are left out."""
        found = {name: path for engine in self._families for name, path in store.folders(self._folder, engine).items()}
        return {
            name: Adapter(path, known)
            for name, path in sorted(found.items())
            if holds_adapter(path) and (known := manifest(path))
        }

    def find(self, name: str) -> Adapter:
        """`{engine}/{adapter}`. NotFound when there is none."""
        engine, _, rest = name.partition("/")
        path = self._folder / engine / rest
        try:
            found = find(path) if engine in self._families and NAME.fullmatch(rest) else None
        except StartError as error:
            raise Precondition("ADAPTER_DAMAGED", f"adapters/{name}", str(error)) from error
        if found is None:
            raise NotFound("adapter", f"adapters/{name}")
        return found

    async def add(self, blocks: AsyncIterator[bytes], name: str) -> tuple[str, Adapter]:
        """Import a `.voicebox-adapter` file; without a `name` it is called after its base and its hash. The same
        archive under the same name again changes nothing.

        Raises InvalidField("archive") for what is no adapter, Precondition for an engine that is not served, and
        AlreadyExists where another model has the name.
        """
        if name and not NAME.fullmatch(name):
            raise InvalidField("adapter_id", "adapter_id must have 1 to 63 of a to z, 0 to 9 and -.")
        async with self._slots:
            with storage_errors(), tempfile.TemporaryFile(dir=self._made_folder()) as spool:
                await _spooled(spool, blocks)
                with self._hidden() as hidden:
                    made = await asyncio.to_thread(archive.unpack, spool, hidden)
                    if made.engine not in self._families:
                        sentence = f"Adapters of {made.engine} are not used here: {', '.join(sorted(self._families))}."
                        raise Precondition("ENGINE_NOT_SERVED", "archive", sentence)
                    full = f"{made.engine}/{name or _name_of(made)}"
                    async with self._changing:
                        await asyncio.to_thread(self._place, hidden, full, made)
        self._models.changed()
        return full, self.find(full)

    async def delete(self, name: str) -> None:
        """Unload it, and remove its files. Raises as Models.unload: never under a call that uses it."""
        async with self._changing:
            found = self.find(name)
            await self._models.unload(self._models.find(f"models/{name}"))
            with storage_errors(), self._hidden() as hidden:
                found.folder.rename(hidden / "deleted")
                sync_path(found.folder.parent)
        self._models.changed()

    def _place(self, hidden: Path, name: str, made: Manifest) -> None:
        """Its folder appears as a whole, on the disk when this returns."""
        target = store.folder(self._folder, name)
        if target.exists() and (known := manifest(target)) and known == made:
            return
        if target.exists() or self._families[made.engine].is_known(name):
            raise AlreadyExists("model", f"models/{name}")
        if len(self.all()) >= MAX_ADAPTERS:
            raise Exhausted("TOO_MANY_ADAPTERS", f"There are {MAX_ADAPTERS} adapters: delete some first.")
        files = tuple(
            store.StoredFile(file, (hidden / file).stat().st_size, store.sha256(hidden / file))
            for file in (FILE, TENSORS)
        )
        source = f"adapter of models/{made.base_model}"
        at = self._clock().isoformat(timespec="seconds")
        store.write_manifest(hidden, store.ModelManifest(source, made.revision, at, files))
        sync_path(hidden)
        target.parent.mkdir(parents=True, exist_ok=True)
        hidden.rename(target)
        sync_path(target.parent)

    def _made_folder(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    @contextmanager
    def _hidden(self) -> Iterator[Path]:
        """A folder that no list of models shows; what is left in it is removed."""
        path = self._made_folder() / f".adapter-{uuid.uuid4().hex}"
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def _name_of(made: Manifest) -> str:
    base = store.written(made.base_model.rpartition("/")[2]).lower().replace(".", "-").replace("_", "-")
    return f"{base[:40].strip('-')}-{made.revision.rpartition('-')[2][:SHORT_HASH]}"


async def _spooled(spool: IO[bytes], blocks: AsyncIterator[bytes]) -> None:
    size = 0
    async for block in blocks:
        size += len(block)
        if size > archive.MAX_ARCHIVE_BYTES:
            raise refused(f"The archive must have at most {archive.MAX_ARCHIVE_BYTES} bytes.", "ARCHIVE_TOO_LARGE")
        await asyncio.to_thread(spool.write, block)


def now() -> datetime:
    """In UTC."""
    return datetime.now(UTC)
