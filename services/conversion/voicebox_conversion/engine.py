"""What an engine of voice conversion is, and the rules that `tests/conversion/test_world.py` checks.

- An engine's name is its entry point's; nothing is loaded before `load`, and after `unload` it can be loaded again.
- As many samples come out of a session as went in, and what comes does not depend on how they were cut into pieces.
- Files of voices are untrusted: `voice` reads tensors alone, checks their shapes, and runs nothing. What else people
  own is read by `ImportingEngine.from_checkpoint`, in a confined process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from voicebox_models.engine import Loadable

Samples = NDArray[np.float32]
"""Mono audio at the engine's rate, shape (samples,), in [-1, 1]."""

TENSORS = "model.safetensors"
"""The file of a voice's tensors, as trainers write it and archives hold it."""


@dataclass(frozen=True)
class Options:
    """How to convert: `strength` is 0 to 1, see the contract; `pitch_semitones` is added to the target's own pitch.

    With `is_live` the engine answers as soon as it can, and learns the speaker while it converts.
    """

    strength: float = 0.5
    pitch_semitones: float = 0.0
    is_live: bool = False


class Voice(Protocol):
    """A voice in memory."""

    @property
    def size_bytes(self) -> int:
        """How much memory it takes."""


class Session(Protocol):
    """One stream's state. Used by one thread at a time."""

    def begin(self, preview: Samples) -> None:
        """Learn the speaker from the beginning of a file, `preview_seconds` of it or all. It is not converted yet: push
        it, too.
        """

    def push(self, samples: Samples) -> Samples:
        """Take samples, shape (n,); returns those that are ready, shape (m,), m >= 0."""

    def finish(self) -> Samples:
        """Returns the rest: in all as many samples as were pushed."""


class Engine(Loadable, Protocol):
    """A converter. Blocking, thread-safe, and knows nothing of gRPC or asyncio.

    Found through the families of the entry points `voicebox.conversion.engines`, which are called with a
    voicebox_models.engine.Setup.
    """

    @property
    def sample_rate_hz(self) -> int:
        """Of what it takes and makes."""

    @property
    def preview_seconds(self) -> float:
        """How much of a file a session learns the speaker from."""

    @property
    def expectations(self) -> tuple[str, ...]:
        """Sentences for people on what to expect, as that the likeness is approximate; empty for none."""

    def voice(self, file: Path) -> Voice:
        """The voice of a file of tensors. Raises InvalidField("archive") for one that is not of this engine."""

    def learn(self, samples: Samples) -> Voice:
        """A voice of recordings, one after the other. Raises Precondition when there is too little speech, Unsupported
        where an engine can only be trained.
        """

    def open(self, voice: Voice, options: Options) -> Session:
        """Begin a stream. Loads the model when that is needed."""


@dataclass(frozen=True)
class Checkpoint:
    """What was read of a checkpoint: the rate of its voice, and figures."""

    sample_rate_hz: int
    metrics: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class ImportingEngine(Protocol):
    """An engine whose voices people own as checkpoints of other programs."""

    def from_checkpoint(self, checkpoint: Path, index: Path | None, file: Path) -> Checkpoint:
        """Write the voice of a checkpoint, with the index beside it if there is one, to a file of tensors that `voice`
        reads. Both are untrusted. Raises InvalidField("archive") or InvalidField("index").
        """
