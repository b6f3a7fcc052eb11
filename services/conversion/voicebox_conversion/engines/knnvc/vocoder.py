"""HiFi-GAN from features of WavLM to samples, by the keys of the published vocoder of kNN-VC."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from voicebox_kit.errors import StartError

from voicebox_conversion.engines.speech.hifigan import SLOPE, ResidualBlock, mean_of, upsampler
from voicebox_conversion.engines.speech.weights import folded, read

FILE = "hifigan.safetensors"
HOP_SAMPLES = 320
RATES, KERNELS = (10, 8, 2, 2), (20, 16, 4, 4)
ROWS, GAPS = (3, 7, 11), (1, 3, 5)


@dataclass(frozen=True)
class VocoderConfig:
    """What the weights themselves say; the rest is the same in all."""

    features: int
    width: int
    channels: int
    rows: int


class Vocoder(nn.Module):
    """From features, shape (batch, frames, features), to samples, shape (batch, frames * HOP_SAMPLES)."""

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        channels, self.rows = config.channels, config.rows
        self.lin_pre = nn.Linear(config.features, config.width)
        self.conv_pre = nn.Conv1d(config.width, channels, 7, padding=3)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(RATES, KERNELS, strict=True):
            self.ups.append(upsampler(channels, kernel, rate))
            channels //= 2
            self.resblocks.extend(ResidualBlock(channels, row, GAPS) for row in ROWS[: config.rows])
        self.conv_post = nn.Conv1d(channels, 1, 7, padding=3)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        hidden = self.conv_pre(self.lin_pre(features).transpose(1, 2))
        for place, up in enumerate(self.ups):
            hidden = mean_of(self._blocks(place), up(functional.leaky_relu(hidden, SLOPE)))
        made: torch.Tensor = self.conv_post(functional.leaky_relu(hidden)).tanh()[:, 0]
        return made

    def _blocks(self, place: int) -> Sequence[nn.Module]:
        return list(self.resblocks[place * self.rows : (place + 1) * self.rows])


def load(folder: Path, device: str) -> Vocoder:
    """The vocoder in a folder; StartError when its weights are others."""
    tensors = folded(read(folder / FILE))
    try:
        width, features = tensors["lin_pre.weight"].shape
        blocks = {name.split(".")[1] for name in tensors if name.startswith("resblocks.")}
        config = VocoderConfig(features, width, tensors["conv_pre.weight"].shape[0], len(blocks) // len(RATES))
        with torch.device("meta"):
            vocoder = Vocoder(config)
        vocoder.load_state_dict(tensors, assign=True)
    except (KeyError, ValueError, RuntimeError) as error:
        raise StartError(f"{FILE} is not the vocoder of kNN-VC: {str(error)[:300]}") from error
    return vocoder.to(device).eval().requires_grad_(False)
