"""Decodes streams while their codes are made: each frame in a window of those that its samples depend on, so that
chunks are what the decoder makes of the whole.

The official package decodes windows of four frames and keeps the second, which depends on more than is in the window.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from voicebox_tts.engines.orpheus.tokens import SLOTS

from .codec import SnacDecoder
from .noise import frame_noise

Codes = NDArray[np.int64]
Samples = NDArray[np.float32]
NOTHING: Samples = np.zeros(0, np.float32)
NO_CODES: Codes = np.zeros((0, SLOTS), np.int64)


@dataclass
class _Row:
    """A stream: the frames that are still needed, the number of the first of them, and how many are decoded."""

    seed: int = 0
    frames: Codes = field(default_factory=lambda: NO_CODES)
    first: int = 0
    decoded: int = 0

    @property
    def end(self) -> int:
        return self.first + len(self.frames)


class WindowedDecoder:
    """Decodes the streams of several rows. Used by one thread at a time."""

    def __init__(self, decoder: SnacDecoder, rows: int) -> None:
        self._decoder, self._context = decoder, decoder.config.context_frames
        self._rows = [_Row() for _ in range(rows)]

    def begin(self, row: int, seed: int | None) -> None:
        """Begin a stream in this row, with the seed of its noise."""
        self._rows[row] = _Row(seed or 0)

    def move(self, source: int, target: int) -> None:
        """Another row for a stream."""
        self._rows[target] = self._rows[source]
        self._rows[source] = _Row()

    def decode(self, rows: Sequence[int], codes: Codes) -> list[Samples]:
        """The audio that can be made after the next frames of some streams, codes (len(rows), frames, SLOTS): that of
        frames which have all those after them that they depend on.
        """
        taken = [self._with(row, own) for row, own in zip(rows, codes, strict=True)]
        audio = self._decoded(taken, [max(row.decoded, row.end - self._context) for row in taken])
        for row, after in zip(rows, taken, strict=True):  # not before: without memory it is done again
            self._rows[row] = after
        return audio

    def rest(self, row: int) -> Samples:
        """The audio of the last frames of a stream, after which none follow."""
        return self._decoded([self._rows[row]], [self._rows[row].end])[0]

    def _with(self, row: int, codes: Codes) -> _Row:
        """A row with more frames."""
        before = self._rows[row]
        return replace(before, frames=np.concatenate((before.frames, codes)))

    def _decoded(self, rows: Sequence[_Row], ends: Sequence[int]) -> list[Samples]:
        """The audio of each row up to its end; rows with equal windows are decoded together."""
        alike: dict[tuple[int, int], list[int]] = {}
        for number, (row, end) in enumerate(zip(rows, ends, strict=True)):
            if end > row.decoded:
                alike.setdefault((len(row.frames), row.decoded - row.first), []).append(number)
        made = [NOTHING] * len(rows)
        for numbers in alike.values():
            audio = self._audio([rows[number] for number in numbers])
            for number, samples in zip(numbers, audio, strict=True):
                made[number] = self._take(rows[number], ends[number], samples)
        return made

    def _take(self, row: _Row, end: int, audio: Samples) -> Samples:
        """The frames that are due of a window's audio; what no later frame depends on is forgotten."""
        size = self._decoder.config.frame_samples
        due = audio[(row.decoded - row.first) * size : (end - row.first) * size].copy()
        first = max(row.first, end - self._context)
        row.frames, row.first, row.decoded = row.frames[first - row.first :], first, end
        return due

    @torch.inference_mode()
    def _audio(self, rows: Sequence[_Row]) -> Samples:
        """(len(rows), samples) of their windows."""
        noise = [self._noise(row) for row in rows]
        blocks = [
            torch.from_numpy(np.stack(block))[:, None].to(self._decoder.device) for block in zip(*noise, strict=True)
        ]
        audio: Samples = self._decoder(np.stack([row.frames for row in rows]), blocks).cpu().numpy()
        return audio

    def _noise(self, row: _Row) -> list[Samples]:
        """Of each block, for the frames of the window."""
        lengths = self._decoder.config.noise_lengths
        frames = [frame_noise(row.seed, frame, lengths) for frame in range(row.first, row.end)]
        return [np.concatenate(block) for block in zip(*frames, strict=True)]


def decode_whole(decoder: SnacDecoder, codes: Codes, seed: int) -> Samples:
    """Codes (frames, SLOTS) to audio at once."""
    rows = WindowedDecoder(decoder, 1)
    rows.begin(0, seed)
    return np.concatenate((*rows.decode([0], codes[None]), rows.rest(0)))
