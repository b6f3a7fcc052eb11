"""How many frames of sound are decoded and sent at once: few at first, so that sound comes early, then more, which
costs less.
"""

from dataclasses import dataclass, replace

from voicebox_kit.errors import StartError

MAX_FRAMES = 64
"""5 s: a longer chunk would only come later."""


@dataclass(frozen=True)
class ChunkSizes:
    """`frames` of 80 ms for the first chunk, the second and so on; the last one stays."""

    frames: tuple[int, ...] = (1, 2, 4, 8)

    @classmethod
    def read(cls, text: str) -> "ChunkSizes":
        """As in "1,2,4,8"; empty for the default. StartError when it is something else."""
        if not text:
            return cls()
        numbers = [number.strip() for number in text.split(",")]
        if not all(number.isdecimal() and 1 <= int(number) <= MAX_FRAMES for number in numbers):
            raise StartError(
                f"{text!r} says no frames of chunks: numbers from 1 to {MAX_FRAMES} by comma, as in 1,2,4,8."
            )
        return cls(tuple(map(int, numbers)))

    def after(self, lookahead: int) -> "ChunkSizes":
        """Where a frame is decoded when `lookahead` more are made: the first chunk comes when all its frames can be."""
        return replace(self, frames=(self.frames[0] + lookahead, *(self.frames[1:] or self.frames)))

    def size(self, chunk: int) -> int:
        """The frames of a stream's chunk, counted from 0."""
        return self.frames[min(chunk, len(self.frames) - 1)]
