from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, pairwise

import numpy as np
import pytest
import soundfile
import soxr
from voicebox_asr.engine import (
    SAMPLE_RATE_HZ,
    Hypothesis,
    Options,
    Samples,
    Session,
    VoiceActivity,
    VoiceDetection,
    WarningReason,
    Word,
)
from voicebox_asr.engines.pocketsphinx.engine import PocketsphinxEngine
from voicebox_asr.live.interims import Interims
from voicebox_asr.live.recognizer import (
    ChannelContext,
    Final,
    Interim,
    LiveEvent,
    LiveRecognizer,
    SpeechEnd,
    SpeechStart,
)
from voicebox_asr.segmentation.endpointing import Endpointing
from voicebox_asr.segmentation.segmenter import Segmenter

from .conftest import CountingSession, LoudActivity, silence, tone


def recognizer(
    session: Session,
    *,
    activity: VoiceActivity | None = None,
    interim_results: bool = True,
    preview_seconds: float = 1.0,
    lag_seconds: Callable[[], float] = lambda: 0.0,
) -> LiveRecognizer:
    indices = count()
    interims = Interims(lambda: 0.0) if interim_results else None
    segmenter = Segmenter(activity or LoudActivity(), Endpointing())
    return LiveRecognizer(
        session, segmenter, preview_seconds, interims, ChannelContext(lambda: next(indices), lag_seconds)
    )


def recognise(live: LiveRecognizer, samples: Samples) -> list[LiveEvent]:
    return [event for start in range(0, samples.size, 1600) for event in live.process(samples[start : start + 1600])]


def begins(session: CountingSession) -> list[int]:
    return [size for what, size in session.log if what == "begin"]


def test_the_final_comes_while_the_stream_is_open() -> None:
    live = recognizer(CountingSession())
    events = recognise(live, np.concatenate((silence(1), tone(2), silence(0.6))))
    assert [type(event) for event in events if not isinstance(event, Interim)] == [SpeechStart, SpeechEnd, Final]
    assert list(live.finish()) == []


def test_utterances_are_numbered_and_placed_in_the_stream() -> None:
    live = recognizer(CountingSession())
    events = recognise(live, np.concatenate((silence(1), tone(2), silence(1), tone(0.5), silence(1))))
    first, second = (event.utterance for event in events if isinstance(event, Final))
    assert (first.index, second.index) == (0, 1)
    assert 0.95 < first.start_seconds < 1.05
    assert 2.95 < first.end_seconds < 3.05
    assert 3.95 < second.start_seconds < 4.05
    assert 3.6 < second.hypothesis.words[0].start_seconds < 3.8  # the sound begins 0.3 s before the speech
    order = [event.utterance.index for event in events if isinstance(event, Interim | Final)]
    assert order == sorted(order)


def test_without_interims_an_utterance_is_previewed_and_then_recognised_once() -> None:
    session = CountingSession()
    recognise(recognizer(session, interim_results=False), np.concatenate((silence(1), tone(2), silence(1))))
    assert len(begins(session)) == 1
    assert begins(session)[0] >= SAMPLE_RATE_HZ
    assert sum(size for what, size in session.log if what == "feed") == session.log[-1][1]
    assert max(size for what, size in session.log if what == "feed") <= SAMPLE_RATE_HZ // 2


def test_with_interims_it_is_recognised_at_once_and_anew_when_the_preview_is_there() -> None:
    session = CountingSession()
    events = recognise(recognizer(session), np.concatenate((silence(1), tone(2), silence(1))))
    early, settled = begins(session)
    assert early < 0.6 * SAMPLE_RATE_HZ
    assert SAMPLE_RATE_HZ <= settled < 1.2 * SAMPLE_RATE_HZ
    fed_since = [size for what, size in session.log[session.log.index(("begin", settled)) :] if what == "feed"]
    assert sum(fed_since) == session.log[-1][1]  # the final covers all of it once
    first = next(event for event in events if isinstance(event, Interim))
    assert first.utterance.end_seconds - first.utterance.start_seconds < 0.5


