"""What a trainer of adapters is. Found by entry point in the group `voicebox.adapter_trainers`, and called without
arguments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from voicebox_models.trainer import OwnTurn, Progress, Turn

GROUP = "voicebox.adapter_trainers"


@dataclass(frozen=True)
class Task:
    """What is trained: an adapter of the model in `base`, whose name is `{engine}/{model}`, on the data set in
    `dataset`, see dataset.read. `folder` is the trainer's own; where an earlier attempt left checkpoints in it,
    training goes on from the last of them.
    """

    dataset: Path
    base: Path
    base_model: str
    base_revision: str
    licence: str
    consent: str
    speaker: str
    """What the voice is called; recognisers have none."""
    options: Mapping[str, str]
    folder: Path
    device: str
    turn: Turn = field(default_factory=OwnTurn)
    """Asked between steps, as `adapters.training.fit` does."""


@dataclass(frozen=True)
class AdapterResult:
    """What a training made. The files lie in the task's folder."""

    adapters: Mapping[int, str]
    """The folder of each checkpoint's adapter, by its step."""
    best_step: int
    """The checkpoint of the lowest held-out loss, which is proposed."""
    chosen_step: int
    """The one that the options name, or the best."""
    numbers: str
    """A JSON file: the loss of each step, and what was measured at each checkpoint."""
    samples: Sequence[str]
    """Audio to listen to: the test sentence at each checkpoint."""
    metrics: Mapping[str, float]
    """Of the chosen checkpoint."""
    failure: str
    """Why the chosen checkpoint does not pass its test, as a sentence; empty when it passes."""
    warnings: Sequence[str] = ()


class AdapterTrainer(Protocol):
    """Trains adapters of the models of one engine. It runs in a process of its own, which may be ended at any time."""

    @property
    def name(self) -> str:
        """Of its engine, as in `whisper`; that of the entry point."""
        ...

    @property
    def service(self) -> str:
        """Which service runs the engine: `tts` or `asr`."""
        ...

    def train(self, task: Task, progress: Callable[[Progress], None]) -> AdapterResult:
        """Train an adapter. Raises InvalidField or Precondition of voicebox_kit.errors for what it cannot use."""
        ...
