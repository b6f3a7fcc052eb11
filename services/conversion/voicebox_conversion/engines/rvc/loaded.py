"""What all voices of RVC share in memory: the encoder of speech and the tracker of pitch."""

import threading
from pathlib import Path

import numpy as np
import torch

from voicebox_conversion.engine import Samples
from voicebox_conversion.engines.speech import encoder
from voicebox_conversion.engines.speech.encoder import FRAME_SAMPLES, SPARE_SAMPLES, SpeechEncoder

from .pitch import PitchTracker


class LoadedRvc:
    """Thread-safe: one window is computed at a time, on all threads of torch."""

    def __init__(self, speech: SpeechEncoder, tracker: PitchTracker, device: str) -> None:
        self.speech, self.tracker, self.device = speech, tracker, device
        self.lock = threading.Lock()

    def close(self) -> None:
        """Nothing but memory is held."""

    def features(self, samples: Samples) -> torch.Tensor:
        """Of whole frames of the encoder, shape (frames, hidden)."""
        count = len(samples) // FRAME_SAMPLES
        whole = np.pad(samples[: count * FRAME_SAMPLES], (0, SPARE_SAMPLES))
        made: torch.Tensor = self.speech(torch.from_numpy(whole).to(self.device)[None])[0]
        return made


def load(folder: Path, device: str, tracker: PitchTracker) -> LoadedRvc:
    """StartError when the files cannot be used."""
    return LoadedRvc(encoder.load(folder, device), tracker, device)
