"""The synthesizer of RVC v2: features of speech, a pitch and a speaker become samples."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from voicebox_conversion.engines.speech.weights import folded

from .config import SynthesizerConfig
from .flow import Flow, PosteriorEncoder
from .generator import Generator, excitation
from .text_encoder import TextEncoder

WARMTH = 0.66666
"""How much of the deviation of latents is drawn, as everybody does."""
_TRAINING = "enc_q."


@dataclass(frozen=True)
class Pitch:
    """Of frames, each of shape (batch, frames): the pitch in Hz, 0 where there is none; its step for the encoder; and
    the turns of the sine before each frame.
    """

    f0_hz: torch.Tensor
    steps: torch.Tensor
    turns: torch.Tensor


@dataclass(frozen=True)
class Noise:
    """Normally distributed: for the latents, shape (batch, latent, frames), and the source, shape (batch, samples)."""

    latents: torch.Tensor
    source: torch.Tensor


class Synthesizer(nn.Module):
    """What a voice model of RVC holds: `enc_p`, `flow`, `dec` and `emb_g`."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        self.config = config
        self.enc_p = TextEncoder(config)
        self.dec = Generator(config)
        self.flow = Flow(config)
        self.emb_g = nn.Embedding(config.speakers, config.speaker_size)

    def speak(self, features: torch.Tensor, pitch: Pitch | None, noise: Noise, speaker: int = 0) -> torch.Tensor:
        """Samples of shape (batch, samples), for features of shape (batch, frames, features)."""
        mean, log_deviation = self.enc_p(features, pitch.steps if pitch else None)
        latents = mean + log_deviation.exp() * noise.latents * WARMTH
        known = self.speaker(speaker, len(features))
        sine = excitation(pitch.turns, pitch.f0_hz, noise.source, self.config.rate_hz) if pitch else None
        made: torch.Tensor = self.dec(self.flow.reverse(latents, known), known, sine)
        return made

    def speaker(self, number: int, batch: int) -> torch.Tensor:
        """Of shape (batch, speaker_size, 1)."""
        numbers = torch.full((batch,), number, device=self.emb_g.weight.device)
        known: torch.Tensor = self.emb_g(numbers)[..., None]
        return known


class TrainableSynthesizer(Synthesizer):
    """With the posterior encoder, which voice models leave out."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__(config)
        self.enc_q = PosteriorEncoder(config)


def loaded(config: SynthesizerConfig, tensors: Mapping[str, torch.Tensor]) -> Synthesizer:
    """A synthesizer for use. ValueError when the tensors are not those of the config."""
    with torch.device("meta"):
        synthesizer = Synthesizer(config)
    wanted = {name: tensor for name, tensor in folded(tensors).items() if not name.startswith(_TRAINING)}
    try:
        synthesizer.load_state_dict(wanted, assign=True)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return synthesizer.eval().requires_grad_(False)
