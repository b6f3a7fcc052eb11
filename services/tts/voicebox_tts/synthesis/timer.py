"""Measures how long an utterance takes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from voicebox_tts.history.record import Statistics


class Timer:
    """Runs from the request's arrival, in seconds of `clock`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._arrival = clock, clock()
        self._waited_seconds = self._synthesis_seconds = self._first_chunk_seconds = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The time in this block is not synthesis: a client takes a chunk, or pacing delays it."""
        began = self._clock()
        try:
            yield
        finally:
            self._waited_seconds += self._clock() - began

    def note_chunk(self, *, has_audio: bool) -> None:
        """A chunk was made."""
        now = self._clock()
        self._synthesis_seconds = now - self._arrival - self._waited_seconds
        if has_audio and not self._first_chunk_seconds:
            self._first_chunk_seconds = now - self._arrival

    def statistics(self, sample_count: int, sample_rate_hz: int) -> Statistics:
        """The figures of the utterance, once it has ended."""
        duration_seconds = sample_count / sample_rate_hz
        return Statistics(sample_count, duration_seconds, self._first_chunk_seconds, self._synthesis_seconds)
