"""Prometheus metrics of speech: when its first audio is sent, what it waited for, and whether the rest came in time."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram
from voicebox_kit.metrics import WAIT_BUCKETS_SECONDS

PART_BUCKETS_SECONDS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 12, 20, 30, 45, 60)
GAP_BUCKETS_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 2, 5, 10)
FACTOR_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3, 5, 10)
LATE_SECONDS = 0.01
"""A chunk is late when it is made so long after the listener has played everything: less is not heard."""

T = TypeVar("T")


class Part(StrEnum):
    """What first audio waits for, in order: that accounts reserves the work, for a permit, for voice and model to be
    found and loaded, for the engine, and for the client to take it.
    """

    ACCOUNT = "account"
    QUEUE = "queue"
    VOICE = "voice"
    MODEL = "model"
    SEND = "send"


class SpeechMetrics:
    """Of all utterances of the service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.audio_seconds = Counter("voicebox_tts_audio_seconds", "Audio made.", ["engine"], registry=registry)
        self.first_chunk_seconds = Histogram(
            "voicebox_tts_first_chunk_seconds",
            "From a request's arrival until its first audio is sent.",
            ["engine"],
            registry=registry,
            buckets=WAIT_BUCKETS_SECONDS,
        )
        self.part_seconds = Histogram(
            "voicebox_tts_first_chunk_part_seconds",
            "What first audio waited for; the parts add up to voicebox_tts_first_chunk_seconds.",
            ["engine", "part"],
            registry=registry,
            buckets=PART_BUCKETS_SECONDS,
        )
        self.gap_seconds = Histogram(
            "voicebox_tts_chunk_gap_seconds",
            "Between two chunks of a stream that are sent, without the time in which its text is awaited.",
            ["engine"],
            registry=registry,
            buckets=GAP_BUCKETS_SECONDS,
        )
        self.real_time_factor = Histogram(
            "voicebox_tts_real_time_factor",
            "Time to make an utterance, once it has its voice and model, divided by its duration.",
            ["engine"],
            registry=registry,
            buckets=FACTOR_BUCKETS,
        )
        self.underruns = Counter(
            "voicebox_tts_underruns",
            "Chunks of streams that were made after the listener could have played everything before them.",
            ["engine"],
            registry=registry,
        )

    def begin(self, clock: Callable[[], float], *, is_streamed: bool) -> "Timing":
        """An utterance arrives; gaps and underruns are those of streams."""
        return Timing(self, clock, is_streamed=is_streamed)


class Timing:
    """One utterance on its way, in seconds of `clock`."""

    def __init__(self, metrics: SpeechMetrics, clock: Callable[[], float], *, is_streamed: bool) -> None:
        self._metrics, self._clock, self._is_streamed = metrics, clock, is_streamed
        self._arrived = self._passed = clock()
        self._parts = dict[Part, float]()
        self._text_seconds = self._sending_seconds = 0.0
        self._is_first = True
        self._last_sent: float | None = None
        self._played_at: float | None = None

    @property
    def seconds(self) -> float:
        """Since the request's arrival."""
        return self._clock() - self._arrived

    @property
    def prepared_seconds(self) -> float:
        """How long everything before the engine took."""
        return sum(self._parts.get(part, 0.0) for part in (Part.ACCOUNT, Part.QUEUE, Part.VOICE))

    def passed(self, part: Part) -> None:
        """A part is over, and the next one begins."""
        now = self._clock()
        self._parts[part], self._passed = now - self._passed, now

    async def text(self, items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
        """The items of the text; what they are waited for is no fault of ours."""
        while True:
            began = self._clock()
            try:
                item = await anext(items)
            except StopAsyncIteration:
                return
            finally:
                self._text_seconds += self._clock() - began
            yield item

    @contextmanager
    def sending(self, engine: str, duration_seconds: float = 0.0, *, has_audio: bool = False) -> Iterator[None]:
        """Surrounds the time in which the client takes a chunk, or anything else of the answer."""
        began = self._clock()
        if duration_seconds and self._is_streamed:
            self._note_made(engine, duration_seconds)
        yield
        self._sending_seconds += self._clock() - began
        if has_audio and self._is_first:
            self._is_first = False
            self._note_first(engine)
        if has_audio and self._is_streamed:
            self._note_sent(engine)

    def interrupted(self) -> None:
        """The listener drops what was sent: playing begins anew with the next chunk."""
        self._played_at = self._last_sent = None

    def finished(self, engine: str, synthesis_seconds: float, duration_seconds: float) -> None:
        """The utterance has ended; `synthesis_seconds` is since its arrival, without what the client was waited for."""
        if duration_seconds:
            own_seconds = max(synthesis_seconds - self.prepared_seconds - self._text_seconds, 0.0)
            self._metrics.real_time_factor.labels(engine).observe(own_seconds / duration_seconds)

    def _note_first(self, engine: str) -> None:
        model_seconds = self._clock() - self._passed - self._sending_seconds
        self._parts |= {Part.MODEL: max(model_seconds, 0.0), Part.SEND: self._sending_seconds}
        self._metrics.first_chunk_seconds.labels(engine).observe(self.seconds)
        for part, seconds in self._parts.items():
            self._metrics.part_seconds.labels(engine, part).observe(seconds)

    def _note_sent(self, engine: str) -> None:
        now = self._clock() - self._text_seconds
        if self._last_sent is not None:
            self._metrics.gap_seconds.labels(engine).observe(now - self._last_sent)
        self._last_sent = now

    def _note_made(self, engine: str, duration_seconds: float) -> None:
        now = self._clock() - self._text_seconds - self._sending_seconds
        if self._played_at is None:
            self._played_at = now
        if now > self._played_at + LATE_SECONDS:
            self._metrics.underruns.labels(engine).inc()
            self._played_at = now
        self._played_at += duration_seconds