def test_people_see_their_first_words_within_half_a_second(speech_data) -> None:
    engine = PocketsphinxEngine()
    delays = []
    for name in ("LJ001-0002.wav", "LJ001-0004.wav", "LJ001-0006.wav", "LJ001-0008.wav", "LJ001-0011.wav"):
        recording, rate = soundfile.read(speech_data.path(name), dtype="float32")
        speech = np.concatenate((silence(0.5), soxr.resample(recording, rate, SAMPLE_RATE_HZ)))
        session = engine.open(Options())
        live = recognizer(session, activity=engine.voice_activity(VoiceDetection()))
        pieces = (speech[start : start + 1600] for start in range(0, speech.size, 1600))
        first = next(event for piece in pieces for event in live.process(piece) if isinstance(event, Interim))
        delays.append(first.utterance.end_seconds - first.utterance.start_seconds)
        session.close()
    engine.unload()
    assert max(delays) <= 0.5


def test_an_engine_that_needs_no_preview_begins_once() -> None:
    session = CountingSession()
    recognise(recognizer(session, preview_seconds=0.0), np.concatenate((silence(1), tone(2), silence(1))))
    assert len(begins(session)) == 1


def test_a_client_that_is_behind_gets_nothing_twice_and_drops_interims_but_no_audio() -> None:
    stream = np.concatenate((silence(1), tone(3), silence(1)))
    behind, in_time = CountingSession(), CountingSession()
    live = recognizer(behind, lag_seconds=lambda: 5.0)
    events = recognise(live, stream)
    recognise(recognizer(in_time), stream)
    assert len(begins(behind)) == 1
    assert behind.log[-1] == in_time.log[-1]
    assert live.interims_dropped > 5
    assert 1 <= sum(isinstance(event, Interim) for event in events) <= 3
    assert {event.lag_seconds for event in events if isinstance(event, Interim)} == {5.0}
    assert [event.lag_seconds for event in events if isinstance(event, Final)] == [pytest.approx(5.5, abs=0.05)]


def test_an_utterance_shorter_than_the_preview_is_recognised_whole_too() -> None:
    session = CountingSession()
    events = recognise(recognizer(session), np.concatenate((tone(0.4), silence(1))))
    assert isinstance(events[-1], Final)
    assert begins(session)[-1] == session.log[-1][1]


def test_interims_come_only_when_requested_and_when_the_text_changed() -> None:
    stream = np.concatenate((tone(4), silence(1)))
    assert not [
        event
        for event in recognise(recognizer(CountingSession(), interim_results=False), stream)
        if isinstance(event, Interim)
    ]
    interims = [
        event.utterance.hypothesis.text
        for event in recognise(recognizer(CountingSession()), stream)
        if isinstance(event, Interim)
    ]
    assert len(interims) > 5
    assert len(set(interims)) == len(interims)


