"""Recognises a live stream, and tells its events as they happen."""

import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count

from voicebox_asr.engine import Engine, Options
from voicebox_asr.recognition.recognizer import Recognizer
from voicebox_asr.segmentation.endpointing import Endpointing
from voicebox_asr.segmentation.segmenter import Segmenter

from .backlog import Backlog, Control, Item
from .channels import LiveChannels
from .interims import Interims
from .recognizer import Event, Final, Interim, LiveRecognizer, Place


@dataclass(frozen=True)
class Listening:
    """How to listen to a stream."""

    options: Options
    endpointing: Endpointing
    interim_results: bool = False
    separate_channels: bool = False


@dataclass(frozen=True)
class Done:
    """A live stream is done. `language` is the one that was spoken longest."""

    audio_seconds: float
    finals: int
    language: str
    interims_dropped: int


async def listen(
    recognizer: Recognizer,
    engine: Engine,
    sound: AsyncIterator[Item],
    backlog: Backlog,
    listening: Listening,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[Event | Done]:
    """The events of a live stream, and Done. `backlog` is told what was heard of `sound`. `clock` tells seconds."""
    told = Told(recognizer, listening.options.language)
    async with recognizer.opened(engine, lambda: _opened(engine, backlog, listening, clock)) as live:
        try:
            async with aclosing(_work(recognizer, live, sound)) as works:
                async for work in works:
                    async with aclosing(recognizer.run(live, work)) as events:
                        async for event in events:
                            told.count(event)
                            yield event
        finally:
            recognizer.interims_dropped.inc(live.interims_dropped)
        yield Done(live.seconds, told.finals, told.language, live.interims_dropped)


class Told:
    """What a stream's caller was told."""

    def __init__(self, recognizer: Recognizer, language: str) -> None:
        """`language` is the one that was asked for."""
        self._recognizer = recognizer
        self._asked = language
        self._seconds: dict[str, float] = defaultdict(float)
        self.finals = 0

    @property
    def language(self) -> str:
        """The language that was spoken longest."""
        return max(self._seconds, key=self._seconds.__getitem__, default=self._asked)

    def count(self, event: Event) -> None:
        """Count what is told now."""
        if isinstance(event, Interim | Final):
            self._recognizer.lag_seconds.observe(event.lag_seconds)
        if isinstance(event, Final):
            self.finals += 1
            utterance = event.utterance
            self._seconds[utterance.heard.language or self._asked] += utterance.end_seconds - utterance.start_seconds


async def _work(
    recognizer: Recognizer, live: LiveChannels, sound: AsyncIterator[Item]
) -> AsyncGenerator[Iterator[Event]]:
    async for item in sound:
        if isinstance(item, Control):
            yield live.end_utterance()
        else:
            recognizer.count(item)
            yield live.hear(item)
    yield live.finish()


def _opened(engine: Engine, backlog: Backlog, listening: Listening, clock: Callable[[], float]) -> LiveChannels:
    indices = count()

    def open_channel(channel: int) -> LiveRecognizer:
        session = engine.open(listening.options)
        segmenter = Segmenter(engine.voice_activity(listening.options.voice_detection), listening.endpointing)
        interims = Interims(clock) if listening.interim_results else None
        place = Place(lambda: next(indices), lambda: backlog.seconds, channel)
        return LiveRecognizer(session, segmenter, engine.capabilities.preview_seconds, interims, place)

    return LiveChannels(open_channel, backlog.heard, separate=listening.separate_channels)
