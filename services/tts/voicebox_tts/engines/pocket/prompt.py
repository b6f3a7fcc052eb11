"""A voice prompt of Pocket TTS: the model's keys and values after a recording."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebox_tts.engine import Packed

Memory = NDArray[np.float32]
"""One layer's keys and values of a recording, shape (2, steps, heads, width)."""

DIMENSIONS = 4


@dataclass(frozen=True, eq=False)
class PocketPrompt:
    """The memories of all layers, the first layer first, with the same shape. A second of a recording is 12.5 steps."""

    memories: tuple[Memory, ...]
    base_voice: str = ""

    def __post_init__(self) -> None:
        for memory in self.memories:
            memory.flags.writeable = False

    @property
    def steps(self) -> int:
        return len(self.memories[0][0])

    @property
    def size_bytes(self) -> int:
        """About 0.6 MB for each second of the recording."""
        return sum(memory.nbytes for memory in self.memories)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PocketPrompt) or len(self.memories) != len(other.memories):
            return False
        return all(np.array_equal(one, another) for one, another in zip(self.memories, other.memories, strict=True))

    def __hash__(self) -> int:
        return hash((len(self.memories), self.memories[0].shape))


def pack_prompt(prompt: PocketPrompt, model: str) -> Packed:
    """A model's prompt in a form that can be stored."""
    return Packed({f"layer.{index}": memory for index, memory in enumerate(prompt.memories)}, {"model": model})


def unpack_prompt(packed: Packed, model: str, layers: int, heads: int, width: int) -> PocketPrompt:
    """What was packed by that model, which has so many layers, and heads of that width; ValueError when it is no such
    prompt.
    """
    names = [f"layer.{index}" for index in range(layers)]
    if packed.facts.get("model") != model or set(packed.arrays) != set(names):
        raise ValueError("It is not a prompt of this model.")
    memories = tuple(np.array(packed.arrays[name]) for name in names)
    shape = memories[0].shape
    fits = len(shape) == DIMENSIONS and shape[1] > 0 and (shape[0], *shape[2:]) == (2, heads, width)
    if not fits or not all(_is_whole(memory, shape) for memory in memories):
        raise ValueError("It is not a prompt of this model: its arrays have other shapes, or hold no numbers.")
    return PocketPrompt(memories)


def _is_whole(memory: NDArray[np.generic], shape: tuple[int, ...]) -> bool:
    return memory.dtype == np.float32 and memory.shape == shape and bool(np.isfinite(memory).all())
