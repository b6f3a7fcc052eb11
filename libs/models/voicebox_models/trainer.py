"""What a trainer is: makes a voice of recordings. Found by entry point in the group `voicebox.trainers`, and called
without arguments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from voicebox_kit.errors import InvalidField

GROUP = "voicebox.trainers"
DEVICE = "VOICEBOX_TRAINING_DEVICE"
"""The variable that says on which device a trainer runs, as in `cuda:1`: the one that its job has for itself."""
WORDS = ("name", "consent", "licence")
"""Options of all trainers."""
MAX_OPTION_CHARACTERS = 2000
MAX_SHOWN = 64


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


class Turn(Protocol):
    """A training's turn on its device, which calls may need meanwhile."""

    def give(self, save: Callable[[], None]) -> None:
        """To be called between two steps. It returns at once unless calls use the device. Otherwise it calls `save`,
        which writes down what the training can go on from, and returns when the calls have ended.
        """
        ...


class OwnTurn:
    """A Turn on a device that nobody else uses."""

    def give(self, save: Callable[[], None]) -> None:
        """Nobody waits."""


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
        turn: Turn,
    ) -> Result:
        """Train a voice of `recordings`, mono WAV files of 16-bit samples at any rate. Between steps it calls
        `turn.give`.

        The files of the result lie in `folder` when it returns. Raises InvalidField or Precondition of
        voicebox_kit.errors for options or recordings that it cannot use.
        """
        ...


def words_of(options: Mapping[str, str], own: Sequence[str] = ()) -> dict[str, str]:
    """The WORDS among the options of a trainer, whose own options are `own`. InvalidField for one that does not exist,
    and for one that is too long.
    """
    known = (*WORDS, *own)
    for name, value in options.items():
        if name not in known:
            sentence = f"There is no option {name[:MAX_SHOWN]!r}; there are {', '.join(known)}."
            raise InvalidField(f"options.{name[:MAX_SHOWN]}", sentence)
        if len(value) > MAX_OPTION_CHARACTERS:
            raise InvalidField(f"options.{name}", f"{name} must have at most {MAX_OPTION_CHARACTERS} characters.")
    return {name: options.get(name, "").strip() for name in WORDS}
