import numpy as np
from voicebox_asr.endpointing import Endpointing
from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples
from voicebox_asr.live import Event, Final, Interim, LiveRecognizer, SpeechBegan, SpeechEnded
from voicebox_asr.segmentation import Segmenter

from .conftest import CountingSession, LoudActivity, silence, tone


def recognizer(session: CountingSession, *, interim_results: bool = True) -> LiveRecognizer:
    return LiveRecognizer(session, Segmenter(LoudActivity(), Endpointing()), interim_results)


def hear(live: LiveRecognizer, samples: Samples) -> list[Event]:
    return [event for start in range(0, samples.size, 1600) for event in live.hear(samples[start : start + 1600])]


def test_the_final_comes_while_the_stream_is_open() -> None:
    live = recognizer(CountingSession())
    events = hear(live, np.concatenate((silence(1), tone(2), silence(0.6))))
    assert [type(event) for event in events if not isinstance(event, Interim)] == [SpeechBegan, SpeechEnded, Final]
    assert list(live.finish()) == []


def test_utterances_are_numbered_and_placed_in_the_stream() -> None:
    live = recognizer(CountingSession())
    events = hear(live, np.concatenate((silence(1), tone(2), silence(1), tone(0.5), silence(1))))
    first, second = (event.utterance for event in events if isinstance(event, Final))
    assert (first.index, second.index, live.finals) == (0, 1, 2)
    assert 0.95 < first.start_seconds < 1.05
    assert 2.95 < first.end_seconds < 3.05
    assert 3.95 < second.start_seconds < 4.05
    assert 3.6 < second.words[0].start_seconds < 3.8  # the sound begins 0.3 s before the speech
    order = [event.utterance.index for event in events if isinstance(event, Interim | Final)]
    assert order == sorted(order)


def test_an_utterance_is_previewed_and_then_heard_whole() -> None:
    session = CountingSession()
    hear(recognizer(session), np.concatenate((silence(1), tone(2), silence(1))))
    assert session.log[0][0] == "begin"
    assert session.log[0][1] >= SAMPLE_RATE_HZ
    assert sum(size for what, size in session.log if what == "feed") == session.log[-1][1]
    assert max(size for what, size in session.log if what == "feed") <= SAMPLE_RATE_HZ // 2


def test_an_utterance_shorter_than_the_preview_is_heard_too() -> None:
    session = CountingSession()
    events = hear(recognizer(session), np.concatenate((tone(0.4), silence(1))))
    assert isinstance(events[-1], Final)
    assert [what for what, _ in session.log][0::2][0] == "begin"


def test_interims_come_only_when_asked_for_and_when_the_text_changed() -> None:
    stream = np.concatenate((tone(4), silence(1)))
    assert not [event for event in hear(recognizer(CountingSession(), interim_results=False), stream) if isinstance(event, Interim)]
    interims = [event.utterance.text for event in hear(recognizer(CountingSession()), stream) if isinstance(event, Interim)]
    assert len(interims) > 5
    assert len(set(interims)) == len(interims)


def test_a_control_ends_the_utterance_and_the_next_goes_on_from_there() -> None:
    live = recognizer(CountingSession())
    hear(live, tone(2))
    ended, final = live.end_utterance()
    assert isinstance(ended, SpeechEnded)
    assert isinstance(final, Final)
    assert list(live.end_utterance()) == []
    events = hear(live, tone(1))
    assert isinstance(events[0], SpeechBegan)
    assert isinstance(list(live.finish())[-1], Final)
    assert live.finals == 2
