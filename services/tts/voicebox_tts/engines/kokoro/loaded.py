"""Kokoro in memory: its network, its styles, and what finds phonemes.

Kokoro-82M (hexgrad, 2025) is StyleTTS 2's decoder (Li et al., 2023): phonemes and a style give durations, in steps of
600 samples, and these, pitch and energy give the audio.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper
from voicebox_kit.errors import StartError, Unavailable

from voicebox_tts.engine import Samples
from voicebox_tts.engines.espeak.phonemizer import Phonemizer
from voicebox_tts.engines.hibari.pronunciation import Pronunciation
from voicebox_tts.engines.hibari.published import VOCABULARY

from . import model_files
from .model_files import LONGEST, WIDTH, Style

RATE_HZ, STEP_SAMPLES = 24_000, 600
DURATIONS = "voicebox_durations"
MAX_STYLES = 64
"""In memory, of half a megabyte each."""


class LoadedKokoro:
    """Thread-safe: any number of clauses may be spoken at once."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Opens the model in a folder; StartError when its files cannot be used."""
        self._session = _opened(model_files.model(folder), threads)
        self._inputs = _inputs(self._session)
        self._files = model_files.voices(folder)
        if not self._files:
            raise StartError(f"There is no voice in the folder voices of {folder.name}.")
        self._styles: OrderedDict[str, Style] = OrderedDict()
        self._readers: dict[bool, Pronunciation] = {}
        self._phonemizer: Phonemizer | None = None
        self._lock = threading.Lock()
        self.vocabulary: Mapping[str, int] = json.loads(VOCABULARY.read())

    def style(self, weights: Mapping[str, float]) -> Style:
        """The styles of some voices, each times its weight; Unavailable("VOICE_DAMAGED") when a file is none."""
        blend = np.zeros((LONGEST, WIDTH), np.float32)
        for name, weight in weights.items():
            blend += np.float32(weight) * self._style_of(name)
        return blend

    def speak(self, ids: Sequence[int], style: Style, speed: float) -> tuple[Samples, NDArray[np.float64]]:
        """The audio of a clause, and how many samples each id lasts, shape (ids,)."""
        row = style[min(max(len(ids) - 2, 1), len(style)) - 1]
        given = (np.array([ids], np.int64), row[None], np.array([speed], np.float32))
        audio, steps = self._session.run(None, dict(zip(self._inputs, given, strict=True)))
        return np.clip(audio.reshape(-1), -1, 1), steps.reshape(-1).astype(np.float64) * STEP_SAMPLES

    def english(self, *, british: bool) -> Pronunciation:
        """The reader of English; read when it is first needed."""
        with self._lock:
            if british not in self._readers:
                self._readers[british] = Pronunciation(british=british)
            return self._readers[british]

    def phonemizer(self) -> Phonemizer:
        """For other languages; started when it is first needed. Unavailable without espeak-ng."""
        with self._lock:
            if self._phonemizer is None:
                try:
                    self._phonemizer = Phonemizer()
                except StartError as error:
                    raise Unavailable("ENGINE_FAILED", str(error), 60.0) from error
            return self._phonemizer

    def close(self) -> None:
        """End the process that finds phonemes."""
        if self._phonemizer:
            self._phonemizer.close()

    def _style_of(self, name: str) -> Style:
        with self._lock:
            if name not in self._styles:
                try:
                    self._styles[name] = model_files.style(self._files[name])
                except (OSError, ValueError) as error:
                    raise Unavailable("VOICE_DAMAGED", str(error), 60.0) from error
                if len(self._styles) > MAX_STYLES:
                    self._styles.popitem(last=False)
            return self._styles[name]


def _opened(path: Path, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    try:
        model = _with_durations(onnx.load(str(path)))
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # both libraries raise whatever they meet
        raise StartError(f"{path.name} cannot be used: {error}.") from error


def _with_durations(model: ModelProto) -> bytes:
    """The serialised network, with its durations as a second output; ValueError when it is not built as Kokoro is."""
    rounded = {node.output[0] for node in model.graph.node if node.op_type == "Round"}
    durations = [node.output[0] for node in model.graph.node if node.op_type == "Clip" and node.input[0] in rounded]
    if len(durations) != 1:
        raise ValueError(f"it is not built as Kokoro is, {len(durations)} of its values are durations")
    model.graph.node.append(helper.make_node("Cast", [durations[0]], [DURATIONS], to=TensorProto.FLOAT))
    model.graph.output.append(helper.make_tensor_value_info(DURATIONS, TensorProto.FLOAT, None))
    return bytes(model.SerializeToString())


def _inputs(session: Any) -> tuple[str, str, str]:
    """The names of the ids, the style and the speed: exports call the first `tokens` or `input_ids`."""
    names = {each.name for each in session.get_inputs()}
    ids = names - {"style", "speed"}
    if len(names) != len(ids) + 2 or len(ids) != 1:
        raise StartError(f"It is not built as Kokoro is: its inputs are {', '.join(sorted(names))}.")
    return ids.pop(), "style", "speed"
