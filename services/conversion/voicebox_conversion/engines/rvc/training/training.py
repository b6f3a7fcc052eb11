"""The steps of a training: the synthesizer learns to speak what it was given, and judges keep it honest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from voicebox_conversion.engines.rvc.config import SynthesizerConfig
from voicebox_conversion.engines.rvc.generator import excitation
from voicebox_conversion.engines.rvc.synthesizer import Pitch, TrainableSynthesizer

from .batches import Batch, batch
from .clips import Clip
from .discriminators import Judges, deceit_loss, judges_loss
from .spectra import log_mel, spectrum

MEL_WEIGHT, KL_WEIGHT = 45.0, 1.0
LONGEST_GRADIENT = 100.0
_GRADIENT_OF_JUDGES = 100.0


@dataclass(frozen=True)
class Plan:
    """How to train. Of `part_frames` of a clip the latents are learned, of `spoken_frames` the samples; without
    `judges_width` nobody judges them.
    """

    steps: int
    batch_size: int = 4
    part_frames: int = 200
    spoken_frames: int = 36
    learning_rate: float = 1e-4
    seed: int = 0
    judges_width: int = 32


@dataclass(frozen=True)
class Losses:
    """Of one step."""

    mel: float
    kl: float

    @property
    def total(self) -> float:
        return MEL_WEIGHT * self.mel + KL_WEIGHT * self.kl


class Training:
    """What is learned, and how far it is. The same plan and clips give the same steps, resumed or not."""

    def __init__(self, config: SynthesizerConfig, plan: Plan, device: str) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            self.synthesizer = TrainableSynthesizer(config).to(device)
            self.judges = Judges(plan.judges_width).to(device) if plan.judges_width else None
        self.config, self.plan, self.device, self.step = config, plan, device, 0
        self.optimizer = _optimizer(self.synthesizer, plan)
        self.judges_optimizer = _optimizer(self.judges, plan) if self.judges else None

    def run(self, clips: Sequence[Clip], done: Callable[[Losses], None]) -> None:
        """All steps that are left; `done` is called behind each."""
        while self.step < self.plan.steps:
            losses = self._step(clips)
            self.step += 1
            done(losses)

    def _step(self, clips: Sequence[Clip]) -> Losses:
        plan = self.plan
        drawn = np.random.default_rng([plan.seed, self.step])
        generator = torch.Generator().manual_seed(int(drawn.integers(1 << 62)))
        given = batch(clips, self.config, drawn, plan.batch_size, plan.part_frames)
        begin = int(drawn.integers(0, max(given.features.shape[1] - plan.spoken_frames, 0) + 1))
        made, recorded, kl = self._forward(given, begin, generator)
        mel = (_mel(made, self.config) - _mel(recorded, self.config)).abs().mean()
        loss = MEL_WEIGHT * mel + KL_WEIGHT * kl
        if self.judges is not None and self.judges_optimizer is not None:
            wrong = judges_loss(self.judges(recorded), self.judges(made.detach()))
            _learn(self.judges_optimizer, self.judges, wrong, _GRADIENT_OF_JUDGES)
            loss = loss + deceit_loss(self.judges(recorded), self.judges(made))
        _learn(self.optimizer, self.synthesizer, loss, LONGEST_GRADIENT)
        return Losses(float(mel.detach()), float(kl.detach()))

    def _forward(
        self, given: Batch, begin: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What is spoken of a part, what was recorded there, and how far the latents of both ways are apart."""
        config, net = self.config, self.synthesizer
        samples, features, pitch = self._on_device(given)
        end = begin + min(self.plan.spoken_frames, features.shape[1])
        speaker = net.speaker(0, len(samples))
        mean, log_deviation = net.enc_p(features, pitch.steps if config.has_pitch else None)
        own_mean, own_log_deviation = net.enc_q(spectrum(samples, config), speaker)
        latents = own_mean + own_log_deviation.exp() * self._noise(own_mean.shape, generator)
        kl = _divergence(net.flow(latents, speaker), own_log_deviation, mean, log_deviation)
        hop = config.hop_samples
        part = slice(begin, end)
        noise = self._noise((len(samples), (end - begin) * hop), generator)
        sine = excitation(pitch.turns[:, part], pitch.f0_hz[:, part], noise, config.rate_hz)
        made = net.dec(latents[:, :, part], speaker, sine if config.has_pitch else None)
        return made, samples[:, begin * hop : end * hop], kl

    def _on_device(self, given: Batch) -> tuple[torch.Tensor, torch.Tensor, Pitch]:
        pitch = given.pitch
        moved = Pitch(pitch.f0_hz.to(self.device), pitch.steps.to(self.device), pitch.turns.to(self.device))
        return given.samples.to(self.device), given.features.to(self.device), moved

    def _noise(self, shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(self.device)


def _optimizer(module: nn.Module, plan: Plan) -> torch.optim.AdamW:
    return torch.optim.AdamW(module.parameters(), plan.learning_rate, betas=(0.8, 0.99), eps=1e-9)


def _learn(optimizer: torch.optim.Optimizer, module: nn.Module, loss: torch.Tensor, longest: float) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(module.parameters(), longest)
    optimizer.step()


def _mel(samples: torch.Tensor, config: SynthesizerConfig) -> torch.Tensor:
    return log_mel(spectrum(samples, config), config)


def _divergence(
    latents: torch.Tensor, own_log_deviation: torch.Tensor, mean: torch.Tensor, log_deviation: torch.Tensor
) -> torch.Tensor:
    """Of the posterior from the prior, for each frame and latent."""
    distance = 0.5 * (latents - mean) ** 2 * (-2 * log_deviation).exp()
    return (log_deviation - own_log_deviation - 0.5 + distance).mean() * latents.shape[1]
