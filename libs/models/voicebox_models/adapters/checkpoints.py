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
PAUSE = "pause"
"""What a training left that gave way to calls, between two checkpoints."""


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

    def newest(self) -> tuple[Tensors, Sequence[float]] | None:
        """What training goes on from, with the loss of each step before: the last checkpoint, or a later pause."""
        found = [(len(numbers.losses), self.folder(numbers.step), numbers.losses) for numbers in self.all()[-1:]]
        pause = self._folder / PAUSE
        if pause.is_dir():
            losses = json.loads((pause / NUMBERS).read_text())
            found.append((len(losses), pause, losses))
        if not found:
            return None
        _, folder, losses = max(found, key=lambda each: each[0])
        return tensors.read(folder / STATE), losses

    def begin(self, step: int) -> Path:
        """An empty folder for the files of a new checkpoint."""
        return self._empty(f"{step:06d}{PARTIAL}")

    def pause(self, state: Tensors, losses: Sequence[float]) -> None:
        """Write down what training goes on from, without measuring anything; on the disk when this returns."""
        partial = self._empty(f"{PAUSE}{PARTIAL}")
        _write(partial, state, list(losses))
        shutil.rmtree(self._folder / PAUSE, ignore_errors=True)
        partial.rename(self._folder / PAUSE)
        sync_path(self._folder)

    def complete(self, partial: Path, state: Tensors, numbers: Numbers) -> None:
        """The folder becomes a checkpoint, on the disk when this returns."""
        _write(partial, state, asdict(numbers))
        self.settle(partial, numbers.step)

    def settle(self, partial: Path, step: int) -> None:
        """As `complete`, of a folder in which everything is."""
        for path in (*partial.iterdir(), partial):
            sync_path(path)
        partial.rename(self.folder(step))
        sync_path(self._folder)
        shutil.rmtree(self._folder / PAUSE, ignore_errors=True)

    def drop(self, keep: int, also: int) -> None:
        """Remove all but the newest `keep`, the best, and the one of the step `also`."""
        known = self.all()
        kept = {numbers.step for numbers in known[-keep:]} | {best(known).step, also}
        for numbers in known:
            if numbers.step not in kept:
                shutil.rmtree(self.folder(numbers.step))

    def _empty(self, name: str) -> Path:
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


def _write(folder: Path, state: Tensors, numbers: object) -> None:
    tensors.write(folder / STATE, state)
    with (folder / NUMBERS).open("w") as file:
        json.dump(numbers, file)
        file.flush()
        os.fsync(file.fileno())
    sync_path(folder)


def best(known: Sequence[Numbers]) -> Numbers:
    """That of the lowest held-out loss; the first of equals."""
    return min(known, key=lambda numbers: numbers.held_out_loss)
