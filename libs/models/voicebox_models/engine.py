"""What an engine and its model are to a service: what every engine can do, and what a family of engines is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from voicebox_kit.errors import StartError

from .files import Downloadable, InstalledFiles, ModelFiles
from .hub import Hub
from .progress import Progress, Report

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


@dataclass(frozen=True)
class Setup:
    """What an entry point is called with. `device` and `compute_type` come from the settings; `auto` by default."""

    device: str
    compute_type: str
    models_folder: Path
    """Where downloads go, as `{models_folder}/{engine}/{model}`. A folder that a person put there is a model too."""
    named_folder: Path | None = None
    """A model outside of `models_folder`, which the settings name by its path. It is called `{engine}/{the folder's
    name}`, and is the first of its family.
    """
    hub: Hub = field(default_factory=Hub)
    """Where models are downloaded from."""
    accepted_licences: frozenset[str] = frozenset()
    """Licences with conditions that a person accepted: SPDX identifiers. Engines ask only for those that forbid a use.
    """
    packaged: bool = True
    """Whether models that come in installed packages are used."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Further settings of the service for its engines, by names that both know."""


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
