"""A Pocket TTS model in memory: its weights, and the threads that run it."""

import logging
from collections import OrderedDict
from pathlib import Path

import soxr
from voicebox_kit.errors import InvalidField, StartError

from voicebox_tts.engine import LONGEST_REFERENCE_SECONDS, Reference, Samples
from voicebox_tts.engines.likeness import profile

from . import model_files
from .network import PocketNetwork
from .prompt import PocketPrompt
from .session import PocketSession
from .workers import Workers, outcome

MAX_CACHED_VOICES = 8
"""Built-in voices in memory, of some 6 MB each."""


class LoadedPocket:
    """Opened by the engine, and closed when it is unloaded."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Raises StartError when the files cannot be used. `threads` speak, and one more encodes recordings."""
        logging.getLogger("pocket_tts").setLevel(logging.ERROR)  # its warnings contain the texts of callers
        self._files = model_files.voices(folder)
        self._voices: OrderedDict[str, PocketPrompt] = OrderedDict()
        try:
            self.network = PocketNetwork(folder)
            for name in list(self._files)[:1]:
                self.voice(name)
        except Exception as error:  # the libraries raise what they like for files that are not what they should be
            raise StartError(f"The model in {folder} cannot be loaded: {error}") from error
        self._workers = Workers(threads)
        self._encoder = Workers(1)

    def voice(self, name: str) -> PocketPrompt:
        """A built-in voice, cached for the next stream; ValueError when its file is no voice of this model."""
        prompt = self._voices.get(name) or self.network.voice(self._files[name])
        self._voices[name] = prompt
        while len(self._voices) > MAX_CACHED_VOICES:
            self._voices.popitem(last=False)
        return prompt

    def prompt(self, reference: Reference) -> PocketPrompt:
        """Compute the prompt of a recording, while others speak; InvalidField("reference") when it holds too little
        speech.
        """
        if profile(reference.samples, reference.sample_rate_hz) is None:
            sentence = "The recording holds less than a third of a second of voiced speech."
            raise InvalidField("reference", sentence, "REFERENCE_TOO_LITTLE_SPEECH")
        beginning = reference.samples[: LONGEST_REFERENCE_SECONDS * reference.sample_rate_hz]
        samples: Samples = soxr.resample(beginning, reference.sample_rate_hz, self.network.sample_rate_hz)
        return outcome(self._encoder.submit(self.network.encode, samples))

    def session(self, prompt: PocketPrompt, seed: int) -> PocketSession:
        """A stream."""
        return PocketSession(self.network, self._workers, prompt, seed)

    def close(self) -> None:
        """End the threads. What is open fails with Unavailable."""
        self._workers.close()
        self._encoder.close()
