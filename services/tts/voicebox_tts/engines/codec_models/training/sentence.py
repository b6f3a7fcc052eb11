"""What a checkpoint of a voice is measured by: its loss on clips that are held out, and a sentence that it speaks."""

import wave
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from voicebox_models.adapters.dataset import Clip, Dataset
from voicebox_models.adapters.training import SAMPLE

MAX_MEASURED = 50
"""So many of the clips that are held out are measured at each checkpoint."""
SILENCE = 1e-3
"""A sentence whose level (RMS) is lower, -60 dB, is no speech."""
MARGIN = 0.05
"""Other texts must suit clips that were held out worse by this part of the loss."""

E = TypeVar("E")


def of_sentence(folder: Path, samples: NDArray[np.float32], sample_rate_hz: int) -> dict[str, float]:
    """What a spoken sentence is like, which is written to SAMPLE."""
    _write_wav(folder / SAMPLE, samples, sample_rate_hz)
    level = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
    return {"sentence_seconds": len(samples) / sample_rate_hz, "sentence_level": level}


def failure(measures: Mapping[str, float]) -> str:
    """Why a checkpoint does not pass, as a sentence; empty when it does."""
    if not measures["sentence_seconds"] or measures["sentence_level"] < SILENCE:
        return "The test sentence is silence."
    if measures.get("text_margin", np.inf) < MARGIN * measures["held_out_loss"]:
        return "It does not follow the text: other texts suit the recordings that were held out as well as their own."
    return ""


def exchanged(dataset: Dataset, held_out: Sequence[Clip], example: Callable[[int, str], E]) -> list[E]:
    """An example of each clip that is held out, by its number, with a text that is not its own; none where there is no
    other, or where no clip is held out.
    """
    if not dataset.has_held_out:
        return []
    texts = [clip.text for clip in (*dataset.held_out, *dataset.trained)]
    others = [next((text for text in texts if text != each.text), "") for each in held_out]
    return [example(number, other) for number, other in enumerate(others) if other]


def _write_wav(path: Path, samples: NDArray[np.float32], sample_rate_hz: int) -> None:
    """Mono, 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate_hz)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
