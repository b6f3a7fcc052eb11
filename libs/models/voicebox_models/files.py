"""The files of one model: on this machine, or at a hub from which they are downloaded."""

from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

from voicebox_kit.errors import Precondition

from . import store
from .hub import Hub
from .packaged import PackagedModel
from .progress import Report
from .setup import Setup


class ModelFiles(Protocol):
    """What a service has to know of a model's files."""

    @property
    def present(self) -> bool:
        """Whether all that the engine needs is on this machine."""

    @property
    def folder(self) -> Path | None:
        """Where the files are; None when they are not present, or not in a folder of their own."""

    @property
    def revision(self) -> str:
        """The version of the files, or of those that a download would bring; empty when unknown."""

    @property
    def size_bytes(self) -> int:
        """The size of the weights; 0 when unknown."""

    @property
    def instructions(self) -> str:
        """A sentence on how a person gets the files when they are not present; empty where `download` gets them."""


@runtime_checkable
class Downloadable(Protocol):
    """Files that can be downloaded."""

    def download(self, report: Report) -> None:
        """Download and verify the files, or change nothing. Does nothing when they are present.

        Raises a VoiceboxError of voicebox_kit.errors when they cannot be had.
        """


@dataclass(frozen=True)
class InstalledFiles:
    """A model that comes with the engine's package, or with a shared library that a person installs.

    `library` is the library's name, as for `ctypes.util.find_library`; empty when the package has everything.
    """

    revision: str = ""
    library: str = ""
    instructions: str = ""
    folder: Path | None = None
    size_bytes: int = 0

    @cached_property
    def present(self) -> bool:
        """Looks for the library without loading it: it may be a program of another licence."""
        return not self.library or find_library(self.library) is not None


class Source(Protocol):
    """Where a model is published, and how its files are downloaded."""

    @property
    def revision(self) -> str:
        """A commit; empty for the newest, which is resolved when the download begins."""

    @property
    def size_bytes(self) -> int:
        """The size of the weights; 0 when unknown."""

    def cached(self, hub: Hub) -> Path | None:
        """The folder of the hub library's own cache that has all files; None when some are missing."""

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        """Download the files into `target`, as Hub.fetch does and with its errors."""


class DownloadedFiles:
    """A model in the models folder, in a folder that the settings name, in the hub library's cache, or only at the hub.

    `model` is `{engine}/{model}`; `source` is None for a folder that a person put on this machine; `weights_bytes`
    measures the weights in a folder. `packaged` are packages that hold the same model, used where there is no folder.
    """

    def __init__(
        self,
        model: str,
        setup: Setup,
        source: Source | None,
        weights_bytes: Callable[[Path], int],
        packaged: PackagedModel | None = None,
    ) -> None:
        self._model, self._setup, self._source, self._weights_bytes = model, setup, source, weights_bytes
        self.packaged = packaged if setup.packaged else None

    @property
    def folder(self) -> Path | None:
        engine = self._model.partition("/")[0]
        if folder := store.folders(self._setup.models_folder, engine, self._setup.named_folder).get(self._model):
            return folder
        return self._source.cached(self._setup.hub) if self._source else None

    @property
    def present(self) -> bool:
        return self.folder is not None or self.package is not None

    @property
    def instructions(self) -> str:
        """None: `download` gets everything."""
        return ""

    @property
    def package(self) -> PackagedModel | None:
        """The installed packages that hold the model; None where they are not installed, or where there is a folder."""
        return self.packaged if self.packaged and self.folder is None and self.packaged.present else None

    @property
    def revision(self) -> str:
        if folder := self.folder:
            return store.revision(folder)
        if package := self.package:
            return package.version
        return self._source.revision if self._source else ""

    @property
    def size_bytes(self) -> int:
        if folder := self.folder:
            return self._weights_bytes(folder)
        if package := self.package:
            return package.size_bytes
        return self._source.size_bytes if self._source else 0

    def download(self, report: Report) -> None:
        if self.present:
            return
        if self._source is None:
            sentence = f"{self._model} was a folder on this machine, and was removed."
            raise Precondition("MODEL_NOT_ON_HUB", f"models/{self._model}", sentence)
        self._source.fetch(self._setup.hub, store.folder(self._setup.models_folder, self._model), report)
