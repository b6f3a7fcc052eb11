"""The models of one service: found by name, loaded, used, downloaded, and their states."""

import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from voicebox_kit.background import Background
from voicebox_kit.errors import Precondition, StartError, VoiceboxError
from voicebox_kit.failures import Failures

from .device_leases.serving import ServingLeases
from .downloads import Downloads
from .engine import Downloadable, Family, Loadable, Model
from .gpu_metrics import measure_gpus
from .loading import Loading
from .memory_metrics import MemoryCollector
from .progress import Progress
from .registry import EngineRegistry
from .residency import NO_LIMITS, MemoryLimits
from .timed_cache import TimedCache

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Loadable)


class State(StrEnum):
    """The state of a model."""

    ABSENT = "ABSENT"
    AVAILABLE = "AVAILABLE"
    LOADING = "LOADING"
    LOADED = "LOADED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Default(Generic[E]):
    """The engine that is used when none is named, and a sentence on why it is."""

    engine: E
    reason: str = "It is used when no other is named."


@dataclass(frozen=True)
class Entry(Generic[E]):
    """An engine, and what its files on the disk say of its model. `memory_bytes` is an estimate until it is loaded."""

    engine: E
    model: Model
    present: bool
    memory_bytes: int


class Models(Generic[E]):
    """The models of `service`, as in `asr`. Loading, unloading and downloading run in `executor`, which is closed after
    `running` ended.
    """

    def __init__(
        self,
        service: str,
        families: Sequence[Family[E]],
        default: Default[E],
        executor: Executor,
        registry: CollectorRegistry,
        limits: MemoryLimits = NO_LIMITS,
        clock: Callable[[], float] = time.monotonic,
        missing: Mapping[str, str] | None = None,
        leases: ServingLeases | None = None,
    ) -> None:
        """`missing` are the engines that are known and not served, with a sentence on each; `leases` those of the
        devices that jobs use, too.
        """
        self.default = default.engine
        self.failures = Failures()
        self._service, self._reason = service, default.reason
        self._registry = EngineRegistry(families, self.default, missing or {})
        self._loading = Loading(self.default, executor, registry, limits, clock, leases)
        self._downloads: Downloads[E] = Downloads(executor)
        self._entries: TimedCache[tuple[Entry[E], ...]] = TimedCache(self._look_up, clock)
        registry.register(MemoryCollector(self._loading.memory))
        measure_gpus(registry)

    @property
    def engines(self) -> tuple[E, ...]:
        """One for each model that is known, or is being fetched: the default first, then by name."""
        return self._registry.engines(self._downloads.engines())

    @property
    def here(self) -> tuple[E, ...]:
        """Those of `engines` whose files are here."""
        return tuple(entry.engine for entry in self.entries if entry.engine.loaded or entry.present)

    @property
    def entries(self) -> tuple[Entry[E], ...]:
        """One for each of `engines`, looked up again after half a second and after what this service changed itself."""
        return self._entries.get()

    def entry(self, engine: E) -> Entry[E]:
        """What the files of one engine say now."""
        return Entry(engine, engine.model, engine.files.present, engine.memory_bytes)

    def find(self, name: str) -> E:
        """The engine that runs `models/{engine}/{model}`, whether its files are here or not; NotFound("model") when
        there can be none.
        """
        return self._registry.find(name)

    def hint(self, engine: str) -> str:
        """Why an engine of that name has no model here, as far as it is known; empty otherwise."""
        absent = (
            f"models/{each.model.name}: {self._absence(each)}"
            for each in self.engines
            if each.name == engine and not each.files.present
        )
        return self._registry.missing.get(engine) or next(absent, "")

    @asynccontextmanager
    async def use(self, engine: E) -> AsyncGenerator[None]:
        """Load an engine if it is not loaded, and do not unload it until the block ends. Raises as `load`. How a block
        with the default engine ends is part of health.
        """
        self.require_files(engine)
        async with self._loading.use(engine):
            with self.failures.counted() if engine is self.default else nullcontext():
                yield

    async def load(self, engine: E) -> None:
        """Load an engine if it is not loaded; never downloads.

        Raises Precondition("MODEL_ABSENT") when its files are not here, Exhausted("MODEL_MEMORY") when it does not fit
        beside what is in use, and Precondition("MODEL_NOT_LOADED") when it cannot be loaded.
        """
        self.require_files(engine)
        try:
            await self._loading.load(engine)
        finally:
            self._entries.forget()

    def require_files(self, engine: E) -> None:
        """Precondition("MODEL_ABSENT") when an engine's files are not here."""
        if not engine.loaded and not engine.files.present:
            raise Precondition(
                "MODEL_ABSENT", f"models/{engine.model.name}", f"models/{engine.model.name}: {self._absence(engine)}"
            )

    async def load_default(self, others: Sequence[E] = ()) -> None:
        """Load the default engine, or the first of the others that can be, which is the default from then on;
        StartError when none can.

        A default whose files are not here yet is left alone, with a warning: calls say so until it was fetched.
        """
        if not (self.default.loaded or self.default.files.present):
            log.warning(
                "No model is here, and calls are refused until one is: `make models` fetches models/%s.",
                self.default.model.name,
            )
            return
        broken: list[str] = []
        for engine in (self.default, *others):
            try:
                await self.load(engine)
            except VoiceboxError as error:
                log.error("%s", error.sentence)
                broken.append(error.sentence)
            else:
                if broken:
                    self._replace_default(engine, broken)
                return
        raise StartError(" ".join(broken))

    async def unload(self, engine: E) -> None:
        """Unload an engine; Precondition("MODEL_IS_DEFAULT") for the default one, Precondition("MODEL_IN_USE") while
        calls use it.
        """
        if engine is self.default:
            raise Precondition(
                "MODEL_IS_DEFAULT", f"models/{engine.model.name}", "The default model cannot be unloaded."
            )
        await self._loading.unload(engine)
        self._entries.forget()

    async def download(self, engine: E) -> AsyncGenerator[Progress]:
        """Download an engine's files if they are not present, and yield the progress.

        Raises as Downloads.watch, and Precondition("ENGINE_NOT_INSTALLED") for files that a person has to install.
        """
        if not engine.files.present:
            if not isinstance(engine.files, Downloadable):
                raise Precondition("ENGINE_NOT_INSTALLED", f"models/{engine.model.name}", engine.files.instructions)
            async with aclosing(self._downloads.watch(engine)) as steps:
                async for progress in steps:
                    yield progress
            self._entries.forget()

    def changed(self) -> None:
        """Models came to this machine, or went: what is known of them is looked up anew."""
        self._entries.forget()

    async def unload_idle(self) -> float | None:
        """Unload what is idle for too long; returns the seconds until the next model will be, None when there is
        none.
        """
        return await self._loading.unload_idle()

    @asynccontextmanager
    async def running(self, background: Background) -> AsyncGenerator[None]:
        """Unload what is idle for too long until the block ends; then end the downloads and unload everything. The
        service is not healthy while the default engine keeps failing.
        """
        async with (
            self._loading.running(background),
            background.running("engine", self.failures.watch, is_vital=True),
        ):
            try:
                yield
            finally:
                await self._downloads.close()

    def state(self, engine: E, *, present: bool | None = None) -> tuple[State, str]:
        """The state of the engine's model, and a sentence on it. `present` is whether its files are, where known."""
        if self._loading.is_loading(engine):
            return State.LOADING, "It is being loaded."
        if engine.loaded:
            return State.LOADED, self._reason if engine is self.default else "It is ready."
        if not (engine.files.present if present is None else present):
            return State.ABSENT, self._absence(engine)
        if failure := self._loading.failure(engine):
            return State.FAILED, failure
        return State.AVAILABLE, "It is loaded when it is first used."

    def _look_up(self) -> tuple[Entry[E], ...]:
        return tuple(map(self.entry, self.engines))

    def _replace_default(self, engine: E, broken: Sequence[str]) -> None:
        self.default = engine
        self._reason = f"It is used when no other is named. {' '.join(broken)}"
        self._registry.put_first(engine)
        self._entries.forget()
        self._loading.pin(engine)
        log.warning("model %s is the default. %s", engine.model.name, self._reason)

    def _absence(self, engine: E) -> str:
        if progress := self._downloads.progress(engine):
            done_mb, total_mb = progress.bytes_done / 1e6, progress.bytes_total / 1e6
            return f"It is being downloaded, {done_mb:.0f} of {total_mb:.0f} MB so far."
        command = f"voicebox models {self._service} download models/{engine.model.name}"
        return engine.files.instructions or f"Its files are not here; `{command}` fetches them."
