"""From a recording to a voice prompt: what is looked at before it is encoded, and how it is prepared."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from voicebox_kit.errors import InvalidField

from voicebox_tts.engine import LONGEST_REFERENCE_SECONDS, Reference, Samples
from voicebox_tts.engines.codec_models.recordings import MOMENT_SECONDS, audible, prepared
from voicebox_tts.engines.codec_models.runaway import MIN_SECONDS, usual_seconds

from .codec.encoder import CodecEncoder
from .model.config import SAMPLE_RATE_HZ, ModelConfig
from .model.speaker_encoder import SpeakerEncoder
from .voice_prompt import Qwen3Prompt

SILENCE_AFTER_SECONDS = 0.5
"""Without it the speech begins with the recording's last phoneme."""

RATES = 4.0
"""Speech is less than this factor faster or slower than usual: 56 letters a second, or 3."""


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
        samples = prepared(reference.samples, reference.sample_rate_hz, SAMPLE_RATE_HZ)
        check_transcript(transcript, reference.samples, reference.sample_rate_hz)
        speaker = self.speaker(samples)
        if not transcript or len(reference.samples) > LONGEST_REFERENCE_SECONDS * reference.sample_rate_hz:
            return Qwen3Prompt("", np.zeros((0, self.codec.num_quantizers), np.int64), speaker)
        silence = np.zeros(int(SILENCE_AFTER_SECONDS * SAMPLE_RATE_HZ), np.float32)
        return Qwen3Prompt(transcript, self.codec(np.concatenate((samples, silence))), speaker)


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
