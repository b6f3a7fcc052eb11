"""Where an engine is not sure is told, once for neighbours, by the caller's own thresholds."""

import pytest
from voicebox_asr.engine import Decoding, Hypothesis, Options, Scores
from voicebox_asr.live.recognizer import Final, SpeechStart
from voicebox_asr.live.result import LiveResult
from voicebox_asr.live.stream import StreamFinished
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import WarningReason, low_confidence_warnings

pytestmark = pytest.mark.unit

SURE, UNLIKELY, REPETITIVE = Scores(None, -0.3, 1.2), Scores(None, -1.5, 1.2), Scores(None, -0.3, 3.0)


def utterances(*scores: Scores) -> list[Utterance]:
    return [
        Utterance(at, Hypothesis(f"text {at}", None, (), "en", scores=score), float(at), at + 0.9)
        for at, score in enumerate(scores)
    ]


def test_neighbours_are_reported_once() -> None:
    found = low_confidence_warnings(utterances(UNLIKELY, REPETITIVE, SURE, SURE, UNLIKELY), Decoding())
    assert [(notice.start_seconds, notice.end_seconds) for notice in found] == [(0.0, 1.9), (4.0, 4.9)]
    assert {notice.reason for notice in found} == {WarningReason.LOW_CONFIDENCE}


def test_the_callers_thresholds_count() -> None:
    assert not low_confidence_warnings(utterances(UNLIKELY), Decoding(log_probability_threshold=-2.0))
    assert not low_confidence_warnings(utterances(REPETITIVE), Decoding(compression_ratio_threshold=4.0))
    assert low_confidence_warnings(utterances(SURE), Decoding(log_probability_threshold=0.0))


def test_an_engine_that_reports_no_scores_is_believed() -> None:
    assert not low_confidence_warnings(utterances(Scores()), Decoding())


def test_finals_are_cut_on_their_way_and_reported_at_the_end() -> None:
    looping = Utterance(3, Hypothesis("no " * 40, None, (), "en", scores=REPETITIVE), 1.0, 9.0)
    recognised = LiveResult(Options().decoding, collect=True)
    began = SpeechStart(1.0)
    assert recognised.take(began) is began
    final = recognised.take(Final(looping, 0.0))
    assert isinstance(final, Final)
    assert (final.utterance.index, final.utterance.hypothesis.text) == (3, "no")
    result = recognised.transcript(StreamFinished(10.0, 1, "en", 0))
    assert [notice.reason for notice in result.warnings] == [WarningReason.REPETITION, WarningReason.LOW_CONFIDENCE]
    assert result.utterances == [final.utterance]


def test_finals_that_nobody_keeps_are_not_held() -> None:
    recognised = LiveResult(Options().decoding, collect=False)
    for utterance in utterances(SURE, SURE):
        recognised.take(Final(utterance, 0.0))
    assert recognised.transcript(StreamFinished(2.0, 2, "en", 0)).utterances == []
