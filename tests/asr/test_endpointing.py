"""Endpoints of frame patterns: `#` is 30 ms of speech, `.` 30 ms of silence."""

import random

import pytest
from voicebox_asr.segmentation.endpointing import Begin, End, Endpointer, Endpointing

pytestmark = pytest.mark.unit

FRAME = 0.03
DEFAULT = Endpointing()


def endpoints(pattern: str, endpointing: Endpointing = DEFAULT) -> list[Begin | End]:
    endpointer = Endpointer(endpointing, FRAME)
    return [found for mark in pattern if (found := endpointer.push(mark == "#"))]


def test_an_utterance_begins_before_its_first_speech_and_ends_after_its_last() -> None:
    begin, end = endpoints("." * 50 + "#" * 40 + "." * 50)
    assert begin == Begin(speech_from=50, audio_from=40)
    assert end == End(speech_until=90, audio_until=100, forced=False)


def test_a_click_is_no_utterance() -> None:
    assert endpoints("." * 50 + "##" + "." * 50 + "#" + "." * 50) == []


def test_a_click_in_the_final_silence_does_not_prolong_the_utterance() -> None:
    _, end = endpoints("." * 20 + "#" * 40 + "." * 8 + "#" + "." * 16)
    assert isinstance(end, End)


def test_a_pause_shorter_than_the_end_silence_does_not_end_it() -> None:
    assert len(endpoints("#" * 40 + "." * 15 + "#" * 40)) == 1


@pytest.mark.parametrize("seconds", [0.2, 0.5, 5.0])
def test_the_end_silence_is_as_long_as_requested(seconds: float) -> None:
    endpointer = Endpointer(Endpointing(end_silence_seconds=seconds, max_utterance_seconds=60), FRAME)
    for _ in range(100):
        endpointer.push(True)
    waited = next(i for i in range(1, 1000) if endpointer.push(False))
    assert waited * FRAME == pytest.approx(seconds, abs=FRAME)


def test_endless_speech_is_cut_without_losing_a_frame() -> None:
    found = endpoints("#" * 300, Endpointing(max_utterance_seconds=3.0))
    ends = [end for end in found if isinstance(end, End)]
    begins = [begin for begin in found if isinstance(begin, Begin)]
    assert all(end.forced for end in ends)
    assert len(ends) >= 2
    assert [begin.audio_from for begin in begins[1:]] == [end.audio_until for end in ends][: len(begins) - 1]


def test_near_its_limit_an_utterance_ends_in_a_short_pause() -> None:
    _, end = endpoints("#" * 95 + "." * 5, Endpointing(max_utterance_seconds=3.1))
    assert isinstance(end, End)
    assert not end.forced


def test_force_end_ends_only_what_runs() -> None:
    endpointer = Endpointer(Endpointing(), FRAME)
    assert endpointer.force_end() is None
    for _ in range(20):
        endpointer.push(True)
    end = endpointer.force_end()
    assert end == End(speech_until=20, audio_until=20, forced=True)
    assert not endpointer.in_speech


def test_any_pattern_gives_alternating_utterances_that_do_not_overlap() -> None:
    chance = random.Random(1)
    for _ in range(50):
        pattern = "".join(("#" if chance.random() < 0.5 else ".") * chance.randrange(1, 60) for _ in range(40))
        found = endpoints(
            pattern, Endpointing(end_silence_seconds=chance.uniform(0.2, 1), max_utterance_seconds=chance.uniform(1, 5))
        )
        position = 0
        for index, boundary in enumerate(found):
            assert isinstance(boundary, Begin if index % 2 == 0 else End)
            place = boundary.audio_from if isinstance(boundary, Begin) else boundary.audio_until
            assert place >= position
            position = place
