"""The engines of a service by the names of their models."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from voicebox_kit.errors import NotFound

from .engine import Family, Loadable
from .store import is_name

E = TypeVar("E", bound=Loadable)

MAX_UNLISTED = 64
"""How many engines are remembered that no family lists: clients may name any model of a hub."""


class EngineRegistry(Generic[E]):
    """One engine for each model, the same at each call."""

    def __init__(self, families: Sequence[Family[E]], default: E, missing: Mapping[str, str]) -> None:
        self._families, self._default, self.missing = families, default, missing
        self._engines = {default.model.name: default}
        self._unlisted: list[str] = []

    def engines(self, also: Iterable[E]) -> tuple[E, ...]:
        """Those that the families list, and `also`: the default first, then by name."""
        listed = [self._add(engine) for family in self._families for engine in family.engines()]
        others = {engine.model.name: engine for engine in (*listed, *also) if engine is not self._default}
        return (self._default, *(others[name] for name in sorted(others)))

    def put_first(self, engine: E) -> None:
        """From now on this is the default."""
        self._default = self._add(engine)

    def find(self, name: str) -> E:
        """The engine that runs `models/{engine}/{model}`, whether its files are here or not; NotFound("model") when
        there can be none.
        """
        model = name.removeprefix("models/")
        if model == name or not is_name(model):
            raise NotFound("model", name)
        if model in self._engines:
            return self._engines[model]
        for family in self._families:
            if engine := family.engine(model):
                return self._add_unlisted(engine)
        raise NotFound("model", name, self.missing.get(model.partition("/")[0], ""))

    def _add(self, engine: E) -> E:
        return self._engines.setdefault(engine.model.name, engine)

    def _add_unlisted(self, engine: E) -> E:
        """Add an engine that may not be listed, and forget the oldest of them that has no files."""
        added = self._add(engine)
        self._unlisted.append(added.model.name)
        if len(self._unlisted) > MAX_UNLISTED:
            oldest = self._unlisted.pop(0)
            if oldest in self._engines and not (self._engines[oldest].files.present or self._engines[oldest].loaded):
                del self._engines[oldest]
        return added
