"""What one step of a training sees: parts of clips, drawn by the number of the step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from voicebox_conversion.engines.rvc.config import FRAME_MS, SynthesizerConfig
from voicebox_conversion.engines.rvc.pitch import steps
from voicebox_conversion.engines.rvc.synthesizer import Pitch

from .clips import Clip


@dataclass(frozen=True)
class Batch:
    """Parts of equal length. `samples` has shape (batch, frames * hop), `features` (batch, frames, size)."""

    samples: torch.Tensor
    features: torch.Tensor
    pitch: Pitch


def batch(
    clips: Sequence[Clip], config: SynthesizerConfig, drawn: np.random.Generator, size: int, frames: int
) -> Batch:
    """`size` parts of `frames`, an even number, or of the shortest clip's length. Longer clips are drawn more often."""
    frames = min(frames, *(clip.frames for clip in clips))
    weights = np.array([clip.frames for clip in clips], float)
    parts = []
    for number in drawn.choice(len(clips), size, p=weights / weights.sum()):
        unit = int(drawn.integers(0, (clips[number].frames - frames) // 2 + 1))
        parts.append(_part(clips[number], 2 * unit, frames, config.hop_samples))
    samples, features, f0 = (list(each) for each in zip(*parts, strict=True))
    hertz = np.stack(f0)
    turned = np.cumsum(hertz.astype(np.float64), 1) * (FRAME_MS / 1000)
    turns = np.concatenate([np.zeros((size, 1)), turned[:, :-1]], 1) % 1.0
    pitch = Pitch(torch.from_numpy(hertz), torch.from_numpy(steps(hertz)), torch.from_numpy(turns.astype(np.float32)))
    return Batch(torch.stack(samples), torch.stack(features), pitch)


def _part(clip: Clip, begin: int, frames: int, hop: int) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    end = begin + frames
    features = clip.features[begin // 2 : end // 2].float().repeat_interleave(2, 0)
    return clip.samples[begin * hop : end * hop], features, clip.f0_hz[begin:end]
