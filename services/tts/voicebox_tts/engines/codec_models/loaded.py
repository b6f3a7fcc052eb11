"""A model in memory: everything that its streams share."""

import gc
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from voicebox_kit.errors import StartError, Unavailable

from . import memory
from .device import Device
from .scheduler.batcher import Batcher, exhausted
from .scheduler.stream import Stream

log = logging.getLogger(__name__)

SHARE_OF_STREAMS = 0.8
"""How much of a GPU's free memory streams may take: the rest is for activations."""


class Parts(Protocol):
    """What is in memory."""

    @property
    def batcher(self) -> Batcher[Any, Any]: ...


P = TypeVar("P", bound=Parts)


class LoadedModel(ABC, Generic[P]):
    """Opened by an engine, and closed when it is unloaded. Thread-safe. Subclasses set what `_open` needs, and call
    `_load`.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._parts: P | None = None
        self.memory_bytes = 0
        """The device's memory that it takes, measured."""

    @property
    def usable(self) -> bool:
        """Whether it is open, and has not failed again and again."""
        parts = self._parts
        return parts is not None and parts.batcher.usable

    def close(self) -> None:
        """Free its memory. What is open fails with Unavailable."""
        parts, self._parts = self._parts, None
        if parts:
            parts.batcher.close()
        del parts
        gc.collect()  # the rows hold methods of their own, which are cycles
        if self._device.kind == "cuda":
            with suppress(RuntimeError):  # a GPU that failed gives nothing back until the process ends
                torch.cuda.empty_cache()

    @abstractmethod
    def _open(self, folder: Path) -> P:
        """Load everything. StartError when the files or the device do not do."""

    @abstractmethod
    def _first_words(self, parts: P) -> Stream:
        """A short stream: a device compiles its kernels and allocates its buffers at the first."""

    def _load(self, folder: Path) -> None:
        """StartError when the files or the device do not do."""
        try:
            held = memory.reserved_bytes(self._device)
            self._parts = self._open(folder)
            deque(self._first_words(self._parts), maxlen=0)
        except Exception as error:  # torch raises what it likes for devices that are not what they should be
            self.close()
            if isinstance(error, StartError):
                raise
            raise StartError(f"The model in {folder} cannot be loaded on {self._device.name}: {error}") from error
        self.memory_bytes = memory.reserved_bytes(self._device) - held or memory.tensor_bytes(self._parts)

    def _opened(self) -> P:
        parts = self._parts
        if parts is None:
            raise Unavailable("MODEL_UNLOADED", "The model was unloaded.")
        return parts

    def _rows(self, wanted: int, row_bytes: int) -> int:
        """How many streams are made at once: as many as wanted, within a GPU's free memory."""
        if self._device.kind == "cpu":
            return wanted
        fitting = int(SHARE_OF_STREAMS * memory.free_bytes(self._device) / row_bytes)
        if fitting < 1:
            raise StartError(f"{self._device.name} has no memory left for a single stream of this model.")
        if fitting < wanted:
            log.info("%s has memory for %d streams at once, not %d", self._device.name, fitting, wanted)
        return min(wanted, fitting)

    def _choose_device(self) -> None:
        """Each thread has a device of its own on which graphs are replayed."""
        if self._device.kind == "cuda":
            torch.cuda.set_device(self._device.index)


@contextmanager
def explained() -> Iterator[None]:
    """A device without memory becomes an error for the caller."""
    try:
        yield
    except Exception as error:
        if not memory.is_out_of_memory(error):
            raise
        raise exhausted() from error
