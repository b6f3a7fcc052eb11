"""A stream's events from its sound, and what is counted of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from voicebox_asr.engine import Hypothesis, Options
from voicebox_asr.live.backlog import Backlog, Control
from voicebox_asr.live.recognizer import Final, Interim
from voicebox_asr.live.stream import StreamFinished, StreamOptions, recognize_stream
from voicebox_asr.recognition.recognizer import Recognizer
from voicebox_asr.segmentation.endpointing import Endpointing
from voicebox_kit.permits import Permits
from voicebox_models.family import SingleModel
from voicebox_models.models import Default, Models

from .conftest import CountingEngine, CountingSession, silence, tone

pytestmark = pytest.mark.unit

PLAIN = StreamOptions(Options(language="en-US"), Endpointing())
WITH_INTERIMS = replace(PLAIN, interim_results=True)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def permits(registry) -> Permits:
    return Permits(1, 0, registry)


@pytest.fixture
def recognise(registry, permits):
    """Hears what has arrived already, and gives the events."""
    with ThreadPoolExecutor(2) as executor:

        async def recognise(engine: CountingEngine, listening: StreamOptions, *items):
            backlog = Backlog()
            for item in items:
                await backlog.put(item)
            await backlog.end()

            async def sound():
                while (item := await backlog.get()) is not None:
                    yield item

            models = Models("asr", [SingleModel(engine)], Default(engine), executor, CollectorRegistry())
            recognizer = Recognizer(models, executor, permits, registry)
            return [
                event async for event in recognize_stream(recognizer, engine, sound(), backlog, listening, lambda: 0.0)
            ]

        yield recognise


def finals(events) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


async def test_a_stream_ends_with_done_and_everything_is_freed(recognise, registry, permits) -> None:
    engine = CountingEngine()
    events = await recognise(engine, PLAIN, tone(1), Control.END_UTTERANCE, tone(1), silence(1))
    assert len(finals(events)) == 2
    assert events[-1] == StreamFinished(pytest.approx(3.0), finals=2, language="en-US", interims_dropped=0)
    assert engine.session.log[-1] == ("close", 0)
    assert permits.running == 0
    assert registry.get_sample_value("voicebox_asr_audio_seconds_total") == pytest.approx(3.0)


async def test_who_is_behind_is_refused_and_catches_up(recognise, registry) -> None:
    events = await recognise(CountingEngine(), WITH_INTERIMS, *[tone(0.1)] * 200, Control.END_UTTERANCE)
    lags = [event.lag_seconds for event in events if isinstance(event, Interim | Final)]
    assert lags[0] > 15
    assert lags == sorted(lags, reverse=True)
    assert lags[-1] < 0.2
    dropped = events[-1].interims_dropped
    assert dropped > 50
    assert registry.get_sample_value("voicebox_asr_interims_dropped_total") == dropped
    assert registry.get_sample_value("voicebox_asr_lag_seconds_count") == len(lags)


@dataclass
class Polyglot(CountingSession):
    """Hears another language in each utterance."""

    languages: list[str] = field(default_factory=lambda: ["de", "en", "en"])

    def end(self) -> Hypothesis:
        return replace(super().end(), language=self.languages.pop(0))


async def test_the_language_of_the_stream_is_the_one_that_was_spoken_longest(recognise) -> None:
    pieces = np.concatenate([part for seconds in (3, 1, 1) for part in (tone(seconds), silence(1))])
    events = await recognise(CountingEngine(session=Polyglot()), PLAIN, pieces)
    assert [final.utterance.hypothesis.language for final in finals(events)] == ["de", "en", "en"]
    assert events[-1].language == "de"


async def test_where_nothing_was_said_the_language_is_the_one_that_was_requested(recognise) -> None:
    assert (await recognise(CountingEngine(), PLAIN, silence(1)))[-1].language == "en-US"
