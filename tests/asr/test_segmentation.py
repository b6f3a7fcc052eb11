import numpy as np
import pytest
from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples
from voicebox_asr.segmentation.endpointing import Endpointing
from voicebox_asr.segmentation.segmenter import Segmenter, SegmenterEvent, UtteranceAudio, UtteranceEnd, UtteranceStart

from .conftest import LoudActivity, silence, tone

pytestmark = pytest.mark.unit


def segments(samples: Samples, piece: int) -> list[SegmenterEvent]:
    segmenter = Segmenter(LoudActivity(), Endpointing())
    found = [
        segment for start in range(0, samples.size, piece) for segment in segmenter.push(samples[start : start + piece])
    ]
    found += segmenter.finish()
    assert segmenter.seconds == pytest.approx(samples.size / SAMPLE_RATE_HZ)
    return found


@pytest.mark.parametrize("piece", [77, 160, 1600, 100_000])
def test_the_audio_is_the_streams_own_however_it_is_cut(piece: int) -> None:
    stream = np.concatenate((silence(1), tone(1), silence(1), tone(0.7), silence(0.1), tone(0.505)))
    found = segments(stream, piece)
    begans = [segment for segment in found if isinstance(segment, UtteranceStart)]
    endeds = [segment for segment in found if isinstance(segment, UtteranceEnd)]
    assert [began.speech_seconds for began in begans] == pytest.approx([1.0, 3.0], abs=0.011)
    assert [ended.speech_seconds for ended in endeds] == pytest.approx([2.0, 4.305], abs=0.011)
    for began, ended in zip(begans, endeds, strict=True):
        sounds = found[found.index(began) + 1 : found.index(ended)]
        recognised = np.concatenate([sound.samples for sound in sounds if isinstance(sound, UtteranceAudio)])
        first = round(began.audio_seconds * SAMPLE_RATE_HZ)
        np.testing.assert_array_equal(recognised, stream[first : first + recognised.size])
        assert recognised.size >= (ended.audio_seconds - began.audio_seconds) * SAMPLE_RATE_HZ - 1


def test_silence_and_nothing_give_nothing() -> None:
    assert segments(silence(3), 1000) == []
    assert segments(silence(0), 1000) == []


def test_end_utterance_ends_it_at_once() -> None:
    segmenter = Segmenter(LoudActivity(), Endpointing())
    assert list(segmenter.end_utterance()) == []
    assert [type(segment) for segment in segmenter.push(tone(1))] == [UtteranceStart, UtteranceAudio]
    (ended,) = segmenter.end_utterance()
    assert isinstance(ended, UtteranceEnd)
    assert ended.audio_seconds == pytest.approx(1.0)
