"""One stream: its sentences, each spoken with the same voice and a seed of its own."""

import struct
import zlib
from collections.abc import Callable, Generator
from contextlib import closing

from voicebox_tts.engine import Speech

from .model.config import SAMPLE_RATE_HZ
from .runaway import Guard, Runaway
from .scheduler.stream import Chunk, Stream
from .silence import NOTHING, Edges
from .text import pieces

ATTEMPTS = 2
"""So often a piece is made, as long as nothing was heard of it."""

Begin = Callable[[str, int], Stream]
"""Begins to make a text, with a seed (uint32)."""


class Qwen3Session:
    """One stream of an engine: `begin` knows its voice and style."""

    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, begin: Begin, seed: int) -> None:
        self._begin, self._seed = begin, seed
        self._pieces = 0

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        """Speak a text of any length; nothing comes of one without letters or digits.

        Raises Exhausted when the model is busy or its device's memory does not do, Unavailable when it fails or was
        unloaded.
        """
        for piece in pieces(sentence):
            self._pieces += 1
            yield from self._speak_piece(piece)

    def close(self) -> None:
        """Nothing is held between sentences."""

    def _speak_piece(self, piece: str) -> Generator[Speech, None, None]:
        for attempt in range(ATTEMPTS):
            with closing(self._begin(piece, self._seed_of(attempt))) as stream:
                heard = yield from _hear(stream)
            if heard:
                return
        yield Speech(NOTHING, warnings=(f"The model made no sound of a part of the text, {ATTEMPTS} times.",))

    def _seed_of(self, attempt: int) -> int:
        """The same for the same seed, number of the piece and attempt; another for any other."""
        return zlib.crc32(struct.pack("<III", self._seed & 0xFFFFFFFF, self._pieces, attempt))


def _hear(stream: Stream) -> Generator[Speech, None, bool]:
    """What is made, without the silence around it; whether anything was heard. Where the model runs away, it is cut
    off.
    """
    edges, guard = Edges(SAMPLE_RATE_HZ), Guard(SAMPLE_RATE_HZ)
    for chunk in stream:
        runaway = _runaway(guard, chunk)
        if runaway and edges.has_sounded:
            yield Speech(
                edges.cut(chunk.samples), warnings=(f"The model {runaway}: a part of the text was cut off there.",)
            )
        if runaway:
            break
        if (samples := edges.push(chunk.samples)).size:
            yield Speech(samples)
    return edges.has_sounded


def _runaway(guard: Guard, chunk: Chunk) -> Runaway | None:
    return guard.heard(chunk.codes, chunk.samples) or (Runaway.TOO_LONG if chunk.cut else None)
