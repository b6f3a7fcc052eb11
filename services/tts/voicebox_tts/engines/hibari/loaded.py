"""A hibari voice in memory: its network, how words are said, and the cores that all its streams share."""

import time

import numpy as np
from voicebox_audio.loudness import gain_to
from voicebox_kit.errors import StartError
from voicebox_models.devices import usable_cores
from voicebox_models.family import CONCURRENCY

from voicebox_tts.engines.likeness import CALIBRATION, LOUDNESS_LUFS, profile
from voicebox_tts.engines.priority_semaphore import PrioritySemaphore

from .ahead import Workers
from .network import HibariNetwork
from .pronunciation import Pronunciation
from .session import HibariSession, Shared, VoiceChange
from .vocoder import RATE_HZ

TYPICAL_HZ = 170.0


class LoadedHibari:
    """Opened by the engine, and closed when it is unloaded."""

    def __init__(self, weights: bytes, *, british: bool) -> None:
        """StartError when the files are not what they should be."""
        try:
            network = HibariNetwork(weights)
        except Exception as error:  # onnxruntime raises what it likes
            raise StartError(f"The weights cannot be loaded: {error}") from error
        pronunciation = Pronunciation(british=british)
        self._workers = Workers(CONCURRENCY)
        cores = PrioritySemaphore(usable_cores())
        self._shared = Shared(network, pronunciation, self._workers, cores, time.monotonic)
        own = [speech.samples for speech in self.session(VoiceChange(), seed=0).speak(CALIBRATION)]
        spoken = np.concatenate(own)
        self.gain = gain_to(LOUDNESS_LUFS, spoken, RATE_HZ)
        """What makes the voice as loud as others are."""
        measured = profile(spoken, RATE_HZ)
        self.pitch_hz = measured.pitch_hz if measured else TYPICAL_HZ
        """The median of its pitch."""

    def session(self, change: VoiceChange, seed: int) -> HibariSession:
        """A stream."""
        return HibariSession(self._shared, change, seed)

    def close(self) -> None:
        """End the threads. What is open fails with Unavailable."""
        self._workers.close()
