"""A session: its pieces of text are spoken with one voice, each with its own seed."""

import struct
import zlib
from collections.abc import Callable, Generator
from contextlib import closing

from voicebox_tts.engine import Speech

from .runaway import Runaway, RunawayDetector
from .scheduler.stream import FrameChunk, Stream
from .silence import NO_SAMPLES, SilenceTrimmer
from .text import MAX_SECONDS, pieces

ATTEMPTS = 2
"""How often a piece is made, until there is sound."""

Begin = Callable[[str, int], Stream]
"""Begins to make a text, with a seed (uint32)."""


class CodecSession:
    """One stream of an engine: `begin` knows its voice and style; `max_seconds` of speech are made at once."""

    def __init__(self, begin: Begin, seed: int, sample_rate_hz: int, max_seconds: float = MAX_SECONDS) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._begin, self._seed, self._max_seconds = begin, seed, max_seconds
        self._pieces = 0

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        """Speak a text of any length; there is no audio of one without letters or digits.

        Raises Exhausted when the model is busy or its device's memory does not do, Unavailable when it fails or was
        unloaded.
        """
        for piece in pieces(sentence, self._max_seconds):
            self._pieces += 1
            yield from self._speak_piece(piece)

    def close(self) -> None:
        """Nothing is held between sentences."""

    def _speak_piece(self, piece: str) -> Generator[Speech, None, None]:
        for attempt in range(ATTEMPTS):
            with closing(self._begin(piece, self._seed_of(attempt))) as stream:
                has_sound = yield from _speech(stream, self.sample_rate_hz)
            if has_sound:
                return
        yield Speech(NO_SAMPLES, warnings=(f"The model made no sound of a part of the text, {ATTEMPTS} times.",))

    def _seed_of(self, attempt: int) -> int:
        """The same for the same seed, number of the piece and attempt; another for any other."""
        return zlib.crc32(struct.pack("<III", self._seed & 0xFFFFFFFF, self._pieces, attempt))


def _speech(stream: Stream, sample_rate_hz: int) -> Generator[Speech, None, bool]:
    """The audio without the silence around it; returns whether there was any sound. A runaway model is cut off."""
    trimmer, detector = SilenceTrimmer(sample_rate_hz), RunawayDetector(sample_rate_hz)
    for chunk in stream:
        runaway = _runaway(detector, chunk)
        if runaway and trimmer.has_sound:
            warning = f"The model {runaway}: a part of the text was cut off there."
            yield Speech(trimmer.cut(chunk.samples), warnings=(warning,))
        if runaway:
            break
        if (samples := trimmer.push(chunk.samples)).size:
            yield Speech(samples)
    return trimmer.has_sound


def _runaway(detector: RunawayDetector, chunk: FrameChunk) -> Runaway | None:
    return detector.check(chunk.codes, chunk.samples) or (Runaway.TOO_LONG if chunk.cut else None)
