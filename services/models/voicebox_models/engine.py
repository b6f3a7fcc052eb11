"""What a model is, and what an engine that runs one can do."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Model:
    """What an engine runs. `name` is `{engine}/{model}`; `licence` is an SPDX expression; `languages` are BCP 47."""

    name: str
    revision: str
    licence: str
    languages: tuple[str, ...]


class Loadable(Protocol):
    """An engine, as far as its model goes. Blocking and thread-safe."""

    @property
    def name(self) -> str:
        """Its entry point's name."""

    @property
    def model(self) -> Model:
        """What it runs; its name is known before it is loaded."""

    @property
    def loaded(self) -> bool:
        """Whether it is ready at once."""

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `cuda:0`."""

    @property
    def memory_bytes(self) -> int:
        """Memory that it holds, as far as it can tell; 0 otherwise."""

    def load(self) -> None:
        """Make ready: the slow part. May be called again; raises voicebox_kit.errors.StartError when it cannot."""

    def unload(self) -> None:
        """Free its memory. What is open may fail."""
