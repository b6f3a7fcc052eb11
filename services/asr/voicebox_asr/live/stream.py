"""Recognises a live stream and yields its events as they happen."""

import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count

from voicebox_kit.permits import idle_between

from voicebox_asr.engine import Engine, Options
from voicebox_asr.recognition.recognizer import Recognizer
from voicebox_asr.segmentation.endpointing import Endpointing
from voicebox_asr.segmentation.segmenter import Segmenter

from .backlog import Backlog, BacklogItem, Control
from .channels import LiveChannels
from .interims import Interims
from .recognizer import ChannelContext, Final, Interim, LiveEvent, LiveRecognizer


@dataclass(frozen=True)
class StreamOptions:
    """How to recognise a stream."""

    recognition: Options
    endpointing: Endpointing
    interim_results: bool = False
    separate_channels: bool = False


@dataclass(frozen=True)
class StreamFinished:
    """The end of a live stream. `language` is the one that was spoken longest."""

    audio_seconds: float
    finals: int
    language: str
    interims_dropped: int


async def recognize_stream(
    recognizer: Recognizer,
    engine: Engine,
    audio: AsyncIterator[BacklogItem],
    backlog: Backlog,
    options: StreamOptions,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[LiveEvent | StreamFinished]:
    """The events of a live stream, and StreamFinished at its end.

    `audio` is read through `backlog`, which counts what was recognised. `clock` returns seconds.
    """
    statistics = StreamStatistics(recognizer, options.recognition.language)
    opened = recognizer.opened(engine, lambda: _opened(engine, backlog, options, clock))
    async with opened as (live, permit):
        try:
            async with aclosing(_work(recognizer, live, idle_between(permit, audio))) as works:
                async for work in works:
                    async with aclosing(recognizer.run(live, work)) as events:
                        async for event in events:
                            statistics.count(event)
                            async with permit.idle():
                                yield event
        finally:
            recognizer.interims_dropped.inc(live.interims_dropped)
        yield StreamFinished(live.seconds, statistics.finals, statistics.language, live.interims_dropped)


class StreamStatistics:
    """Counts the results of one stream."""

    def __init__(self, recognizer: Recognizer, language: str) -> None:
        """`language` is the requested one."""
        self._recognizer = recognizer
        self._requested = language
        self._seconds: dict[str, float] = defaultdict(float)
        self.finals = 0

    @property
    def language(self) -> str:
        """The language that was spoken longest."""
        return max(self._seconds, key=self._seconds.__getitem__, default=self._requested)

    def count(self, event: LiveEvent) -> None:
        """Count an event that is sent now."""
        if isinstance(event, Interim | Final):
            self._recognizer.lag_seconds.observe(event.lag_seconds)
        if isinstance(event, Final):
            self.finals += 1
            utterance = event.utterance
            self._seconds[utterance.hypothesis.language or self._requested] += (
                utterance.end_seconds - utterance.start_seconds
            )


async def _work(
    recognizer: Recognizer, live: LiveChannels, audio: AsyncIterator[BacklogItem]
) -> AsyncGenerator[Iterator[LiveEvent]]:
    async for item in audio:
        if isinstance(item, Control):
            yield live.end_utterance()
        else:
            recognizer.count(item)
            yield live.process(item)
    yield live.finish()


def _opened(engine: Engine, backlog: Backlog, options: StreamOptions, clock: Callable[[], float]) -> LiveChannels:
    indices = count()

    def open_channel(channel: int) -> LiveRecognizer:
        session = engine.open(options.recognition)
        segmenter = Segmenter(engine.voice_activity(options.recognition.voice_detection), options.endpointing)
        interims = Interims(clock) if options.interim_results else None
        context = ChannelContext(lambda: next(indices), lambda: backlog.seconds, channel)
        return LiveRecognizer(session, segmenter, engine.capabilities.preview_seconds, interims, context)

    return LiveChannels(open_channel, backlog.consumed, separate=options.separate_channels)
