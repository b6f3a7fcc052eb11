"""The speaker encoder: who speaks, as a vector (ECAPA-TDNN: B. Desplanques and others, 2020)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from torch import Tensor
from voicebox_kit.errors import StartError

from . import checkpoint, mel
from .config import Config
from .weights import StoredWeights, Weights

RELEASED: Mapping[str, Any] = {
    "mel_dim": mel.BANDS,
    "enc_dim": 1024,
    "enc_channels": [512, 512, 512, 512, 1536],
    "enc_kernel_sizes": [5, 3, 3, 3, 1],
    "enc_dilations": [1, 2, 3, 4, 1],
    "enc_attention_channels": 128,
    "enc_res2net_scale": 8,
    "enc_se_channels": 128,
}
"""What holds where a configuration is silent."""

FEWEST_SECONDS = 0.15
"""Mirrored edges of the widest convolution, 4 frames, and of the spectrogram need this much."""


class SpeakerEncoder:
    """The weights, and what is computed with them. Thread-safe."""

    def __init__(self, weights: Weights, section: Mapping[str, Any]) -> None:
        """`section` is the configuration's, as it stands in the file."""
        sizes = {**RELEASED, **section}
        channels, taps, dilations = sizes["enc_channels"], sizes["enc_kernel_sizes"], sizes["enc_dilations"]
        name = "speaker_encoder"
        self.device, self.dtype, self.width = weights.device, weights.dtype, int(sizes["enc_dim"])
        self._first = Conv(weights, f"{name}.blocks.0.conv", (channels[0], sizes["mel_dim"], taps[0]), dilations[0])
        self._blocks = [
            Block(
                weights,
                f"{name}.blocks.{n}",
                channels[n],
                taps[n],
                dilations[n],
                sizes["enc_res2net_scale"],
                sizes["enc_se_channels"],
            )
            for n in range(1, len(channels) - 1)
        ]
        last = channels[-1]
        self._together = Conv(weights, f"{name}.mfa.conv", (last, last, taps[-1]), dilations[-1])
        self._pool = Pool(weights, f"{name}.asp", last, sizes["enc_attention_channels"])
        self._out = Conv(weights, f"{name}.fc", (self.width, 2 * last, 1))

    @classmethod
    def load(
        cls, folder: Path, config: Config, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> "SpeakerEncoder":
        """The speaker encoder of the base model in `folder`; StartError when it has none."""
        if not config.speaker_encoder:
            raise StartError(f"{folder} has no speaker encoder: it is no base model.")
        with StoredWeights(checkpoint.parts(folder), device, dtype) as weights:
            return cls(weights, config.speaker_encoder)

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mono audio at 24 kHz (samples,), at least FEWEST_SECONDS -> (width,)."""
        bands = mel.spectrogram(torch.from_numpy(samples).to(self.device))[None].to(self.dtype)
        x = F.relu(self._first(bands))
        heard = []
        for block in self._blocks:
            x = block(x)
            heard.append(x)
        x = F.relu(self._together(torch.cat(heard, 1)))
        vector: NDArray[np.float32] = self._out(self._pool(x)).flatten().float().cpu().numpy()
        return vector


class Conv:
    """A convolution as long as its input, whose edges are mirrored."""

    def __init__(self, weights: Weights, name: str, shape: tuple[int, int, int], dilation: int = 1) -> None:
        """`shape` is (outputs, inputs, taps)."""
        self._weight, self._bias = weights(f"{name}.weight", *shape), weights(f"{name}.bias", shape[0])
        self._dilation, self._around = dilation, dilation * (shape[2] - 1)

    def __call__(self, x: Tensor) -> Tensor:
        if self._around:
            before = self._around // 2
            x = F.pad(x, (before, self._around - before), mode="reflect")
        return F.conv1d(x, self._weight, self._bias, dilation=self._dilation)


class Block:
    """Convolutions over ever wider groups of channels (Res2Net), then a gain for each channel (squeeze and
    excitation).
    """

    def __init__(
        self, weights: Weights, name: str, channels: int, taps: int, dilation: int, groups: int, gain_channels: int
    ) -> None:
        part = channels // groups
        self._enter = Conv(weights, f"{name}.tdnn1.conv", (channels, channels, 1))
        self._parts = [
            Conv(weights, f"{name}.res2net_block.blocks.{n}.conv", (part, part, taps), dilation)
            for n in range(groups - 1)
        ]  # the first group of channels stays as it is
        self._leave = Conv(weights, f"{name}.tdnn2.conv", (channels, channels, 1))
        self._squeeze = Conv(weights, f"{name}.se_block.conv1", (gain_channels, channels, 1))
        self._excite = Conv(weights, f"{name}.se_block.conv2", (channels, gain_channels, 1))

    def __call__(self, x: Tensor) -> Tensor:
        first, *others = F.relu(self._enter(x)).chunk(len(self._parts) + 1, 1)
        made, before = [first], torch.zeros_like(first)
        for conv, part in zip(self._parts, others, strict=True):
            before = F.relu(conv(part + before))
            made.append(before)
        y = F.relu(self._leave(torch.cat(made, 1)))
        gain = self._excite(F.relu(self._squeeze(y.mean(2, keepdim=True)))).sigmoid()
        return x + y * gain


class Pool:
    """Each channel's mean and spread over all times, weighted by attention to the times that tell most."""

    def __init__(self, weights: Weights, name: str, channels: int, attention_channels: int) -> None:
        self._attend = Conv(weights, f"{name}.tdnn.conv", (attention_channels, 3 * channels, 1))
        self._weigh = Conv(weights, f"{name}.conv", (channels, attention_channels, 1))

    def __call__(self, x: Tensor) -> Tensor:
        """(1, channels, time) -> (1, 2 * channels, 1)."""
        mean, spread = _statistics(x, torch.full_like(x, 1.0 / x.shape[2]))
        context = torch.cat((x, mean.expand_as(x), spread.expand_as(x)), 1)
        attention = self._weigh(F.relu(self._attend(context)).tanh()).softmax(2)
        return torch.cat(_statistics(x, attention), 1)


def _statistics(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    mean = (weights * x).sum(2, keepdim=True)
    return mean, (weights * (x - mean).square()).sum(2, keepdim=True).clamp(min=1e-12).sqrt()
