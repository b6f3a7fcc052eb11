"""A voice of this engine: learned from recordings, written to a file of tensors and read from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from voicebox_kit.errors import InvalidField, Precondition

from voicebox_conversion.engine import Samples

from .mapping import Target
from .neighbours import CONTEXT, DIMENSIONS, Neighbours, bank
from .session import CONTEXT_FRAMES, FILE_AHEAD_FRAMES
from .statistics import RunningStatistics, Statistics
from .vocoder import FRAMES_PER_SECOND, HOP_SAMPLES, ORDER, Frames, analysed

MIN_VOICED_SECONDS = 1.0
MAX_SECONDS = 600.0
"""Of recordings that are analysed: more changes nothing."""
_STEP_FRAMES = 10 * FRAMES_PER_SECOND
_COMPARED = 24 * (2 * CONTEXT + 1)
_MAX_FRAMES = 100_000
_MAX_FILE_BYTES = 64 * 1024 * 1024
"""It is read as a whole."""


@dataclass(frozen=True)
class WorldVoice:
    """As voicebox_conversion.engine.Voice."""

    target: Target

    @property
    def size_bytes(self) -> int:
        neighbours = self.target.neighbours
        return neighbours.keys.nbytes + neighbours.cepstra.nbytes + neighbours.projection.nbytes

    def write(self, file: Path) -> None:
        """Write it as a file of tensors: the same voice gives the same bytes."""
        statistics, neighbours = self.target.statistics, self.target.neighbours
        tensors: dict[str, NDArray[Any]] = {
            "pitch": np.array([statistics.pitch_mean, statistics.pitch_deviation]),
            "mean": statistics.mean,
            "deviation": statistics.deviation,
            "keys": neighbours.keys,
            "cepstra": neighbours.cepstra,
            "voiced": neighbours.voiced.astype(np.uint8),
            "projection": neighbours.projection,
        }
        save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, file)


class Learner:
    """Collects the frames of recordings, one after the other."""

    def __init__(self) -> None:
        self._frames: list[Frames] = []
        self.seconds = 0.0

    def add(self, samples: Samples) -> None:
        """A recording at SAMPLE_RATE_HZ."""
        count = len(samples) // HOP_SAMPLES
        padded = np.concatenate([samples, np.zeros(FILE_AHEAD_FRAMES * HOP_SAMPLES, np.float32)])
        for begin in range(0, count, _STEP_FRAMES):
            start, last = max(begin - CONTEXT_FRAMES, 0), min(begin + _STEP_FRAMES, count)
            stretch = padded[start * HOP_SAMPLES : (last + FILE_AHEAD_FRAMES) * HOP_SAMPLES]
            frames = analysed(stretch, begin - start, last - start)
            self._frames.append(Frames(frames.f0_hz, np.zeros(0), np.zeros(0), frames.cepstra))
        self.seconds += len(samples) / (FRAMES_PER_SECOND * HOP_SAMPLES)

    def voice(self) -> WorldVoice:
        """The voice of what was added. Raises Precondition("TOO_LITTLE_SPEECH")."""
        running = RunningStatistics()
        for frames in self._frames:
            running.add(frames)
        if running.voiced_frames < MIN_VOICED_SECONDS * FRAMES_PER_SECOND:
            seconds = running.voiced_frames / FRAMES_PER_SECOND
            sentence = f"The recordings have {seconds:.1f} s of voiced speech, but {MIN_VOICED_SECONDS:g} s are needed."
            raise Precondition("TOO_LITTLE_SPEECH", "recordings", sentence)
        statistics = running.current()
        cepstra = np.concatenate([frames.cepstra for frames in self._frames])
        voiced = np.concatenate([frames.is_voiced for frames in self._frames])
        return WorldVoice(Target(statistics, bank(cepstra, voiced, statistics)))


def read(file: Path) -> WorldVoice:
    """InvalidField("archive") for tensors that are not those of a voice of this engine."""
    if file.stat().st_size > _MAX_FILE_BYTES:
        raise _refused(f"the file has more than {_MAX_FILE_BYTES} bytes")
    try:
        tensors = load_file(file)
        count = len(tensors["keys"])
        pitch = _checked(tensors, "pitch", (2,), np.float64)
        statistics = Statistics(
            float(pitch[0]),
            float(pitch[1]),
            _checked(tensors, "mean", (ORDER,), np.float64),
            _checked(tensors, "deviation", (ORDER,), np.float64),
        )
        neighbours = Neighbours(
            _checked(tensors, "keys", (count, DIMENSIONS), np.float32),
            _checked(tensors, "cepstra", (count, ORDER), np.float32),
            _checked(tensors, "voiced", (count,), np.uint8) > 0,
            _checked(tensors, "projection", (_COMPARED, DIMENSIONS), np.float32),
        )
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _refused(str(error)) from error
    if not 1 <= count <= _MAX_FRAMES or pitch[1] <= 0 or statistics.deviation.min() <= 0:
        raise _refused("a value is out of range")
    return WorldVoice(Target(statistics, neighbours))


def _checked(
    tensors: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...], kind: type[np.generic]
) -> NDArray[Any]:
    tensor = tensors[name]
    if tensor.shape != shape or tensor.dtype != kind:
        raise ValueError(f"{name} has shape {tensor.shape} of {tensor.dtype}")
    if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
        raise ValueError(f"{name} has values that are no numbers")
    return tensor


def _refused(why: str) -> InvalidField:
    return InvalidField("archive", f"The tensors are not a voice of the engine world: {why}.", "VOICE_REFUSED")
