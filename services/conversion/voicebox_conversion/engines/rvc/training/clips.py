"""Recordings as the training takes them: samples, features of speech, and pitch, frame by frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from voicebox_kit.errors import Precondition

from voicebox_conversion.engine import Samples
from voicebox_conversion.engines.rvc.config import SynthesizerConfig
from voicebox_conversion.engines.rvc.loaded import LoadedRvc
from voicebox_conversion.engines.rvc.pitch import Hertz
from voicebox_conversion.engines.speech.encoder import FRAME_SAMPLES, RATE_HZ
from voicebox_conversion.engines.speech.windows import resampled

CLIP_SECONDS, MIN_CLIP_SECONDS = 10.0, 0.8
MAX_SECONDS = 3600.0
QUIET = 1e-3
"""Clips whose loudest sample is below this are silence."""


@dataclass(frozen=True)
class Clip:
    """Some seconds. `samples` has shape (frames * hop,), `features` (frames / 2, size) and `f0_hz` (frames,)."""

    samples: torch.Tensor
    features: torch.Tensor
    f0_hz: Hertz

    @property
    def frames(self) -> int:
        return len(self.f0_hz)


def read(
    recordings: Sequence[Path], config: SynthesizerConfig, shared: LoadedRvc, progress: Callable[[int], None]
) -> list[Clip]:
    """The clips of recordings, those of silence left out. Raises Precondition("RECORDING_UNREADABLE")."""
    clips: list[Clip] = []
    seconds = 0.0
    for number, recording in enumerate(recordings):
        progress(number)
        samples, rate = _read(recording)
        step = int(CLIP_SECONDS * rate)
        for begin in range(0, len(samples), step):
            part = samples[begin : begin + step]
            if seconds < MAX_SECONDS and np.abs(part).max(initial=0.0) >= QUIET:
                clips.extend(_clips(part, rate, config, shared))
                seconds += len(part) / rate
    return clips


def _read(recording: Path) -> tuple[Samples, int]:
    try:
        samples, rate = soundfile.read(recording, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise Precondition("RECORDING_UNREADABLE", recording.name, f"{recording.name} is no WAV file.") from error
    return samples.mean(axis=1), rate


@torch.inference_mode()
def _clips(samples: Samples, rate: int, config: SynthesizerConfig, shared: LoadedRvc) -> list[Clip]:
    """One clip, none where there is too little for one."""
    speech = resampled(samples, rate, RATE_HZ)
    units = len(speech) // FRAME_SAMPLES
    if len(speech) < MIN_CLIP_SECONDS * RATE_HZ:
        return []
    features = shared.features(speech).half().cpu()
    whole = resampled(samples, rate, config.rate_hz)[: 2 * units * config.hop_samples]
    padded = np.pad(whole, (0, 2 * units * config.hop_samples - len(whole)))
    f0 = shared.tracker.track(speech)[: 2 * units]
    return [Clip(torch.from_numpy(padded), features, f0)]
