"""The models of one service: which there are, and what is loaded."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Executor
from enum import StrEnum
from typing import Generic, TypeVar

from voicebox_kit.errors import NotFound, Precondition, StartError, Unavailable

from .engine import Loadable

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Loadable)


class State(StrEnum):
    """What a model is doing."""

    AVAILABLE = "AVAILABLE"
    LOADING = "LOADING"
    LOADED = "LOADED"
    FAILED = "FAILED"


class Models(Generic[E]):
    """One model for each engine, the default first. Loading and unloading run in `executor`, one at a time for each engine."""

    def __init__(self, engines: Sequence[E], executor: Executor) -> None:
        self.default = engines[0]
        self.engines = (self.default, *sorted(engines[1:], key=lambda engine: engine.name))
        self._executor = executor
        self._changing = {engine.name: asyncio.Lock() for engine in engines}
        self._failures: dict[str, str] = {}

    def find(self, name: str) -> E:
        """The engine that runs `models/{engine}/{model}`; NotFound("model") when none does."""
        for engine in self.engines:
            if name == f"models/{engine.model.name}":
                return engine
        raise NotFound("model", name)

    async def load(self, engine: E) -> None:
        """Load an engine if it is not loaded; Unavailable("MODEL_NOT_LOADED") when it cannot be."""
        if engine.loaded:
            return
        async with self._changing[engine.name]:
            if engine.loaded:
                return
            try:
                await asyncio.get_running_loop().run_in_executor(self._executor, engine.load)
            except StartError as error:
                self._failures[engine.name] = str(error)
                raise Unavailable("MODEL_NOT_LOADED", f"{engine.model.name} cannot be loaded: {error}", retry_seconds=60.0) from error
            self._failures.pop(engine.name, None)
        log.info("model %s is loaded on %s", engine.model.name, engine.device)

    async def unload(self, engine: E) -> None:
        """Unload an engine; Precondition("MODEL_IS_DEFAULT") for the default one."""
        if engine is self.default:
            raise Precondition("MODEL_IS_DEFAULT", f"models/{engine.model.name}", "The default model cannot be unloaded.")
        async with self._changing[engine.name]:
            await asyncio.get_running_loop().run_in_executor(self._executor, engine.unload)

    def state(self, engine: E) -> tuple[State, str]:
        """What the engine's model is doing, and a sentence on it."""
        if engine.loaded:
            return State.LOADED, "It is used when no other is named." if engine is self.default else "It is ready."
        if self._changing[engine.name].locked():
            return State.LOADING, "It is being loaded."
        if failure := self._failures.get(engine.name):
            return State.FAILED, failure
        return State.AVAILABLE, "It is loaded when it is first used."
