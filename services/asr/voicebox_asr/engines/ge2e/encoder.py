"""GE2E speaker embeddings (Wan et al. 2018, arXiv:1710.10467) with the weights in the package resemblyzer.

Of the package only the weights are used, by numpy: importing it would bring torch, librosa and a C compiler for
webrtcvad.
"""

import importlib.util
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from voicebox_kit.errors import StartError

from voicebox_asr.diarization.speaker_encoder import Embeddings, Windows
from voicebox_asr.engine import SAMPLE_RATE_HZ

from .weights import read_tensors

FRAME_SAMPLES, HOP_SAMPLES = 400, 160
FRAMES = 160
MELS = 40
LAYERS = 3
SAME_SPEAKER_SIMILARITY = 0.66
"""The mean over windows of one person is 0.69 to 0.85; of two people 0.36 to 0.53, of very similar voices 0.62."""

LEVEL = 10 ** (-30 / 20)
"""The network was trained on speech that is at least as loud as this, as root mean square."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Lstm:
    """One layer: its gates' weights side by side in the order input, forget, cell, output."""

    from_input: Array
    from_hidden: Array
    bias: Array


@dataclass(frozen=True)
class Network:
    layers: tuple[Lstm, ...]
    projection: Array
    bias: Array


class Ge2e:
    """Windows of 1.6 s become 256 numbers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._network: Network | None = None

    @property
    def name(self) -> str:
        return "ge2e"

    @property
    def missing(self) -> str:
        return "" if _weights_file() else "Install its weights: `pip install --no-deps Resemblyzer==0.1.4`."

    @property
    def window_samples(self) -> int:
        return FRAMES * HOP_SAMPLES

    @property
    def same_speaker_similarity(self) -> float:
        return SAME_SPEAKER_SIMILARITY

    def embed(self, windows: Windows) -> Embeddings:
        network = self._loaded()
        hidden = _mel_spectrograms(windows)
        for layer in network.layers:
            hidden = _run(layer, hidden)
        raw = np.maximum(hidden[-1] @ network.projection + network.bias, 0)
        return np.asarray(raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-9), np.float32)

    def _loaded(self) -> Network:
        with self._lock:
            if self._network is None:
                file = _weights_file()
                if file is None:
                    raise StartError(f"The speaker engine {self.name} lacks something. {self.missing}")
                self._network = _network(read_tensors(file))
            return self._network


def _run(layer: Lstm, inputs: Array) -> Array:
    """A layer over time: shape (frames, windows, n) to (frames, windows, hidden)."""
    frames, count, _ = inputs.shape
    size = layer.from_hidden.shape[0]
    gates = inputs @ layer.from_input + layer.bias
    hidden, cell = np.zeros((count, size), np.float32), np.zeros((count, size), np.float32)
    outputs = np.empty((frames, count, size), np.float32)
    for frame in range(frames):
        gate = gates[frame] + hidden @ layer.from_hidden
        into, forget, output = (_sigmoid(gate[:, at * size : (at + 1) * size]) for at in (0, 1, 3))
        cell = forget * cell + into * np.tanh(gate[:, 2 * size : 3 * size])
        hidden = outputs[frame] = output * np.tanh(cell)
    return outputs


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5, np.float32)


def _mel_spectrograms(windows: Windows) -> Array:
    """Mel power spectra, shape (frames, windows, mels), as librosa's melspectrogram gives them."""
    level = np.sqrt(np.mean(windows**2, axis=1, keepdims=True))
    padded = np.pad(
        windows * np.maximum(LEVEL / np.maximum(level, 1e-6), 1), ((0, 0), (FRAME_SAMPLES // 2, FRAME_SAMPLES // 2))
    )
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME_SAMPLES, axis=1)[:, ::HOP_SAMPLES][:, :FRAMES]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES)
    power = np.abs(np.fft.rfft(frames * hann.astype(np.float32))) ** 2
    return np.asarray((power @ _mel_filters().T).transpose(1, 0, 2), np.float32)


@cache
def _mel_filters() -> Array:
    """Slaney's triangles of equal area, shape (mels, bins): linear below 1 kHz, 27 to a factor of 6.4 above."""
    edges = np.linspace(0, 15 + 27 * np.log(SAMPLE_RATE_HZ / 2 / 1000) / np.log(6.4), MELS + 2)
    hertz = np.where(edges < 15, edges * 200 / 3, 1000 * np.exp((edges - 15) * np.log(6.4) / 27))
    bins = np.arange(FRAME_SAMPLES // 2 + 1) * SAMPLE_RATE_HZ / FRAME_SAMPLES
    rising = (bins - hertz[:-2, None]) / np.diff(hertz)[:-1, None]
    falling = (hertz[2:, None] - bins) / np.diff(hertz)[1:, None]
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * (2 / (hertz[2:] - hertz[:-2]))[:, None], np.float32)


def _network(tensors: dict[str, Array]) -> Network:
    layers = tuple(
        Lstm(
            np.ascontiguousarray(tensors[f"lstm.weight_ih_l{layer}"].T),
            np.ascontiguousarray(tensors[f"lstm.weight_hh_l{layer}"].T),
            tensors[f"lstm.bias_ih_l{layer}"] + tensors[f"lstm.bias_hh_l{layer}"],
        )
        for layer in range(LAYERS)
    )
    return Network(layers, np.ascontiguousarray(tensors["linear.weight"].T), tensors["linear.bias"])


def _weights_file() -> Path | None:
    """Where the package's weights are; None when it is not installed."""
    found = importlib.util.find_spec("resemblyzer")
    folders = found.submodule_search_locations if found else None
    return next((file for folder in folders or () if (file := Path(folder) / "pretrained.pt").exists()), None)
