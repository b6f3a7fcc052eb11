"""Parts of a window whose words are too few for their speech."""

import numpy as np
import pytest
from voicebox_asr.engine import Word
from voicebox_asr.segmentation.coverage import parts_lacking_words
from voicebox_asr.segmentation.windows import FRAME_SECONDS

pytestmark = pytest.mark.unit

SENTENCES = ((0.0, 1.9), (2.6, 4.9), (7.3, 9.2), (9.9, 11.7), (12.4, 14.6))


def speech(*spans: tuple[float, float]) -> np.ndarray:
    """Frames with speech in these spans."""
    times = (np.arange(round(15.0 / FRAME_SECONDS)) + 0.5) * FRAME_SECONDS
    return np.any([(start <= times) & (times < end) for start, end in spans], axis=0)


def said(text: str, start: float, end: float) -> list[Word]:
    """The words, of equal length."""
    edges = np.linspace(start, end, len(text.split()) + 1)
    return [
        Word(word, float(first), float(last), 1.0)
        for word, first, last in zip(text.split(), edges, edges[1:], strict=False)
    ]


def test_a_sentence_that_was_stretched_over_another_is_found_where_most_of_a_window_lacks_words() -> None:
    """Two parts without words and one with a third of its own made the middle part of all the usual one."""
    words = [
        *said("It is easy to tell the depth of a well.", 0.06, 1.85),
        *said("The old", 9.95, 11.65),
        *said("man walked slowly to the market.", 12.5, 14.5),
    ]
    found = parts_lacking_words(speech(*SENTENCES), words)
    assert any(np.allclose(part, (9.9, 11.7), atol=2 * FRAME_SECONDS) for part in found)


def test_sentences_that_are_all_there_are_left_as_they_are() -> None:
    words = [
        word for start, end in SENTENCES for word in said("It is easy to tell the depth of it.", start, end - 0.05)
    ]
    assert parts_lacking_words(speech(*SENTENCES), words) == []
