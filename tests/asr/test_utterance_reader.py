"""Files that are read utterance by utterance."""

import numpy as np
import pytest
from voicebox_asr.engine import SAMPLE_RATE_HZ
from voicebox_asr.segmentation.endpointing import Endpointing
from voicebox_asr.segmentation.segmenter import Segmenter
from voicebox_asr.segmentation.utterance_reader import UtteranceReader

from .conftest import CountingSession, LoudActivity, silence, tone

pytestmark = pytest.mark.unit


def reader(session: CountingSession, **endpointing: float) -> UtteranceReader:
    return UtteranceReader(session, Segmenter(LoudActivity(), Endpointing(**endpointing)))


def test_each_utterance_is_known_whole_before_it_is_recognised_in_small_steps() -> None:
    session = CountingSession()
    reading = reader(session)
    file = np.concatenate((silence(1), tone(2), silence(2), tone(1), silence(1)))
    found = [*reading.process(file), *reading.finish()]
    first, second = (passage for passage in found if passage)
    assert (first.start_seconds, first.end_seconds) == pytest.approx((1.0, 3.0), abs=0.05)
    assert second.start_seconds == pytest.approx(5.0, abs=0.05)
    assert 4.6 < second.hypothesis.words[0].start_seconds < 4.8  # the sound begins 0.3 s before the speech
    begins = [size for what, size in session.log if what == "begin"]
    assert begins == [size for what, size in session.log if what == "end"]
    assert max(size for what, size in session.log if what == "feed") <= SAMPLE_RATE_HZ // 2
    assert begins[0] < 2.7 * SAMPLE_RATE_HZ  # the silence is not paid for
    assert reading.speech_seconds == pytest.approx(3.0, abs=0.1)


def test_endless_speech_is_held_one_utterance_at_a_time() -> None:
    session = CountingSession()
    reading = reader(session, max_utterance_seconds=5)
    for _ in range(120):
        for _ in reading.process(tone(0.5)):
            pass
    lengths = [size for what, size in session.log if what == "end"]
    assert max(lengths) <= 5 * SAMPLE_RATE_HZ
    assert sum(lengths) > 50 * SAMPLE_RATE_HZ


def test_there_is_a_step_to_stop_at_for_each_half_second_that_is_recognised() -> None:
    steps = [*reader(CountingSession()).process(np.concatenate((tone(10), silence(1))))]
    assert steps.count(None) >= 20
