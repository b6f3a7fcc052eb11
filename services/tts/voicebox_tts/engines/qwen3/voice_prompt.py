"""A recording as a voice prompt."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voicebox_tts.engine import Packed

from .model.config import ModelConfig


@dataclass(frozen=True, eq=False)
class Qwen3Prompt:
    """A recording's transcript, its codes and its speaker embedding; or the speaker embedding alone."""

    transcript: str
    """Empty without frames."""
    codes: NDArray[np.int64] = field(repr=False)
    """(frames, num_code_groups); no frames for the speaker embedding alone."""
    speaker_embedding: NDArray[np.float32] = field(repr=False)
    """(the talker's hidden_size,)."""

    @property
    def base_voice(self) -> str:
        """Empty: no built-in voice is used."""
        return ""

    @property
    def size_bytes(self) -> int:
        """Some 52 KB for 30 s: 128 bytes a frame, and the embedding."""
        return 300 + len(self.transcript.encode()) + self.codes.nbytes + self.speaker_embedding.nbytes

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Qwen3Prompt):
            return NotImplemented
        same = np.array_equal(self.codes, other.codes) and np.array_equal(
            self.speaker_embedding, other.speaker_embedding
        )
        return same and self.transcript == other.transcript

    def __hash__(self) -> int:
        return hash((self.transcript, self.codes.tobytes(), self.speaker_embedding.tobytes()))


def pack(prompt: Qwen3Prompt) -> Packed:
    """A prompt in a form that can be stored."""
    return Packed({"codes": prompt.codes, "speaker": prompt.speaker_embedding}, {"transcript": prompt.transcript})


def unpack(packed: Packed, config: ModelConfig) -> Qwen3Prompt:
    """What was packed; ValueError when it is no prompt of a model of this configuration. A code too high would bring a
    GPU down.
    """
    try:
        codes, speaker, transcript = packed.arrays["codes"], packed.arrays["speaker"], packed.facts["transcript"]
    except KeyError as error:
        raise ValueError(f"It is not a prompt: {error} is missing.") from error
    if codes.dtype != np.int64 or codes.ndim != 2 or codes.shape[1] != config.num_code_groups:
        raise ValueError(f"It is not a prompt of this model: its codes are {codes.dtype} {codes.shape}.")
    if codes.size and not (codes.min() >= 0 and codes.max() < config.codebook_size):
        raise ValueError(f"It is not a prompt of this model: it has codes from {codes.min()} to {codes.max()}.")
    if speaker.dtype != np.float32 or speaker.shape != (config.talker.hidden_size,) or not np.isfinite(speaker).all():
        raise ValueError(
            f"It is not a prompt of this model: its speaker is {speaker.dtype} {speaker.shape}, or not finite."
        )
    if bool(transcript) != bool(len(codes)):
        raise ValueError("It is not a prompt: words come with frames, and frames with words.")
    return Qwen3Prompt(transcript, codes, speaker)
