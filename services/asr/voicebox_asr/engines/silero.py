"""Silero's voice activity detector, which comes in the wheel of faster-whisper: how likely each 32 ms are speech."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from voicebox_kit.errors import StartError

from voicebox_asr.engine import Samples
from voicebox_asr.segmentation.windows import FRAME_SAMPLES

CONTEXT_SAMPLES = 64
"""Samples of the frame before that the model reads, too."""

THRESHOLD = 0.5
"""Silero's own: good for most recordings."""

HYSTERESIS = 0.15
"""Speech ends when its probability is lower by this than the threshold that started it."""

MODEL = "assets/silero_vad_v6.onnx"


def release(threshold: float) -> float:
    """The probability below which speech ends that began with `threshold`."""
    return max(threshold - HYSTERESIS, 0.01)


class Silero:
    """The model, for all streams. It takes 1.4 ms for 1 s of audio, 2.4 ms frame by frame, on one core."""

    def __init__(self) -> None:
        package = find_spec("faster_whisper")
        if package is None or not package.submodule_search_locations:
            raise StartError("Voice activity detection needs faster-whisper: install voicebox-asr[whisper].")
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        path = Path(package.submodule_search_locations[0]) / MODEL
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, frames: Samples, hidden: Samples, cell: Samples) -> tuple[Samples, Samples, Samples]:
        """Probabilities of shape (frames,) for frames with context of shape (frames, 576), and the state after them."""
        probabilities, hidden, cell = self._session.run(None, {"input": frames, "h": hidden, "c": cell})
        return probabilities, hidden, cell


class SpeechProbability:
    """One stream's state. The result is the same however the stream is cut into calls."""

    def __init__(self, model: Silero) -> None:
        self._model = model
        self._hidden = self._cell = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)

    def of(self, samples: Samples) -> NDArray[np.float32]:
        """The probability of speech in each frame, shape (frames,), of the next frames, shape (frames * 512,)."""
        frames = samples.reshape(-1, FRAME_SAMPLES)
        contexts = np.vstack((self._context, frames[:-1, -CONTEXT_SAMPLES:]))
        probabilities, self._hidden, self._cell = self._model.run(
            np.hstack((contexts, frames)), self._hidden, self._cell
        )
        self._context = frames[-1, -CONTEXT_SAMPLES:].copy()
        return probabilities


class SileroVoiceActivity:
    """One live stream's detector."""

    frame_samples = FRAME_SAMPLES

    def __init__(self, model: Silero, threshold: float | None) -> None:
        self._probability = SpeechProbability(model)
        self._threshold = THRESHOLD if threshold is None else threshold
        self._speaking = False

    def is_speech(self, frame: Samples) -> bool:
        probability = float(self._probability.of(frame)[0])
        self._speaking = probability >= (release(self._threshold) if self._speaking else self._threshold)
        return self._speaking
