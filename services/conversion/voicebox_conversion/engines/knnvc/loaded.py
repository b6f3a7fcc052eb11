"""What all voices of kNN-VC share in memory: the first layers of WavLM, and the vocoder."""

import threading
from pathlib import Path

import numpy as np
import torch
from voicebox_kit.errors import Precondition, StartError

from voicebox_conversion.engine import Samples
from voicebox_conversion.engines.speech import encoder
from voicebox_conversion.engines.speech.encoder import FRAME_SAMPLES, RATE_HZ, SpeechEncoder

from . import vocoder
from .vocoder import Vocoder
from .voice import MAX_FRAMES, KnnVcVoice

LAYER = 6
"""Whose output has both who speaks and what is said; the layers behind it are not even loaded."""
MIN_SECONDS = 1.0
_STEP_FRAMES = 500
_QUIET = 0.01
"""The level, as a share of the loudest frame's, under which a frame of recordings is silence."""


class LoadedKnnVc:
    """Thread-safe: one window is computed at a time, on all threads of torch."""

    def __init__(self, speech: SpeechEncoder, voice: Vocoder, device: str) -> None:
        if speech.config.hidden != voice.lin_pre.in_features:
            raise StartError(f"The vocoder takes {voice.lin_pre.in_features} features, not {speech.config.hidden}.")
        self.speech, self.vocoder, self.device = speech, voice, device
        self.lock = threading.Lock()

    def close(self) -> None:
        """Nothing but memory is held."""

    def features(self, samples: Samples) -> torch.Tensor:
        """Of whole frames, shape (frames, size)."""
        count = len(samples) // FRAME_SAMPLES
        whole = np.pad(samples[: count * FRAME_SAMPLES], (0, encoder.SPARE_SAMPLES))
        made: torch.Tensor = self.speech(torch.from_numpy(whole).to(self.device)[None])[0]
        return made

    @torch.inference_mode()
    def learned(self, samples: Samples) -> KnnVcVoice:
        """The voice of recordings at RATE_HZ. Raises Precondition("TOO_LITTLE_SPEECH")."""
        step, found = _STEP_FRAMES * FRAME_SAMPLES, list[torch.Tensor]()
        count = 0
        loudest = _levels(samples).max(initial=0.0)
        for begin in range(0, len(samples) - FRAME_SAMPLES + 1, step):
            part = samples[begin : begin + step]
            is_loud = torch.from_numpy(_levels(part) > max(_QUIET * loudest, 1e-4))
            with self.lock:
                found.append(self.features(part)[is_loud.to(self.device)])
            count += len(found[-1])
            if count >= MAX_FRAMES:
                break
        if count * FRAME_SAMPLES < MIN_SECONDS * RATE_HZ:
            seconds = count * FRAME_SAMPLES / RATE_HZ
            sentence = f"The recordings have {seconds:.1f} s of speech, but {MIN_SECONDS:g} s are needed."
            raise Precondition("TOO_LITTLE_SPEECH", "recordings", sentence)
        return KnnVcVoice(torch.cat(found)[:MAX_FRAMES].half().float())


def _levels(samples: Samples) -> Samples:
    """Of whole frames."""
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    levels: Samples = np.sqrt((frames**2).mean(axis=1))
    return levels


def load(folder: Path, device: str) -> LoadedKnnVc:
    """StartError when the files cannot be used."""
    return LoadedKnnVc(encoder.load(folder, device, LAYER), vocoder.load(folder, device), device)
