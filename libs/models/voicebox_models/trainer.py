"""What a trainer is: makes a voice of recordings. Found by entry point in the group `voicebox.trainers`, and called
without arguments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

GROUP = "voicebox.trainers"


@dataclass(frozen=True)
class Progress:
    """How far a training is: from 0 to 1, and what it does now in a few words, as in `epoch 3 of 8`."""

    fraction: float
    stage: str = ""


@dataclass(frozen=True)
class Result:
    """What a training made. `files` are paths within its folder; all of them are published."""

    files: Sequence[str]
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Figures of the training, by names such as `loss`."""
    seconds_of_speech: float = 0.0
    """How much of the recordings was used."""
    warnings: Sequence[str] = ()
    """A sentence for each thing that is not as it was asked."""


class Trainer(Protocol):
    """Trains voices of one engine. It runs in a process of its own, which may be ended at any time: what it needs in
    order to go on from there it writes into `folder` itself.
    """

    @property
    def name(self) -> str:
        """Of its engine, as in `world`; that of the entry point."""
        ...

    def train(
        self,
        recordings: Sequence[Path],
        options: Mapping[str, str],
        folder: Path,
        progress: Callable[[Progress], None],
    ) -> Result:
        """Train a voice of `recordings`, mono WAV files of 16-bit samples at any rate.

        The files of the result lie in `folder` when it returns. Raises InvalidField or Precondition of
        voicebox_kit.errors for options or recordings that it cannot use.
        """
        ...
