"""A Piper voice in memory: its network, and the process that finds phonemes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from voicebox_kit.errors import StartError

from voicebox_tts.engine import Samples
from voicebox_tts.engines.espeak.phonemizer import Phonemizer

from . import model_files
from .graph import DURATIONS, NOISE, SPEED, with_noise_and_durations

OUTPUT = "output"
NOISE_SAMPLES = 192 * 1024
"""Drawn for each clause: 12 s of it in a voice of medium quality, after which it repeats."""


class LoadedPiper:
    """Thread-safe: any number of clauses may be spoken at once."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Opens the one voice in a folder; StartError when its files cannot be used."""
        path = model_files.model(folder)
        self.config = model_files.config(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        try:
            self._session = onnxruntime.InferenceSession(
                with_noise_and_durations(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the library has an exception of its own for each kind of fault
            raise StartError(f"{path.name} cannot be used: {error}.") from error
        self._inputs = {each.name for each in self._session.get_inputs()}
        self.phonemizer = Phonemizer()

    def speak(
        self, ids: Sequence[int], speed: float, speaker: int, noise: NDArray[np.float32]
    ) -> tuple[Samples, NDArray[np.float32]]:
        """The audio of a clause, and how many samples each id lasts, shape (ids,)."""
        config = self.config
        scales = np.array([config.noise_scale, config.length_scale, config.duration_noise_scale], np.float32)
        given = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": scales,
            "sid": np.array([speaker], np.int64),
            NOISE: noise,
            SPEED: np.array([speed], np.float32),
        }
        audio, frames = self._session.run(
            [OUTPUT, DURATIONS], {name: value for name, value in given.items() if name in self._inputs}
        )
        samples, durations = audio.reshape(-1).astype(np.float32), frames.reshape(-1)
        return np.clip(samples, -1, 1), durations * (len(samples) / max(float(durations.sum()), 1.0))

    def close(self) -> None:
        """End the process."""
        self.phonemizer.close()
