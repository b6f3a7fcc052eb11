"""A stream's sentences: seeds, runaways, and their audio."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from voicebox_tts.engine import Speech
from voicebox_tts.engines.codec_models.scheduler.stream import FrameChunk
from voicebox_tts.engines.codec_models.session import CodecSession

RATE_HZ = 24_000
CODES = itertools.count(100)


@dataclass
class Making:
    """A stream that is made of these chunks."""

    chunks: Sequence[FrameChunk]
    read: int = 0
    closed: bool = False

    def __iter__(self) -> Iterator[FrameChunk]:
        for chunk in self.chunks:
            self.read += 1
            yield chunk

    def close(self) -> None:
        self.closed = True


@dataclass
class Model:
    """Makes the next of `scripts` of each text, the last one again and again."""

    scripts: list[Sequence[FrameChunk]]
    begun: list[tuple[str, int]] = field(default_factory=list)
    streams: list[Making] = field(default_factory=list)

    def begin(self, text: str, seed: int) -> Any:
        self.begun.append((text, seed))
        self.streams.append(Making(self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]))
        return self.streams[-1]


def chunk(frames: int = 1, level: float = 0.1, *, first: int | None = None, cut: bool = False) -> FrameChunk:
    """Some frames of sound; their codes are all the same when `first` is given, otherwise all different."""
    numbers = np.array([next(CODES) if first is None else first for _ in range(frames)])
    samples = np.tile(np.array([level, -level], np.float32), frames * 960)
    return FrameChunk(np.repeat(numbers[:, None], 16, axis=1), samples, cut)


def speak(model: Model, *sentences: str, seed: int = 1) -> list[Speech]:
    with closing(CodecSession(model.begin, seed, RATE_HZ)) as session:
        return [speech for sentence in sentences for speech in session.speak(sentence)]


def seconds(speech: Sequence[Speech]) -> float:
    return sum(each.samples.size for each in speech) / RATE_HZ


def warnings(speech: Sequence[Speech]) -> list[str]:
    return [warning for each in speech for warning in each.warnings]


def test_chunks_are_recognised_as_they_come() -> None:
    speech = speak(Model([[chunk(1), chunk(2), chunk(4)]]), "Hello.")
    assert [each.samples.size // 1920 for each in speech] == [1, 2, 4]
    assert warnings(speech) == []


def test_each_piece_has_a_seed_of_its_own_and_the_same_one_each_time() -> None:
    model, again, other = (Model([[chunk()]]) for _ in range(3))
    speak(model, "One. Two.", "Three.", seed=5)
    speak(again, "One. Two.", "Three.", seed=5)
    speak(other, "One. Two.", "Three.", seed=6)
    assert [text for text, _ in model.begun] == ["One.", "Two.", "Three."]
    assert model.begun == again.begun
    assert len({seed for _, seed in (*model.begun, *other.begun)}) == 6


@pytest.mark.parametrize(
    "bad",
    [[], [chunk(3, 0.001)], [chunk(1, 0.001)] * 40, [chunk(8, 0.001, cut=True)], [chunk(60, 0.001, first=7)]],
    ids=["the end at once", "silence and the end", "silence for ever", "silence up to the limit", "silence in circles"],
)
def test_what_nobody_received_is_made_once_more_with_another_seed(bad: Sequence[FrameChunk]) -> None:
    model = Model([bad, [chunk(2)]])
    speech = speak(model, "Hello.")
    assert (seconds(speech), warnings(speech)) == (2 * 0.08, [])
    (_, first), (_, second) = model.begun
    assert first != second
    assert all(stream.closed for stream in model.streams)


def test_after_the_second_time_without_a_audio_it_says_so() -> None:
    model = Model([[chunk(2, 0.001)]])
    speech = speak(model, "Hello.", "Bye.")
    assert seconds(speech) == 0
    assert len(warnings(speech)) == 2
    assert len(model.begun) == 4


@pytest.mark.parametrize(
    ("runs_away", "says", "most_seconds"),
    [
        ([chunk(8), chunk(4, cut=True)], "longer than the text can need", 12 * 0.08),
        ([chunk(8), *[chunk(8, 0.001) for _ in range(20)]], "fell silent", 8 * 0.08 + 0.26),
        ([chunk(8), *[chunk(8, first=3) for _ in range(20)]], "repeated itself", 8 * 0.08 + 7 * 0.64),
    ],
)
def test_what_was_recognised_already_is_cut_off_and_the_reason_reported(
    runs_away: Sequence[FrameChunk], says: str, most_seconds: float
) -> None:
    model = Model([runs_away])
    speech = speak(model, "Hello.")
    assert 8 * 0.08 <= seconds(speech) <= most_seconds
    (warning,) = warnings(speech)
    assert says in warning
    assert len(model.begun) == 1
    assert model.streams[0].closed
    assert model.streams[0].read <= 9
    if says != "fell silent":
        assert speech[-1].samples[-1] == 0.0


def test_closing_in_the_middle_closes_the_stream() -> None:
    model = Model([[chunk()] * 10])
    speech = CodecSession(model.begin, 1, RATE_HZ).speak("Hello.")
    next(speech)
    speech.close()
    assert model.streams[0].closed
    assert model.streams[0].read == 1


def test_nothing_to_say_asks_nothing_of_the_model() -> None:
    model = Model([[chunk()]])
    assert speak(model, "?!", "🎉", "") == []
    assert model.begun == []
