"""Whole files, with an engine whose passages a test writes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from voicebox_asr.engine import SAMPLE_RATE_HZ, Hypothesis, Options, Samples, Segment
from voicebox_asr.recognition.recognizer import Recognizer
from voicebox_asr.recognition.transcription import transcribe
from voicebox_kit.permits import Permits
from voicebox_models.family import SingleModel
from voicebox_models.models import Default, Models

from .conftest import CountingEngine, silence, tone

pytestmark = pytest.mark.unit


@dataclass
class ScriptedReader:
    """Tells a passage for each second that is loud, in the language that its loudness stands for."""

    languages: dict[float, str]
    heard_samples: int = 0
    speech_seconds: float = 0.0
    closed: bool = False

    def process(self, samples: Samples) -> Iterator[Segment | None]:
        for start in range(0, samples.size, SAMPLE_RATE_HZ):
            second = samples[start : start + SAMPLE_RATE_HZ]
            at_seconds = self.heard_samples / SAMPLE_RATE_HZ
            self.heard_samples += second.size
            yield None
            loudness = round(float(np.abs(second).max()), 1)
            if loudness:
                self.speech_seconds += 1.0
                language = self.languages.get(loudness, "en")
                recognised = Hypothesis(f"{language} at {at_seconds:g}", None, (), language, 0.5 + loudness / 2)
                yield Segment(recognised, at_seconds, at_seconds + 1.0)

    def finish(self) -> Iterator[Segment | None]:
        yield Segment(
            Hypothesis("the end", None, (), "en", 1.0),
            self.heard_samples / SAMPLE_RATE_HZ,
            self.heard_samples / SAMPLE_RATE_HZ,
        )

    def interrupt(self) -> None: ...

    def close(self) -> None:
        self.closed = True


@dataclass
class ScriptedEngine(CountingEngine):
    """Opens a ScriptedReader for each channel of a file."""

    languages: dict[float, str] = field(default_factory=dict)
    readers: list[ScriptedReader] = field(default_factory=list)

    def read(self, options: Options) -> ScriptedReader:  # type: ignore[override]  # a reader all the same
        self.readers.append(ScriptedReader(self.languages))
        return self.readers[-1]


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(languages={0.5: "de", 0.8: "fr"})


@pytest.fixture
def recognizer(engine: ScriptedEngine) -> Iterator[Recognizer]:
    registry = CollectorRegistry()
    with ThreadPoolExecutor(2) as executor:
        yield Recognizer(
            Models("asr", [SingleModel(engine)], Default(engine), executor, registry),
            executor,
            Permits(1, 0, registry),
            registry,
        )


async def sounds(*pieces):
    for piece in pieces:
        yield piece


def loud(loudness: float, seconds: float = 1.0) -> Samples:
    return (tone(seconds) * (loudness / 0.5)).astype(np.float32)


async def test_passages_become_utterances_in_their_places(recognizer, engine) -> None:
    found = await transcribe(recognizer, engine, sounds(silence(1), loud(0.5), silence(1)), Options())
    assert [(each.index, each.hypothesis.text, each.start_seconds) for each in found.utterances] == [
        (0, "de at 1", 1.0),
        (1, "the end", 3.0),
    ]
    assert (found.audio_seconds, found.speech_seconds) == (3.0, 1.0)
    assert found.recognition_seconds > 0
    assert engine.readers[0].closed


async def test_each_channel_has_a_reader_and_utterances_come_in_the_order_of_time(recognizer, engine) -> None:
    left = np.concatenate((loud(0.5), silence(1), loud(0.5)))
    right = np.concatenate((silence(1), loud(0.8), silence(1)))
    both = np.stack((left, right), axis=1)
    found = await transcribe(recognizer, engine, sounds(both[:20_000], both[20_000:]), Options())
    assert len(engine.readers) == 2
    assert all(reader.closed for reader in engine.readers)
    starts = [each.start_seconds for each in found.utterances]
    assert starts == sorted(starts)
    assert {each.channel for each in found.utterances} == {1, 2}
    assert [each.index for each in found.utterances] == list(range(len(found.utterances)))
    assert found.audio_seconds == 3.0


async def test_the_language_is_the_one_that_is_spoken_longest(recognizer, engine) -> None:
    found = await transcribe(recognizer, engine, sounds(loud(0.8), loud(0.5, 3.0)), Options())
    assert found.language == "de"
    assert found.language_probability == pytest.approx(0.75)


async def test_where_nothing_is_recognised_the_language_is_the_one_that_was_requested(recognizer, engine) -> None:
    engine.read = lambda options: SilentReader(engine.languages)
    found = await transcribe(recognizer, engine, sounds(silence(1)), Options(language="de"))
    assert (found.utterances, found.language, found.language_probability) == ((), "de", None)


class SilentReader(ScriptedReader):
    def finish(self) -> Iterator[Segment | None]:
        return iter(())
