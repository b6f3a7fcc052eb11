"""What of Whisper's text is good enough."""

import pytest
from voicebox_asr.engine import Decoding
from voicebox_asr.engines.whisper.quality import Attempt, Quality, best, is_good, is_silence

QUALITY = Quality()
TEXT = "the weather is very nice today"


def attempt(
    text: str = TEXT, log_probability: float = -0.3, no_speech: float = 0.1, temperature: float = 0.0
) -> Attempt:
    return Attempt((1, 2), text, log_probability, no_speech, temperature)


def test_likely_text_is_good() -> None:
    assert is_good(attempt(), QUALITY)


@pytest.mark.parametrize("bad", [attempt(log_probability=-1.1), attempt("again and " * 30)])
def test_unlikely_and_repetitive_text_is_not(bad: Attempt) -> None:
    assert not is_good(bad, QUALITY)


def test_silence_is_what_the_model_calls_so_unless_it_is_sure_of_its_text() -> None:
    assert is_silence(attempt(log_probability=-1.2, no_speech=0.7), QUALITY)
    assert not is_silence(attempt(log_probability=-0.5, no_speech=0.7), QUALITY)
    assert not is_silence(attempt(log_probability=-1.2, no_speech=0.5), QUALITY)


def test_silence_needs_no_further_attempt() -> None:
    assert is_good(attempt(log_probability=-1.2, no_speech=0.7), QUALITY)


def test_the_last_attempt_counts_when_it_is_good() -> None:
    tried = [attempt(log_probability=-1.5), attempt(log_probability=-0.9, temperature=0.2)]
    assert best(tried, QUALITY) is tried[1]


def test_otherwise_the_likeliest_that_does_not_repeat_itself_and_it_reports_that_all_failed() -> None:
    tried = [
        attempt("la " * 99, -0.1),
        attempt("sober", -2.0, temperature=0.2),
        attempt("soberer", -1.5, temperature=0.4),
    ]
    chosen = best([*tried, attempt("la " * 99, -0.2, temperature=0.6)], QUALITY)
    assert (chosen.text, chosen.temperature) == ("soberer", 0.6)
    assert (
        best([attempt("la " * 99, -0.1), attempt("la " * 99, -0.2, temperature=0.2)], QUALITY).average_log_probability
        == -0.1
    )


def test_callers_change_what_they_name_and_nothing_else() -> None:
    assert Quality.of(Decoding()) == QUALITY
    requested = Quality.of(Decoding(beam_size=2, temperatures=(0.0,), no_speech_threshold=0.0))
    assert (requested.beam_size, requested.temperatures, requested.no_speech_threshold) == (2, (0.0,), 0.0)
    assert requested.log_probability_threshold == QUALITY.log_probability_threshold
