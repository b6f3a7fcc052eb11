from itertools import count

import numpy as np
import pytest
from voicebox_asr.live.channels import LiveChannels
from voicebox_asr.live.recognizer import ChannelContext, Final, LiveEvent, LiveRecognizer, SpeechEnd, SpeechStart
from voicebox_asr.segmentation.endpointing import Endpointing
from voicebox_asr.segmentation.segmenter import Segmenter

from .conftest import CountingSession, LoudActivity, silence, tone

pytestmark = pytest.mark.unit


class Call:
    """A stream and the sessions that it opened, by channel."""

    def __init__(self, *, separate: bool) -> None:
        self.sessions: dict[int, CountingSession] = {}
        self.consumed: list[int] = []
        self._indices = count()
        self.live = LiveChannels(self._open, self.consumed.append, separate=separate)

    def _open(self, channel: int) -> LiveRecognizer:
        self.sessions[channel] = CountingSession()
        context = ChannelContext(lambda: next(self._indices), lambda: 0.0, channel)
        return LiveRecognizer(self.sessions[channel], Segmenter(LoudActivity(), Endpointing()), 1.0, None, context)


def test_each_channel_has_its_own_utterances_with_indices_of_the_whole_stream() -> None:
    call = Call(separate=True)
    left = np.concatenate((tone(2), silence(3), tone(1), silence(1)))
    right = np.concatenate((silence(1), tone(3), silence(3)))
    events: list[LiveEvent] = [*call.live.process(np.stack((left, right), axis=1)), *call.live.finish()]
    finals = [event.utterance for event in events if isinstance(event, Final)]
    assert [(final.channel, final.index) for final in finals] == [(1, 0), (2, 1), (1, 2)]
    assert {event.channel for event in events if isinstance(event, SpeechStart | SpeechEnd)} == {1, 2}
    assert 0.9 < finals[1].start_seconds < 1.1
    assert 4.9 < finals[2].start_seconds < 5.1
    assert call.live.seconds == pytest.approx(7.0)
    assert sum(call.consumed) == left.size


def test_a_mix_is_channel_0() -> None:
    call = Call(separate=False)
    finals = [event for event in [*call.live.process(tone(1)), *call.live.end_utterance()] if isinstance(event, Final)]
    assert [final.utterance.channel for final in finals] == [0]


def test_one_session_is_opened_at_once_and_all_are_closed() -> None:
    call = Call(separate=True)
    assert set(call.sessions) == {1}
    list(call.live.process(np.zeros((1600, 3), np.float32)))
    assert set(call.sessions) == {1, 2, 3}
    call.live.interrupt()
    call.live.close()
    assert all(session.log == [("interrupt", 0), ("close", 0)] for session in call.sessions.values())
