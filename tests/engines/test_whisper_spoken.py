"""Which languages are spoken in a window, with detections that a test makes up."""

from itertools import pairwise

import numpy as np
import pytest
from voicebox_asr.engines.whisper.spoken_languages import Likely, spoken
from voicebox_asr.segmentation.spans import MIN_SPAN_SECONDS, language_spans
from voicebox_asr.segmentation.windows import FRAME_SECONDS

SPANS = [(0.0, 5.0), (5.0, 10.0), (10.0, 15.0)]
ENGLISH, GERMAN, FRENCH = {"en": 0.95, "de": 0.02}, {"de": 0.9, "en": 0.03}, {"fr": 0.85, "en": 0.02}
UNSURE = {"th": 0.4, "de": 0.2, "en": 0.05}


def found(
    window: Likely, alone: list[Likely], within: list[Likely] | None = None
) -> tuple[list[tuple[float, float, str, bool]], int]:
    """The parts, and how many of the spans were detected alone."""
    requested = []

    def look(span: tuple[float, float]) -> Likely:
        requested.append(span)
        return alone[SPANS.index(span)]

    reported = spoken(window, SPANS, lambda span: (within or alone)[SPANS.index(span)], look)
    return [(each.start_seconds, each.end_seconds, each.language, each.is_sure) for each in reported], len(requested)


def test_one_language_is_looked_at_once() -> None:
    assert found(ENGLISH, [ENGLISH, ENGLISH, ENGLISH]) == ([(0.0, 15.0, "en", True)], 0)


@pytest.mark.parametrize("other", [GERMAN, FRENCH])
def test_another_language_is_reported_with_its_time(other: Likely) -> None:
    language = max(other, key=lambda code: other[code])
    assert found(ENGLISH, [ENGLISH, other, ENGLISH])[0] == [
        (0.0, 5.0, "en", True),
        (5.0, 10.0, language, True),
        (10.0, 15.0, "en", True),
    ]
    assert found(ENGLISH, [other, ENGLISH, ENGLISH])[0] == [(0.0, 5.0, language, True), (5.0, 15.0, "en", True)]
    assert found(ENGLISH, [other, other, ENGLISH])[0] == [(0.0, 10.0, language, True), (10.0, 15.0, "en", True)]


def test_three_languages_are_reported() -> None:
    assert [each[2] for each in found(ENGLISH, [GERMAN, ENGLISH, FRENCH])[0]] == ["de", "en", "fr"]


def test_what_is_likely_only_within_the_window_changes_nothing() -> None:
    assert found(ENGLISH, [ENGLISH, ENGLISH, ENGLISH], [ENGLISH, UNSURE, ENGLISH]) == ([(0.0, 15.0, "en", True)], 1)


def test_where_the_window_is_unsure_all_stretches_are_looked_at() -> None:
    mixed = {"en": 0.5, "de": 0.4}
    reported, looked = found(mixed, [GERMAN, ENGLISH, ENGLISH], [{"en": 0.5}, ENGLISH, ENGLISH])
    assert ([each[2] for each in reported], looked) == (["de", "en"], 3)


def test_a_stretch_that_no_language_fits_takes_one_that_was_recognised_or_is_unsure() -> None:
    assert [each[2:] for each in found(ENGLISH, [GERMAN, UNSURE, ENGLISH])[0]] == [("de", True), ("en", True)]
    assert [each[2:] for each in found(ENGLISH, [ENGLISH, UNSURE, ENGLISH])[0]] == [
        ("en", True),
        ("en", False),
        ("en", True),
    ]


def test_several_stretches_decide_together_where_the_window_is_unsure() -> None:
    thai, polish, french = {"th": 0.5, "fr": 0.3}, {"pl": 0.25, "fr": 0.2, "th": 0.01}, {"fr": 0.6, "th": 0.02}
    assert found({"th": 0.6, "fr": 0.1}, [thai, polish, french])[0] == [(0.0, 15.0, "fr", True)]
    assert found({"th": 0.6, "fr": 0.1}, [thai, thai, thai])[0] == [(0.0, 15.0, "th", True)]
    assert found({"th": 0.9, "fr": 0.05}, [thai, thai, thai])[0] == [(0.0, 15.0, "th", True)]


@pytest.mark.parametrize("pause_seconds", [0.0, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("sentence_seconds", [0.5, 2.0, 6.0])
def test_stretches_are_without_gaps_cut_at_pauses_and_long_enough(
    sentence_seconds: float, pause_seconds: float
) -> None:
    frames = [round(seconds / FRAME_SECONDS) for seconds in (sentence_seconds, pause_seconds)]
    speech = np.resize(np.repeat([True, False], frames), round(30.0 / FRAME_SECONDS))
    cut = language_spans(speech, 30.0)
    assert (cut[0][0], cut[-1][1]) == (0.0, 30.0)
    assert all(one[1] == other[0] for one, other in pairwise(cut))
    assert all(end - start >= MIN_SPAN_SECONDS for start, end in cut)
    assert all(not speech[int(end / FRAME_SECONDS)] for _, end in cut[:-1])
    assert (len(cut) > 1) == (pause_seconds > 0.2)


@pytest.mark.parametrize("frames", [0, 20])
def test_without_known_speech_there_is_one_stretch(frames: int) -> None:
    assert language_spans(np.zeros(frames, np.bool_), 12.0) == [(0.0, 12.0)]
