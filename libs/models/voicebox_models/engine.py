"""What an engine and its model are to a service: what every engine can do, and what a family of engines is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from voicebox_kit.errors import StartError

from .files import Downloadable, InstalledFiles, ModelFiles
from .hub import Hub
from .progress import Progress, Report
from .setup import Setup

__all__ = [
    "Downloadable",
    "Family",
    "Hub",
    "InstalledFiles",
    "Loadable",
    "Model",
    "ModelFiles",
    "NotInstalled",
    "Progress",
    "Report",
    "Setup",
]


class NotInstalled(StartError):
    """A package that the engine needs is not installed. Where the service chooses its engines, it uses others."""


@dataclass(frozen=True)
class Model:
    """What an engine runs. `name` is `{engine}/{model}`; `licence` is an SPDX expression; `languages` are BCP 47;
    `source` says where its files come from, empty when that is not known.
    """

    name: str
    revision: str
    licence: str
    languages: tuple[str, ...]
    source: str = ""


class Loadable(Protocol):
    """An engine that runs one model. Blocking and thread-safe. `lifecycle.Lifecycle` implements half of it."""

    @property
    def name(self) -> str:
        """Its entry point's name."""

    @property
    def model(self) -> Model:
        """What it runs; known before it is loaded."""

    @property
    def files(self) -> ModelFiles:
        """The model's files: whether they are on this machine, and how to get them."""

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `cuda:0`."""

    @property
    def memory_bytes(self) -> int:
        """Memory that it holds; before it is loaded, an estimate from its files; 0 when unknown."""

    @property
    def loaded(self) -> bool:
        """Whether it can be used at once."""

    def load(self) -> None:
        """Load the model: the slow part. Does nothing when it is loaded. Raises StartError when it cannot be loaded.

        Never downloads.
        """

    def unload(self) -> None:
        """Free its memory. Open sessions may fail."""


E_co = TypeVar("E_co", bound=Loadable, covariant=True)


class Family(Protocol[E_co]):
    """The models that one entry point can run, each with its own engine."""

    @property
    def concurrency(self) -> int:
        """How many sessions of one model should run at once, unless the settings name a number."""

    @property
    def drawback(self) -> str:
        """Why it should not be the default on this machine, as in "there is no GPU for it"; empty when it may be."""

    def engines(self) -> Sequence[E_co]:
        """Those whose models are on this machine or well known, best first. The same objects at each call."""

    def engine(self, model: str) -> E_co | None:
        """The one that runs `{engine}/{model}`, whether its files are on this machine or not; None when there can be no
        such model.
        """

    def recommended(self) -> Sequence[E_co]:
        """Those to download for this machine when a person names none."""
