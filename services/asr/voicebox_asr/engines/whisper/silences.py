"""Silences of a clip, found in its log-mel spectrogram."""

import numpy as np
from numpy.typing import NDArray

from voicebox_asr.segmentation.coverage import Span

FRAME_SECONDS = 0.01
MIN_SECONDS = 0.12
"""A stop consonant closes the mouth for up to 0.1 s."""

DEPTH_DB = 30.0
"""So much below the loudest speech is silence. Fricatives are 25 dB below; where a noise is louder no silence is
found.
"""
LOUDEST = 0.95


def silences(features: NDArray[np.float32]) -> list[Span]:
    """The silences of a log-mel spectrogram as Whisper reads it, shape (mels, frames), in seconds."""
    if not features.shape[1]:
        return []
    level = 10.0 * np.log10(np.power(10.0, 4.0 * features).sum(axis=0))  # features are log10 / 4 + 1
    is_silent = level < np.quantile(level, LOUDEST) - DEPTH_DB
    edges = np.flatnonzero(np.diff(np.concatenate(([0], is_silent, [0]))))
    spans = [(float(start) * FRAME_SECONDS, float(end) * FRAME_SECONDS) for start, end in edges.reshape(-1, 2)]
    return [(start, end) for start, end in spans if end - start >= MIN_SECONDS]
