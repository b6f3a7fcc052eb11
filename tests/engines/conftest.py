"""Synthetic speech, for the engines that recognise."""

import numpy as np
import pytest
from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples

SENTENCE = "The weather is very nice today."
SILENCE = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)


@pytest.fixture(scope="session")
def speech() -> Samples:
    """A sentence about the weather, with half a second of silence before and after, 16 kHz."""
    from voicebox_tts.engine import Style
    from voicebox_tts.engines.flite.engine import FliteEngine

    session = FliteEngine().open("slt", Style(), 1)
    pieces = [piece.samples for piece in session.speak(SENTENCE)]
    session.close()
    return np.concatenate([SILENCE, *pieces, SILENCE])
