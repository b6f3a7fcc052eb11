"""When first audio counts as sent, what it waited for, and which chunks come too late for a listener."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry
from voicebox_tts.synthesis.metrics import Part, SpeechMetrics, Timing

pytestmark = pytest.mark.unit


class Clock:
    """Tells the time that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> SpeechMetrics:
    return SpeechMetrics(registry)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(f"voicebox_tts_{name}", {"engine": "flite", **labels}) or 0.0


def send(timing: Timing, clock: Clock, seconds: float, sending: float = 0.0) -> None:
    """A chunk of so much audio, which its client takes after a while."""
    with timing.sending("flite", seconds, has_audio=True):
        clock.now += sending


def prepared(metrics: SpeechMetrics, clock: Clock, *, is_streamed: bool = True) -> Timing:
    """An utterance whose engine begins now."""
    timing = metrics.begin(clock, is_streamed=is_streamed)
    for part, seconds in ((Part.ACCOUNT, 0.5), (Part.QUEUE, 20.0), (Part.VOICE, 1.5)):
        clock.now += seconds
        timing.passed(part)
    return timing


def test_the_parts_of_first_audio_add_up_when_it_is_sent(metrics, registry, clock):
    timing = prepared(metrics, clock)
    clock.now += 2.0
    with timing.sending("flite"):
        clock.now += 0.25
    assert value(registry, "first_chunk_seconds_count") == 0
    send(timing, clock, 0.2, sending=0.75)
    parts = {part: value(registry, "first_chunk_part_seconds_sum", part=part) for part in Part}
    assert parts == {"account": 0.5, "queue": 20.0, "voice": 1.5, "model": 2.0, "send": 1.0}
    assert value(registry, "first_chunk_seconds_sum") == sum(parts.values()) == 25.0
    assert value(registry, "first_chunk_seconds_bucket", le="26.0") == 1
    assert value(registry, "first_chunk_seconds_bucket", le="22.0") == 0
    send(timing, clock, 0.2)
    assert value(registry, "first_chunk_seconds_count") == 1


def test_a_client_that_left_has_had_no_first_audio(metrics, registry, clock):
    with pytest.raises(GeneratorExit), prepared(metrics, clock).sending("flite", 0.2, has_audio=True):
        raise GeneratorExit
    assert value(registry, "first_chunk_seconds_count") == 0


def test_a_chunk_is_late_when_everything_before_it_was_played(metrics, registry, clock):
    timing = prepared(metrics, clock)
    send(timing, clock, 0.2)
    clock.now += 0.15
    send(timing, clock, 0.2)
    assert value(registry, "underruns_total") == 0
    clock.now += 0.3  # 0.45 s after the first, with 0.4 s of audio
    send(timing, clock, 0.2)
    assert value(registry, "underruns_total") == 1
    clock.now += 0.19
    send(timing, clock, 0.2)
    assert value(registry, "underruns_total") == 1
    assert value(registry, "chunk_gap_seconds_count") == 3
    assert value(registry, "chunk_gap_seconds_sum") == pytest.approx(0.64)


def test_an_interruption_begins_anew(metrics, registry, clock):
    timing = prepared(metrics, clock)
    send(timing, clock, 0.2)
    timing.interrupted()
    clock.now += 5.0
    send(timing, clock, 0.2)
    assert value(registry, "underruns_total") == value(registry, "chunk_gap_seconds_count") == 0


def test_text_that_comes_late_and_clients_that_read_slowly_are_no_fault_of_ours(metrics, registry, clock):
    timing = prepared(metrics, clock)

    async def texts() -> AsyncIterator[str]:
        for text in ("One.", "Two."):
            clock.now += 3.0
            yield text

    async def speak() -> None:
        async for _ in timing.text(texts()):
            send(timing, clock, 0.2, sending=4.0)

    asyncio.run(speak())
    assert value(registry, "underruns_total") == 0
    assert value(registry, "chunk_gap_seconds_sum") == 4.0


def test_a_whole_answer_has_no_gaps(metrics, registry, clock):
    timing = prepared(metrics, clock, is_streamed=False)
    for _ in range(2):
        send(timing, clock, 0.2)
        clock.now += 9.0
    assert value(registry, "underruns_total") == value(registry, "chunk_gap_seconds_count") == 0
    assert value(registry, "first_chunk_seconds_count") == 1


def test_the_real_time_factor_is_that_of_the_engine(metrics, registry, clock):
    timing = prepared(metrics, clock)
    clock.now += 3.0
    timing.finished("flite", synthesis_seconds=25.0, duration_seconds=6.0)
    assert value(registry, "real_time_factor_sum") == 0.5
