"""The network of a hibari voice: phonemes become durations, pitch and, frame by frame, a spectrum.

The published model does all at once. Here it is cut in two where its decoder begins, so that sound is made while the
sentence's later frames are not decoded yet. The decoder is convolutions alone: a frame depends on 27 on each side.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .onnx_graph import OnnxGraph

FRAME_SAMPLES = 300
"""12.5 ms at 24 kHz."""
FRAMES_PER_STEP = 2
"""Durations are counted in steps of 25 ms."""
LEAD_FRAMES = 4
"""So much sooner than its durations say does a phoneme sound: its voicing and its energy agree with the pitch and the
samples best when the durations begin 50 to 60 ms earlier. Kokoro, of which the voices are distilled, subtracts 75 ms
from the times that it shows.
"""
CONTEXT_FRAMES = 27
"""Nine convolutions of seven frames each."""
SPECTRUM = ("lh", "theta", "ln", "lr", "phi")
"""Outputs of the decoder, each of shape (1, 601, frames): see `vocoder`."""

Floats = NDArray[np.float32]

_PITCH_FEATURE = -2
"""Its row among the features; the last is the energy."""


@dataclass(frozen=True)
class Prosody:
    """How a piece of text is spoken.

    `starts`, shape (phonemes + 1,), is when they begin, in frames, and the last one's end; `pitch_hz`, shape
    (frames,), is near 0 where there is no voice; `features`, shape (channels, frames), is what the decoder reads.
    """

    starts: NDArray[np.float64]
    pitch_hz: Floats
    features: Floats

    @property
    def frames(self) -> int:
        return len(self.pitch_hz)

    def at_pitch(self, pitch_hz: Floats) -> "Prosody":
        """The same with another contour, shape (frames,)."""
        features = self.features.copy()
        features[_PITCH_FEATURE] = _pitch_feature(pitch_hz)
        return replace(self, pitch_hz=pitch_hz, features=features)


class HibariNetwork:
    """One voice in memory. A call computes in its caller's thread; any number may run at once."""

    def __init__(self, model: bytes) -> None:
        """ValueError when it is no such model."""
        graph = OnnxGraph(model)
        steps, self._features = _durations(graph), _decoder_input(graph)
        self._prosody = _session(graph.part(("ids", "speed"), (steps, "f0", self._features)))
        self._decoder = _session(graph.part((self._features,), SPECTRUM))
        tried = self.prosody((0, 1, 0), 1.0)
        if not np.allclose(tried.features[_PITCH_FEATURE], _pitch_feature(tried.pitch_hz), atol=1e-3):
            raise ValueError("It is no model of hibari: its decoder reads the pitch otherwise.")

    def prosody(self, ids: tuple[int, ...], speed: float) -> Prosody:
        """Of phonemes, as numbers of the vocabulary with 0 at both ends.

        The network's own input for the speed is not used: it gives no phoneme less than 25 ms, so that it is never more
        than twice as fast, and speaks higher when it is faster. Frames are left out or repeated instead.
        """
        feed = {"ids": np.array([ids], np.int64), "speed": np.ones(1, np.float32)}
        steps, pitch_hz, features = self._prosody.run(None, feed)
        starts = FRAMES_PER_STEP * np.concatenate([[0], np.cumsum(steps.astype(np.int64))])
        frames = max(round(len(pitch_hz[0]) / speed), 1)
        kept = np.minimum((np.arange(frames) + 0.5) * speed, len(pitch_hz[0]) - 1).astype(np.int64)
        return Prosody(np.clip((starts - LEAD_FRAMES) / speed, 0, frames), pitch_hz[0, kept], features[0][:, kept])

    def spectrum(self, features: Floats, begin: int, end: int) -> Floats:
        """The frames from `begin` to `end`, shape (5, frames, 601), in the order of SPECTRUM."""
        first, last = max(begin - CONTEXT_FRAMES, 0), min(end + CONTEXT_FRAMES, features.shape[1])
        parts = self._decoder.run(None, {self._features: np.ascontiguousarray(features[None, :, first:last])})
        return np.stack([part[0, :, begin - first : end - first].T for part in parts])


def _pitch_feature(pitch_hz: Floats) -> Floats:
    return (np.log1p(np.maximum(pitch_hz, 0)) / 5).astype(np.float32)


def _session(model: bytes) -> Any:
    """One thread for each call: its steps are too short to be shared, and sums do not depend on who else computes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _durations(graph: OnnxGraph) -> str:
    """Of all values only the durations are rounded; then they are kept above 0."""
    rounded = [node.outputs[0] for node in graph.nodes if node.operator == "Round"]
    clipped = [node.outputs[0] for node in graph.nodes if node.operator == "Clip" and node.inputs[0] in rounded]
    return _only(clipped, "durations")


def _decoder_input(graph: OnnxGraph) -> str:
    weights = "m.dec_in.weight"
    return _only([node.inputs[0] for node in graph.nodes if weights in node.inputs], "decoder")


def _only(found: list[str], what: str) -> str:
    if len(found) != 1:
        raise ValueError(f"It is no model of hibari: {len(found)} {what} are in it.")
    return found[0]
