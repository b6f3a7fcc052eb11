"""Counts the audio that is recognised, for whoever calls."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

import numpy as np
from voicebox_metering.work import Work

from voicebox_asr.engine import SAMPLE_RATE_HZ

Piece = TypeVar("Piece")


async def counted(pieces: AsyncIterator[Piece], work: Work) -> AsyncGenerator[Piece]:
    """The same pieces; samples among them are counted as they pass. Raises Exhausted where a limit allows no more."""
    async for piece in pieces:
        if isinstance(piece, np.ndarray):
            await work.use(audio_ms=1000 * len(piece) / SAMPLE_RATE_HZ)
        yield piece
