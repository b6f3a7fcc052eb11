"""Finds the voice of a target: in memory, bounded in bytes, or in the store, or learned from a profile's samples."""

import asyncio
import tempfile
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
from voicebox_audio.resample import Resampler
from voicebox_blobs.blobs import Blobs, storage_errors
from voicebox_kit import principal
from voicebox_kit.errors import NotFound, Precondition, Unavailable
from voicebox_models.models import Models

from voicebox_conversion.engine import Engine, Voice
from voicebox_conversion.job import Target, TargetKind
from voicebox_conversion.peers.catalog import Catalog, StoredReference
from voicebox_conversion.store.tables import VoiceModel
from voicebox_conversion.store.voice_models import COLLECTION, KIND, VoiceModelStore

CATALOG_SECONDS = 10.0


@dataclass(frozen=True)
class ResolvedVoice:
    """A voice with its engine. `version` changes with the voice; `warnings` are sentences for people."""

    engine: Engine
    voice: Voice
    version: str
    warnings: tuple[str, ...] = ()


Make = Callable[[], Awaitable[ResolvedVoice]]


class VoiceResolver:
    """Caches the voices of this process; the least recently used are removed first.

    A voice model is read again when it was replaced, a profile learned again when its etag changed.
    """

    def __init__(
        self,
        models: Models[Engine],
        store: VoiceModelStore,
        blobs: Blobs,
        catalog: Catalog,
        executor: Executor,
        folder: Path,
        max_bytes: int,
        *,
        requires_consent: bool,
    ) -> None:
        """Blobs are copied into `folder` while they are read. A voice model without a consent is refused to everybody
        with `requires_consent`, and to callers who are authenticated in any case; of profiles the catalog decides.
        """
        self._requires_consent = requires_consent
        self._models, self._store, self._blobs, self._catalog = models, store, blobs, catalog
        self._executor, self._folder, self._max_bytes = executor, folder, max_bytes
        self._held_bytes = 0
        self._cached: OrderedDict[tuple[str, str], ResolvedVoice] = OrderedDict()
        self._making: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def find(self, target: Target) -> ResolvedVoice:
        """NotFound, Precondition for a profile that cannot be used or a voice whose engine is not here, Unavailable
        without the catalog.
        """
        if target.kind is TargetKind.VOICE_MODEL:
            return await self._of_model(target)
        return await self._of_profile(target)

    async def _of_model(self, target: Target) -> ResolvedVoice:
        row = await self._store.get(target.owner, target.identity)
        if (self._requires_consent or _is_authenticated(target.owner)) and not row.consent.strip():
            sentence = f"Nobody says that the speaker of {target.name!r} agreed: train or import it with a consent."
            raise Precondition("CONSENT_REQUIRED", target.name, sentence)

        async def make() -> ResolvedVoice:
            engine = self.engine_of(row.engine, target.name)
            return ResolvedVoice(engine, await self._read(row, engine), row.blob)

        return await self._through_cache((target.owner, target.name), row.blob, make)

    async def _of_profile(self, target: Target) -> ResolvedVoice:
        key = (target.owner, target.name)
        known = self._cached.get(key)
        try:
            stored = await self._catalog.reference(
                target.name, known.version if known else "", target.owner, CATALOG_SECONDS
            )
        except Unavailable:
            if known is None:
                raise
            warning = "The catalog does not answer: the profile's voice is as it was last known."
            return replace(known, warnings=(warning,))
        if known and stored.samples is None:
            self._cached.move_to_end(key)
            return known

        async def make() -> ResolvedVoice:
            engine = self._models.default
            return ResolvedVoice(engine, await self._learned(stored, engine, target.name), stored.etag)

        return await self._through_cache(key, stored.etag, make)

    def engine_of(self, name: str, subject: str) -> Engine:
        """The engine of this name; Precondition("ENGINE_NOT_SERVED")."""
        for engine in self._models.engines:
            if engine.name == name:
                return engine
        raise Precondition("ENGINE_NOT_SERVED", subject, f"{subject} is a voice of the engine {name}, not served here.")

    async def _read(self, row: VoiceModel, engine: Engine) -> Voice:
        with storage_errors(), tempfile.NamedTemporaryFile(dir=self._folder) as file:
            try:
                async for block in self._blobs.read(row.blob):
                    await asyncio.to_thread(file.write, block)
            except FileNotFoundError as error:  # deleted just now
                raise NotFound(KIND, f"{COLLECTION}/{row.id}") from error
            file.flush()
            return await self._run(lambda: engine.voice(Path(file.name)))

    async def _learned(self, stored: StoredReference, engine: Engine, name: str) -> Voice:
        samples = stored.samples
        if samples is None:
            raise Unavailable("CATALOG_UNREACHABLE", "The catalog sent no reference for the profile.")

        def learn() -> Voice:
            resampler = Resampler(stored.sample_rate_hz, engine.sample_rate_hz)
            return engine.learn(np.concatenate([resampler.push(samples), resampler.finish()]))

        try:
            return await self._run(learn)
        except Precondition as error:
            raise Precondition(error.reason, name, f"{name} cannot be spoken with: {error.sentence}") from error

    async def _run(self, work: Callable[[], Voice]) -> Voice:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def _through_cache(self, key: tuple[str, str], version: str, make: Make) -> ResolvedVoice:
        """What is cached of this version, else what `make` returns; one call at a time for each key."""
        lock = self._making.setdefault(key, asyncio.Lock())
        async with lock:
            known = self._cached.get(key)
            if known and known.version == version:
                self._cached.move_to_end(key)
                return known
            made = await make()
            before = self._cached.pop(key, None)
            self._cached[key] = made
            self._held_bytes += made.voice.size_bytes - (before.voice.size_bytes if before else 0)
            while len(self._cached) > 1 and self._held_bytes > self._max_bytes:
                _, oldest = self._cached.popitem(last=False)
                self._held_bytes -= oldest.voice.size_bytes
        return made


def _is_authenticated(owner: str) -> bool:
    return owner != principal.LOCAL or principal.current.get() is not None
