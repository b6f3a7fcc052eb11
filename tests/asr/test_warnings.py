"""Where an engine is not sure is reported, once for neighbours, by the caller's own thresholds."""

import re
from pathlib import Path

import pytest
from voicebox_asr.engine import Decoding, Hypothesis, Options, Scores
from voicebox_asr.live.recognizer import Final, SpeechStart
from voicebox_asr.live.result import LiveResult
from voicebox_asr.live.stream import StreamFinished
from voicebox_asr.results.unsure_languages import unsure_languages
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
    recognised = LiveResult(Options(), collect=True)
    began = SpeechStart(1.0)
    assert recognised.take(began) is began
    final = recognised.take(Final(looping, 0.0))
    assert isinstance(final, Final)
    assert (final.utterance.index, final.utterance.hypothesis.text) == (3, "no")
    result = recognised.transcript(StreamFinished(10.0, 1, "en", 0))
    assert [notice.reason for notice in result.warnings] == [WarningReason.REPETITION, WarningReason.LOW_CONFIDENCE]
    assert result.utterances == [final.utterance]


def test_finals_that_nobody_keeps_are_not_held() -> None:
    recognised = LiveResult(Options(), collect=False)
    for utterance in utterances(SURE, SURE):
        recognised.take(Final(utterance, 0.0))
    assert recognised.transcript(StreamFinished(2.0, 2, "en", 0)).utterances == []


def spoken(language: str, probability: float | None, at: float) -> Utterance:
    return Utterance(0, Hypothesis("text", None, (), language, language_probability=probability), at, at + 0.9)


def test_a_language_that_nothing_confirms_is_unsure() -> None:
    (notice,) = unsure_languages([spoken("th", 0.72, 0.0), spoken("th", 0.3, 1.0)])
    assert (notice.reason, notice.start_seconds, notice.end_seconds) == (WarningReason.LANGUAGE_UNSURE, 0.0, 1.9)
    assert "th" in notice.sentence
    assert "0.30" in notice.sentence


@pytest.mark.parametrize("probability", [0.85, 1.0])
def test_a_language_that_another_utterance_confirms_is_sure(probability: float) -> None:
    assert not unsure_languages([spoken("fr", 0.4, 0.0), spoken("fr", probability, 1.0)])
    assert unsure_languages([spoken("th", 0.4, 0.0), spoken("fr", probability, 1.0)])


def test_a_language_that_the_caller_named_is_sure() -> None:
    assert not unsure_languages([spoken("th", None, 0.0)])


@pytest.mark.parametrize("multilingual", [False, True])
def test_a_stream_reports_its_unsure_languages_at_the_end(multilingual: bool) -> None:
    recognised = LiveResult(Options(multilingual=multilingual), collect=False)
    for utterance in (spoken("th", 0.4, 0.0), spoken("fr", 0.9, 1.0), spoken("th", 0.5, 2.0)):
        recognised.take(Final(utterance, 0.0))
    found = recognised.transcript(StreamFinished(3.0, 3, "th", 0)).warnings
    assert [notice.start_seconds for notice in found] == ([] if multilingual else [0.0, 2.0])


def test_the_contract_names_every_reason() -> None:
    contract = Path("protos/voicebox/asr/v1/asr.proto").read_text()
    documented = contract.split("message RecognitionWarning {")[1].split("string reason")[0]
    assert set(re.findall(r"\b[A-Z_]{4,}\b", documented)) == {reason.value for reason in WarningReason}