@dataclass
class WaveringSession(CountingSession):
    """Says one word for each 0.2 s, and changes its mind about the newest ones each time."""

    requested: int = field(default=0)

    def interim(self) -> Hypothesis:
        self.requested += 1
        words = [str(number) for number in range(self.fed // 3200)]
        words[-2:] = [f"{word}-{self.requested}" for word in words[-2:]]
        return Hypothesis(" ".join(words), None, tuple(Word(word, 0.0, 0.0, None) for word in words))


def test_what_is_stable_never_flickers() -> None:
    events = recognise(recognizer(WaveringSession()), np.concatenate((tone(4), silence(1))))
    interims = [event for event in events if isinstance(event, Interim)]
    for before, after in pairwise(interims):
        assert after.stable.startswith(before.stable)
        assert after.utterance.hypothesis.text.startswith(before.stable)
    assert len(interims[-1].stable.split()) > 10


class ChangingSession(WaveringSession):
    """Writes the final in other words than its interims."""

    def end(self) -> Hypothesis:
        words = [f"word-{number}" for number in range(self.fed // 3200)]
        return Hypothesis(
            " ".join(words), 0.5, tuple(Word(word, at * 0.2, at * 0.2 + 0.2, 0.5) for at, word in enumerate(words))
        )


def test_the_final_begins_with_what_was_stable_and_its_words_are_those_of_its_text() -> None:
    events = recognise(recognizer(ChangingSession()), np.concatenate((tone(4), silence(1))))
    stable = [event.stable for event in events if isinstance(event, Interim)][-1]
    (final,) = [event.utterance.hypothesis for event in events if isinstance(event, Final)]
    assert final.text.startswith(stable)
    assert len(stable.split()) > 10
    assert [word.text for word in final.words] == final.text.split()
    assert all(before.start_seconds <= after.start_seconds for before, after in pairwise(final.words))


@dataclass
class ForeseeingSession(CountingSession):
    """Knows how often it made a final."""

    def early_final(self) -> Hypothesis:
        self.log.append(("foresee", self.fed))
        return Hypothesis(f"foreseen {self.fed // 3200}", 0.5, ())

    def accept_early_final(self, recognised: Hypothesis) -> None:
        self.log.append(("accept", 0))

    def count(self, what: str) -> int:
        return sum(kind == what for kind, _ in self.log)


def test_the_final_is_made_in_the_pause_before_the_end_is_reported() -> None:
    session = ForeseeingSession()
    events = recognise(recognizer(session), np.concatenate((silence(1), tone(2), silence(1))))
    assert (session.count("foresee"), session.count("accept"), session.count("end")) == (1, 1, 0)
    assert isinstance(events[-1], Final)
    assert events[-1].utterance.hypothesis.text.startswith("foreseen")
    assert session.log[[kind for kind, _ in session.log].index("foresee")][1] < 2.6 * SAMPLE_RATE_HZ


def test_a_final_that_was_made_too_early_is_made_again() -> None:
    session = ForeseeingSession()
    recognise(recognizer(session), np.concatenate((tone(2), silence(0.3), tone(1), silence(1))))
    assert (session.count("foresee"), session.count("accept")) == (2, 1)
    cut = ForeseeingSession()
    live = recognizer(cut)
    recognise(live, np.concatenate((tone(2), silence(0.3), tone(1))))
    list(live.end_utterance())
    assert (cut.count("foresee"), cut.count("accept"), cut.count("end")) == (1, 0, 1)


def test_who_is_behind_makes_no_final_that_may_be_none() -> None:
    session = ForeseeingSession()
    recognise(recognizer(session, lag_seconds=lambda: 2.0), np.concatenate((tone(2), silence(1))))
    assert (session.count("foresee"), session.count("end")) == (0, 1)


def test_a_control_ends_the_utterance_and_the_next_goes_on_from_there() -> None:
    live = recognizer(CountingSession())
    recognise(live, tone(2))
    ended, final = live.end_utterance()
    assert isinstance(ended, SpeechEnd)
    assert isinstance(final, Final)
    assert list(live.end_utterance()) == []
    events = recognise(live, tone(1))
    assert isinstance(events[0], SpeechStart)
    last = list(live.finish())[-1]
    assert isinstance(last, Final)
    assert last.utterance.index == 1


@dataclass
class Saying(CountingSession):
    """Returns the same text for any audio."""

    text: str = ""

    def interim(self) -> Hypothesis:
        return Hypothesis(self.text, None, ())

    def end(self) -> Hypothesis:
        return Hypothesis(self.text, None, ())


@pytest.mark.parametrize(
    ("text", "seconds", "spoken_text", "warned"),
    [
        ("Thank you very much.", 0.2, "", True),
        ("Thanks for watching!", 0.3, "", True),
        ("Yes.", 0.2, "Yes.", True),
        ("", 0.2, "", False),
        ("Thank you.", 0.8, "Thank you.", False),
    ],
)
def test_in_very_short_speech_only_what_can_be_said_is_reported_and_there_is_a_warning(
    text: str, seconds: float, spoken_text: str, warned: bool
) -> None:
    session = Saying()
    session.text = text
    events = recognise(recognizer(session), np.concatenate((silence(1), tone(seconds), silence(1))))
    (final,) = (event for event in events if isinstance(event, Final))
    assert final.utterance.hypothesis.text == spoken_text
    assert {event.utterance.hypothesis.text for event in events if isinstance(event, Interim)} <= {"", spoken_text}
    assert [notice.reason for notice in final.warnings] == [WarningReason.SHORT_AUDIO] * warned
