"""Loads and unloads models: once for all who wait, within a memory budget, and never under a call that uses them."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Histogram
from voicebox_kit.background import Background
from voicebox_kit.errors import Precondition, StartError

from . import residency
from .device_leases.serving import ServingLeases
from .engine import Loadable
from .residency import MemoryLimits, Resident

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Loadable)

BUCKETS_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300)


@dataclass(eq=False)
class _Slot(Generic[E]):
    """An engine, and what is being done with it. `lock` is held while it is loaded or unloaded; `admitted` is its
    load's room in memory.
    """

    engine: E
    used_at: float
    users: int = 0
    failure: str = ""
    admitted: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    loading: "asyncio.Task[None] | None" = None

    @property
    def name(self) -> str:
        return self.engine.model.name


class Loading(Generic[E]):
    """What is loaded. The work is done in `executor`; `pinned` is the engine that stays. `leases` are those of the
    devices on which it is, where they are shared.
    """

    def __init__(
        self,
        pinned: E,
        executor: Executor,
        registry: CollectorRegistry,
        limits: MemoryLimits,
        clock: Callable[[], float],
        leases: ServingLeases | None,
    ) -> None:
        self._leases = leases
        self._pinned, self._executor, self._limits, self._clock = pinned, executor, limits, clock
        self._slots = {pinned.model.name: _Slot(pinned, clock())}
        self._room = asyncio.Lock()
        self._changed = asyncio.Event()
        self._load_seconds = Histogram(
            "voicebox_model_load_seconds", "Time to load a model.", buckets=BUCKETS_SECONDS, registry=registry
        )

    def pin(self, engine: E) -> None:
        """From now on this is the engine that stays."""
        self._pinned = engine

    @asynccontextmanager
    async def use(self, engine: E) -> AsyncGenerator[None]:
        """Load an engine if it is not loaded, and do not unload it until the block ends. Raises as `load`."""
        slot = self._slot(engine)
        slot.users += 1
        try:
            await self.load(engine)
            with self._leases.busy(engine.device) if self._leases else nullcontext():
                yield
        finally:
            slot.users -= 1
            self._touch(slot)

    async def load(self, engine: E) -> None:
        """Load an engine if it is not loaded. A caller that leaves does not end it: others may wait, and the work is
        not lost.

        Raises Exhausted("MODEL_MEMORY") when it does not fit beside what is in use, and
        Precondition("MODEL_NOT_LOADED") when it cannot be loaded: its files or the device have to be changed first.
        """
        slot = self._slot(engine)
        if engine.loaded and not slot.lock.locked():
            return
        if slot.loading is None:
            slot.loading = asyncio.create_task(self._load(slot))
            slot.loading.add_done_callback(partial(self._load_ended, slot))
        await asyncio.shield(slot.loading)

    async def unload(self, engine: E) -> None:
        """Unload an engine if it is loaded; Precondition("MODEL_IN_USE") while calls use it."""
        await asyncio.shield(asyncio.ensure_future(self._unload(self._slot(engine))))

    def is_loading(self, engine: E) -> bool:
        slot = self._slots.get(engine.model.name)
        return slot is not None and slot.loading is not None

    def failure(self, engine: E) -> str:
        """Why it could not be loaded the last time; empty when it could."""
        slot = self._slots.get(engine.model.name)
        return slot.failure if slot else ""

    def memory(self) -> dict[str, int]:
        """The bytes that each loaded model holds."""
        return {slot.name: slot.engine.memory_bytes for slot in list(self._slots.values()) if slot.engine.loaded}

    async def unload_idle(self) -> float | None:
        """Unload what is idle for too long; returns the seconds until the next model will be, None when there is
        none.
        """
        for name in residency.overdue(self._residents(), self._clock(), self._limits):
            log.info("model %s was idle for %g s: unloading it", name, self._limits.ttl_seconds)
            await self._unload_unless_used(name)
        return residency.next_due_seconds(self._residents(), self._clock(), self._limits)

    @asynccontextmanager
    async def running(self, background: Background) -> AsyncGenerator[None]:
        """Unload what is idle for too long until the block ends; then unload everything."""
        try:
            async with background.running("idle models", self._watch):
                yield
        finally:
            await asyncio.gather(
                *(slot.loading for slot in self._slots.values() if slot.loading), return_exceptions=True
            )
            for slot in self._slots.values():
                await self._in_thread(slot.engine.unload)
            if self._leases:
                self._leases.close()

    async def _watch(self) -> None:
        while True:
            self._changed.clear()
            seconds = await self.unload_idle()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()

    async def _load(self, slot: _Slot[E]) -> None:
        """Admit a model to memory, and load it. `_room` is taken before a slot's lock and never while one is held."""
        async with self._room:
            await self._make_room(slot)
            slot.admitted = True
        self._hold_devices()
        try:
            async with slot.lock:
                if not slot.engine.loaded:
                    with self._load_seconds.time():
                        await self._in_thread(slot.engine.load)
        except StartError as error:
            slot.failure = str(error)
            subject = f"models/{slot.name}"
            raise Precondition("MODEL_NOT_LOADED", subject, f"{subject} cannot be loaded: {error}") from error
        finally:
            slot.admitted = False
            self._hold_devices()
        slot.failure = ""
        log.info("model %s is loaded on %s", slot.name, slot.engine.device)

    def _load_ended(self, slot: _Slot[E], task: "asyncio.Task[None]") -> None:
        slot.loading = None
        self._touch(slot)
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio logs it when no caller waits

    async def _make_room(self, slot: _Slot[E]) -> None:
        while name := residency.next_to_unload(
            self._residents(besides=slot), slot.name, slot.engine.memory_bytes, self._limits
        ):
            log.info("unloading model %s: its memory is needed for %s", name, slot.name)
            await self._unload_unless_used(name)

    async def _unload(self, slot: _Slot[E]) -> None:
        async with slot.lock:
            if slot.users:
                raise Precondition(
                    "MODEL_IN_USE", f"models/{slot.name}", f"{slot.users} calls use it: unload it when they have ended."
                )
            if slot.engine.loaded:
                await self._in_thread(slot.engine.unload)
        self._hold_devices()

    def _hold_devices(self) -> None:
        """Say how much of each device the models take, those too that are being loaded."""
        if self._leases:
            taken: dict[str, int] = {}
            for slot in self._slots.values():
                if slot.engine.loaded or slot.admitted:
                    taken[slot.engine.device] = taken.get(slot.engine.device, 0) + slot.engine.memory_bytes
            self._leases.hold(taken)

    async def _unload_unless_used(self, name: str) -> None:
        with suppress(Precondition):
            await self._unload(self._slots[name])

    async def _in_thread(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _residents(self, besides: _Slot[E] | None = None) -> list[Resident]:
        held = (slot for slot in self._slots.values() if slot is not besides and (slot.engine.loaded or slot.admitted))
        return [self._resident(slot) for slot in held]

    def _resident(self, slot: _Slot[E]) -> Resident:
        busy = slot.users > 0 or slot.loading is not None
        return Resident(
            slot.name, slot.engine.memory_bytes, slot.used_at, pinned=slot.engine is self._pinned, busy=busy
        )

    def _touch(self, slot: _Slot[E]) -> None:
        slot.used_at = self._clock()
        self._changed.set()

    def _slot(self, engine: E) -> _Slot[E]:
        return self._slots.setdefault(engine.model.name, _Slot(engine, self._clock()))
