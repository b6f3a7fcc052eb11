"""From a recording to a voice prompt: what is looked at before it is encoded, and how it is prepared."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from voicebox_kit.errors import InvalidField

from voicebox_tts.engine import LONGEST_REFERENCE_SECONDS, Reference, Samples
from voicebox_tts.engines.likeness import profile

from .codec.encoder import CodecEncoder
from .model.config import SAMPLE_RATE_HZ, ModelConfig
from .model.speaker_encoder import SpeakerEncoder
from .runaway import MIN_SECONDS, usual_seconds
from .voice_prompt import Qwen3Prompt

CUT_AFTER_SECONDS = 20.0
"""What is too long ends at the quietest moment between this and LONGEST_REFERENCE_SECONDS."""

SILENCE_AFTER_SECONDS = 0.5
"""Without it the speech begins with the recording's last phoneme."""

RATES = 4.0
"""Speech is less than this factor faster or slower than usual: 56 letters a second, or 3."""

MOMENT_SECONDS = 0.02
PAUSE_SECONDS = 0.2
QUIET = 0.03
"""Of the loud moments' level: -30 dB. Pauses are below, in all but the noisiest recordings."""


@dataclass(frozen=True)
class Encoders:
    """A base model's two encoders."""

    codec: CodecEncoder
    speaker: SpeakerEncoder

    @classmethod
    def load(cls, folder: Path, config: ModelConfig, device: torch.device) -> "Encoders":
        """Those of the model in `folder`, in float32; StartError when it has none."""
        return cls(CodecEncoder.load(folder, device), SpeakerEncoder.load(folder, config, device))

    def prompt(self, reference: Reference) -> Qwen3Prompt:
        """The prompt of a recording: with a transcript in context, else of the speaker embedding alone.

        So is that of a recording of more than 30 s, which is cut: it is unknown how much of the transcript belongs to
        what is left. Raises InvalidField("reference") for too little speech, and for a transcript that cannot be speak
        in that time.
        """
        transcript = " ".join(reference.transcript.split())
        samples = prepared(reference.samples, reference.sample_rate_hz)
        check_transcript(transcript, reference.samples, reference.sample_rate_hz)
        speaker = self.speaker(samples)
        if not transcript or len(reference.samples) > LONGEST_REFERENCE_SECONDS * reference.sample_rate_hz:
            return Qwen3Prompt("", np.zeros((0, self.codec.num_quantizers), np.int64), speaker)
        silence = np.zeros(int(SILENCE_AFTER_SECONDS * SAMPLE_RATE_HZ), np.float32)
        return Qwen3Prompt(transcript, self.codec(np.concatenate((samples, silence))), speaker)


def prepared(samples: Samples, rate_hz: int) -> Samples:
    """At most 30 s at 24 kHz; InvalidField("reference") when they hold too little speech."""
    samples = shortened(samples, rate_hz)
    if (
        not len(samples) or profile(samples - samples.mean(), rate_hz) is None
    ):  # a constant would be taken for a voiced sound
        sentence = "The recording holds less than a third of a second of voiced speech."
        raise InvalidField("reference", sentence, "REFERENCE_TOO_LITTLE_SPEECH")
    resampled: Samples = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ)
    return np.clip(resampled, -1.0, 1.0)


def check_transcript(transcript: str, samples: Samples, rate_hz: int) -> None:
    """InvalidField("reference") when the words cannot be those of the recording; that they are others of the same
    length is not seen.
    """
    if not transcript:
        return
    seconds, usual = float(audible(samples, rate_hz).sum()) * MOMENT_SECONDS, usual_seconds(transcript)
    if usual / RATES <= seconds <= MIN_SECONDS + RATES * usual and any(map(str.isalnum, transcript)):
        return
    sentence = (
        f"The transcript is not that of the recording: it takes some {usual:.1f} s to say, "
        f"and {seconds:.1f} s are spoken."
    )
    raise InvalidField("reference", sentence, "TRANSCRIPT_DOES_NOT_MATCH")


def shortened(samples: Samples, rate_hz: int) -> Samples:
    """At most 30 s, from the first sound to a pause."""
    if len(samples) <= LONGEST_REFERENCE_SECONDS * rate_hz:
        return samples
    moment = int(MOMENT_SECONDS * rate_hz)
    first = max(0, int(np.argmax(audible(samples, rate_hz))) * moment - int(PAUSE_SECONDS * rate_hz))
    part = samples[first : first + LONGEST_REFERENCE_SECONDS * rate_hz]
    levels = np.convolve(loudness(part, rate_hz), np.ones(int(PAUSE_SECONDS / MOMENT_SECONDS)), "same")
    earliest = min(int(CUT_AFTER_SECONDS / MOMENT_SECONDS), len(levels) - 1)
    return part[: (earliest + int(np.argmin(levels[earliest:]))) * moment]


def audible(samples: Samples, rate_hz: int) -> NDArray[np.bool_]:
    """Whether each moment of 20 ms is part of a sound, (moments,)."""
    levels = loudness(samples, rate_hz)
    return levels > QUIET * np.percentile(levels, 95) if len(levels) else np.zeros(0, np.bool_)


def loudness(samples: Samples, rate_hz: int) -> NDArray[np.float32]:
    """The level of each moment of 20 ms, (moments,)."""
    moment = max(1, int(MOMENT_SECONDS * rate_hz))
    whole = samples[: len(samples) // moment * moment].reshape(-1, moment)
    levels: NDArray[np.float32] = np.sqrt(np.square(whole).mean(axis=1))
    return levels
