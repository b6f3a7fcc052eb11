"""The part of an engine that loads its model once and unloads it: the same for all engines."""

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from voicebox_kit.errors import StartError, Unavailable

from .files import ModelFiles


class Closable(Protocol):
    """A model in memory, or the processes that run it."""

    def close(self) -> None:
        """Free everything. What is still open fails."""


L = TypeVar("L", bound=Closable)


class Lifecycle(ABC, Generic[L]):
    """Loads a model when it is first needed, once for all threads, and closes it.

    Subclasses implement `_open_model` and use `_opened()`; the rest has a default. They call `super().__init__()`.
    """

    def __init__(self, files: ModelFiles) -> None:
        self.files = files
        self._lock = threading.Lock()
        self._loaded: L | None = None

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory and can be used."""
        loaded = self._loaded
        return loaded is not None and self._is_usable(loaded)

    @property
    def memory_bytes(self) -> int:
        """As `_memory_bytes` has it; before the model is loaded, the size of its weights."""
        loaded = self._loaded
        return self.files.size_bytes if loaded is None else self._memory_bytes(loaded)

    def load(self) -> None:
        """Load the model if it is not loaded; StartError when it cannot be loaded."""
        self._opened()

    def unload(self) -> None:
        """Free the model's memory. Open sessions fail with `unloaded`."""
        with self._lock:
            self._close()

    @abstractmethod
    def _open_model(self) -> L:
        """Load the model; called by one thread at a time. StartError when it cannot be loaded."""

    def _close_model(self, loaded: L) -> None:
        """Free the model's memory; called by one thread at a time."""
        loaded.close()

    def _is_usable(self, loaded: L) -> bool:
        """False for a model that failed and has to be loaded anew."""
        return True

    def _memory_bytes(self, loaded: L) -> int:
        """The memory that the loaded model holds."""
        return self.files.size_bytes

    def _opened(self) -> L:
        """The model, loaded now if it was not."""
        with self._lock:
            if self._loaded is not None and not self._is_usable(self._loaded):
                self._close()
            if self._loaded is None:
                self._loaded = self._open_model()
            return self._loaded

    def _close(self) -> None:
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            self._close_model(loaded)


def require_folder(files: ModelFiles, model: str) -> Path:
    """The folder of a model's files; StartError when they are not on this machine."""
    folder = files.folder
    if folder is None:
        raise StartError(f"The files of models/{model} are not on this machine: download the model first.")
    return folder


def unloaded() -> Unavailable:
    """The error of what is used after its model was unloaded."""
    return Unavailable("MODEL_UNLOADED", "The model was unloaded.")
