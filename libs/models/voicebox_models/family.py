"""Families of engines: of one model, and of many in the models folder and at the hub; and the preference of each."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from . import store
from .adapters.adapter import holds_adapter
from .engine import Loadable, Setup

E = TypeVar("E", bound=Loadable)
F = TypeVar("F")

CONCURRENCY = 16
"""Sessions at once, for engines without a reason for another number."""


@dataclass(frozen=True)
class EntryPoint(Generic[F]):
    """An entry point that states the preference of its family before it is called."""

    make: Callable[[Setup], F]
    preference: int

    def __call__(self, setup: Setup) -> F:
        return self.make(setup)


def preference(number: int) -> Callable[[Callable[[Setup], F]], EntryPoint[F]]:
    """Decorates an entry point. Where the service chooses its default model, families of higher preference are tried
    first; equal ones by name. It is 0 for an entry point without this.
    """

    def decorated(make: Callable[[Setup], F]) -> EntryPoint[F]:
        return EntryPoint(make, number)

    return decorated


class SingleModel(Generic[E]):
    """The family of an engine that has one model."""

    drawback = ""

    def __init__(self, engine: E, *, concurrency: int = CONCURRENCY) -> None:
        self._engine, self.concurrency = engine, concurrency

    def engines(self) -> Sequence[E]:
        return (self._engine,)

    def engine(self, model: str) -> E | None:
        return self._engine if model == self._engine.model.name else None

    def recommended(self) -> Sequence[E]:
        return (self._engine,)


class ManyModels(ABC, Generic[E]):
    """The models of one engine: in the models folder, well known, and, with `whole_hub`, any other of the hub by name.

    `name` is the engine's; `known` are the names of well known models without it, best first. A folder with another
    model comes before those that came in a package, and after others.
    """

    drawback = ""
    concurrency = CONCURRENCY
    whole_hub = False
    takes_adapters = False
    """Whether a folder in the models folder may hold an adapter of another model, see adapters.adapter."""

    def __init__(self, name: str, known: Collection[str], setup: Setup) -> None:
        self._name, self._known, self._setup = name, [f"{name}/{model}" for model in known], setup
        self._engines: dict[str, E] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def _make(self, model: str) -> E:
        """A new engine for `{engine}/{model}`."""

    def engines(self) -> Sequence[E]:
        """The named folder, then what is on this machine, then what is well known; the best of each first."""
        folders, known = self._folders(), self._known
        named = self._setup.named_folder

        adapters = {name for name, folder in folders.items() if holds_adapter(folder)}
        has_others = any(name not in known and name not in adapters for name in folders)

        def rank(engine: E) -> tuple[bool, bool, int]:
            name = engine.model.name
            is_named = named is not None and folders.get(name) == named
            if name in adapters:  # a published one never becomes the default by itself
                return not is_named, not engine.files.present, 2 * len(known) + 2
            if name not in known:
                return not is_named, not engine.files.present, len(known)
            comes_later = has_others and engine.files.folder is None
            return not is_named, not engine.files.present, known.index(name) + comes_later * (len(known) + 1)

        return sorted([self._made(name) for name in {**folders, **dict.fromkeys(known)}], key=rank)

    def is_known(self, model: str) -> bool:
        """Whether `{engine}/{model}` is a well known model, here or not."""
        return model in self._known

    def engine(self, model: str) -> E | None:
        """One of `engines`, or, with `whole_hub`, `{engine}/{organisation}/{repository}`."""
        prefix, _, rest = model.partition("/")
        if prefix != self._name or not store.is_name(model):
            return None
        is_known = model in self._known or (self.whole_hub and "/" in rest) or model in self._folders()
        return self._made(model) if is_known else None

    def _folders(self) -> dict[str, Path]:
        return store.folders(self._setup.models_folder, self._name, self._setup.named_folder)

    def _made(self, name: str) -> E:
        with self._lock:
            if name not in self._engines:
                self._engines[name] = self._make(name)
            return self._engines[name]
