"""Checkpoints of a training: each a folder that appears as a whole, and only so many of them."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from voicebox_kit.durable import sync_path

from . import tensors
from .tensors import Tensors

STATE, NUMBERS = "state.safetensors", "numbers.json"
PARTIAL = ".partial"


@dataclass(frozen=True)
class Numbers:
    """What was measured up to a checkpoint: the loss of each step so far, and the measures of this one, of which
    `held_out_loss` is always there.
    """

    step: int
    losses: Sequence[float]
    measures: Mapping[str, float]

    @property
    def held_out_loss(self) -> float:
        return self.measures["held_out_loss"]


class Checkpoints:
    """Those in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"*{PARTIAL}"):
            shutil.rmtree(left)

    def folder(self, step: int) -> Path:
        """Where the checkpoint of a step is, or would be."""
        return self._folder / f"{step:06d}"

    def all(self) -> list[Numbers]:
        """The numbers of each, in order."""
        found = sorted(path for path in self._folder.iterdir() if path.is_dir() and path.name.isdecimal())
        return [Numbers(**json.loads((path / NUMBERS).read_text())) for path in found]

    def state(self, step: int) -> Tensors:
        """What training goes on from."""
        return tensors.read(self.folder(step) / STATE)

    def begin(self, step: int) -> Path:
        """An empty folder for the files of a new checkpoint."""
        partial = self._folder / f"{step:06d}{PARTIAL}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        return partial

    def complete(self, partial: Path, state: Tensors, numbers: Numbers) -> None:
        """The folder becomes a checkpoint, on the disk when this returns."""
        tensors.write(partial / STATE, state)
        with (partial / NUMBERS).open("w") as file:
            json.dump(asdict(numbers), file)
            file.flush()
            os.fsync(file.fileno())
        sync_path(partial)
        partial.rename(self.folder(numbers.step))
        sync_path(self._folder)

    def drop(self, keep: int, also: int) -> None:
        """Remove all but the newest `keep`, the best, and the one of the step `also`."""
        known = self.all()
        kept = {numbers.step for numbers in known[-keep:]} | {best(known).step, also}
        for numbers in known:
            if numbers.step not in kept:
                shutil.rmtree(self.folder(numbers.step))


def best(known: Sequence[Numbers]) -> Numbers:
    """That of the lowest held-out loss; the first of equals."""
    return min(known, key=lambda numbers: numbers.held_out_loss)
