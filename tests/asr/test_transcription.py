import numpy as np
from voicebox_asr.endpointing import Endpointing
from voicebox_asr.engine import SAMPLE_RATE_HZ
from voicebox_asr.segmentation import Segmenter
from voicebox_asr.transcription import Transcriber

from .conftest import CountingSession, LoudActivity, silence, tone


def test_each_utterance_is_known_whole_before_it_is_heard_in_small_steps() -> None:
    session = CountingSession()
    transcriber = Transcriber(session, Segmenter(LoudActivity(), Endpointing()))
    stream = np.concatenate((silence(1), tone(2), silence(2), tone(1), silence(1)))
    found = [*transcriber.hear(stream), *transcriber.finish()]
    first, second = (utterance for utterance in found if utterance)
    assert (first.index, second.index) == (0, 1)
    assert 4.95 < second.start_seconds < 5.05
    begins = [size for what, size in session.log if what == "begin"]
    assert begins == [size for what, size in session.log if what == "end"]
    assert max(size for what, size in session.log if what == "feed") <= SAMPLE_RATE_HZ // 2
    assert begins[0] < 2.7 * SAMPLE_RATE_HZ  # the silence is not paid for


def test_endless_speech_is_held_one_utterance_at_a_time() -> None:
    session = CountingSession()
    transcriber = Transcriber(session, Segmenter(LoudActivity(), Endpointing(max_utterance_seconds=5)))
    for _ in range(120):
        for _ in transcriber.hear(tone(0.5)):
            pass
    lengths = [size for what, size in session.log if what == "end"]
    assert max(lengths) <= 5 * SAMPLE_RATE_HZ
    assert sum(lengths) > 50 * SAMPLE_RATE_HZ
