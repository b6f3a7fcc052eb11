"""A family of one model."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from .engine import Loadable

E = TypeVar("E", bound=Loadable)


class Only(Generic[E]):
    """The family of an engine that has one model."""

    drawback = ""

    def __init__(self, engine: E) -> None:
        self._engine = engine

    def engines(self) -> Sequence[E]:
        return (self._engine,)

    def engine(self, model: str) -> E | None:
        return self._engine if model == self._engine.model.name else None

    def recommended(self) -> Sequence[E]:
        return (self._engine,)
