"""What a model is, and what an engine that runs one can do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from voicebox_kit.errors import StartError

from .hub import Hub
from .progress import Progress, Report

__all__ = ["Family", "Hub", "Loadable", "Model", "NotInstalled", "Progress", "Report", "Setup"]


class NotInstalled(StartError):
    """A package that the engine needs is not installed: where engines are chosen by themselves, others are used."""


@dataclass(frozen=True)
class Model:
    """What an engine runs. `name` is `{engine}/{model}`; `licence` is an SPDX expression; `languages` are BCP 47."""

    name: str
    revision: str
    licence: str
    languages: tuple[str, ...]


class Loadable(Protocol):
    """An engine, as far as its one model goes. Blocking and thread-safe.

    One whose model is never fetched may have an `absence: str` too, a sentence on how to get what it needs when it is
    not `present`.
    """

    @property
    def name(self) -> str:
        """Its entry point's name."""

    @property
    def model(self) -> Model:
        """What it runs; its name is known before it is loaded."""

    @property
    def present(self) -> bool:
        """Whether the model's files are here."""

    @property
    def loaded(self) -> bool:
        """Whether it is ready at once."""

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `cuda:0`."""

    @property
    def memory_bytes(self) -> int:
        """Memory that it holds, as far as it can tell; 0 otherwise. Before it is loaded: what it will hold, as far as
        its files tell.
        """

    def download(self, report: Report) -> None:
        """Fetch the model's files, checked, or change nothing. Raises a VoiceboxError of voicebox_kit.errors when they
        cannot be had.
        """

    def load(self) -> None:
        """Make ready: the slow part. May be called again; raises voicebox_kit.errors.StartError when it cannot. Never
        downloads.
        """

    def unload(self) -> None:
        """Free its memory. What is open may fail."""


E_co = TypeVar("E_co", bound=Loadable, covariant=True)


@dataclass(frozen=True)
class Setup:
    """What an entry point is called with: `device` and `compute_type` as the person named them, `auto` otherwise."""

    device: str
    compute_type: str
    models_folder: Path
    """Downloads go here: `{models_folder}/{engine}/{model}`. A folder that a person put there is a model too."""
    named_folder: Path | None = None
    """A model elsewhere, which the person named by its folder. It is called `{engine}/{the folder's name}`, and comes
    first.
    """
    hub: Hub = field(default_factory=Hub)
    """Where models are fetched from."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What else the service's settings tell its engines, by names that both know."""


class Family(Protocol[E_co]):
    """The models that one entry point can run, each of them an engine."""

    def engines(self) -> Sequence[E_co]:
        """The ones that are present or well known; the first is used when none is named. The same objects at each
        call.
        """

    def engine(self, model: str) -> E_co | None:
        """The one that runs `{engine}/{model}`, present or not; None when there can be no such model."""

    def recommended(self) -> Sequence[E_co]:
        """Those to fetch for this machine when a person names none; empty when this machine should fetch none."""

    @property
    def drawback(self) -> str:
        """Why it should not be chosen by itself on this machine, as in "there is no GPU for it"; empty when it may
        be.
        """
