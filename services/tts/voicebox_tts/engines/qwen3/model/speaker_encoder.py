"""The speaker encoder: a recording's speaker embedding (ECAPA-TDNN: Desplanques et al., 2020)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from torch import Tensor
from voicebox_kit.errors import StartError

from voicebox_tts.engines.codec_models.parts import parts
from voicebox_tts.engines.codec_models.weights import StoredWeights, Weights

from . import mel
from .config import ModelConfig

DEFAULTS: Mapping[str, Any] = {
    "mel_dim": mel.NUM_MELS,
    "enc_dim": 1024,
    "enc_channels": [512, 512, 512, 512, 1536],
    "enc_kernel_sizes": [5, 3, 3, 3, 1],
    "enc_dilations": [1, 2, 3, 4, 1],
    "enc_attention_channels": 128,
    "enc_res2net_scale": 8,
    "enc_se_channels": 128,
}
"""The defaults of `speaker_encoder_config`."""

MIN_SECONDS = 0.15
"""The reflection padding of the widest convolution, 4 frames, and of the spectrogram needs this much."""


class SpeakerEncoder:
    """The weights, and what is computed with them. Thread-safe."""

    def __init__(self, weights: Weights, section: Mapping[str, Any]) -> None:
        """`section` is the configuration's, as it stands in the file."""
        sizes = {**DEFAULTS, **section}
        channels, kernel_sizes, dilations = sizes["enc_channels"], sizes["enc_kernel_sizes"], sizes["enc_dilations"]
        name = "speaker_encoder"
        self.device, self.dtype, self.embedding_dim = weights.device, weights.dtype, int(sizes["enc_dim"])
        self._first = TimeDelayConv(
            weights, f"{name}.blocks.0.conv", (channels[0], sizes["mel_dim"], kernel_sizes[0]), dilations[0]
        )
        self._blocks = [
            SERes2NetBlock(
                weights,
                f"{name}.blocks.{n}",
                channels[n],
                kernel_sizes[n],
                dilations[n],
                sizes["enc_res2net_scale"],
                sizes["enc_se_channels"],
            )
            for n in range(1, len(channels) - 1)
        ]
        last = channels[-1]
        self._mfa = TimeDelayConv(weights, f"{name}.mfa.conv", (last, last, kernel_sizes[-1]), dilations[-1])
        self._asp = AttentiveStatisticsPooling(weights, f"{name}.asp", last, sizes["enc_attention_channels"])
        self._fc = TimeDelayConv(weights, f"{name}.fc", (self.embedding_dim, 2 * last, 1))

    @classmethod
    def load(
        cls, folder: Path, config: ModelConfig, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> "SpeakerEncoder":
        """The speaker encoder of the base model in `folder`; StartError when it has none."""
        if not config.speaker_encoder_config:
            raise StartError(f"{folder} has no speaker encoder: it is not a base model.")
        with StoredWeights(parts(folder), device, dtype) as weights:
            return cls(weights, config.speaker_encoder_config)

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mono audio at 24 kHz (samples,), at least MIN_SECONDS, to (embedding_dim,)."""
        mels = mel.mel_spectrogram(torch.from_numpy(samples).to(self.device))[None].to(self.dtype)
        x = F.relu(self._first(mels))
        outputs = []
        for block in self._blocks:
            x = block(x)
            outputs.append(x)
        x = F.relu(self._mfa(torch.cat(outputs, 1)))
        embedding: NDArray[np.float32] = self._fc(self._asp(x)).flatten().float().cpu().numpy()
        return embedding


class TimeDelayConv:
    """A convolution (TDNN) with reflection padding: the output is as long as the input."""

    def __init__(self, weights: Weights, name: str, shape: tuple[int, int, int], dilation: int = 1) -> None:
        """`shape` is (out_channels, in_channels, kernel_size)."""
        self._convt, self._bias = weights(f"{name}.weight", *shape), weights(f"{name}.bias", shape[0])
        self._dilation, self._padding = dilation, dilation * (shape[2] - 1)

    def __call__(self, x: Tensor) -> Tensor:
        if self._padding:
            before = self._padding // 2
            x = F.pad(x, (before, self._padding - before), mode="reflect")
        return F.conv1d(x, self._convt, self._bias, dilation=self._dilation)


class SERes2NetBlock:
    """SE-Res2Net: hierarchical convolutions of groups of channels, then squeeze and excitation."""

    def __init__(
        self, weights: Weights, name: str, channels: int, kernel_size: int, dilation: int, scale: int, se_channels: int
    ) -> None:
        part = channels // scale
        self._tdnn1 = TimeDelayConv(weights, f"{name}.tdnn1.conv", (channels, channels, 1))
        self._res2net = [
            TimeDelayConv(weights, f"{name}.res2net_block.blocks.{n}.conv", (part, part, kernel_size), dilation)
            for n in range(scale - 1)
        ]  # the first group is passed through
        self._tdnn2 = TimeDelayConv(weights, f"{name}.tdnn2.conv", (channels, channels, 1))
        self._squeeze = TimeDelayConv(weights, f"{name}.se_block.conv1", (se_channels, channels, 1))
        self._excite = TimeDelayConv(weights, f"{name}.se_block.conv2", (channels, se_channels, 1))

    def __call__(self, x: Tensor) -> Tensor:
        first, *others = F.relu(self._tdnn1(x)).chunk(len(self._res2net) + 1, 1)
        outputs, before = [first], torch.zeros_like(first)
        for conv, part in zip(self._res2net, others, strict=True):
            before = F.relu(conv(part + before))
            outputs.append(before)
        y = F.relu(self._tdnn2(torch.cat(outputs, 1)))
        gates = self._excite(F.relu(self._squeeze(y.mean(2, keepdim=True)))).sigmoid()
        return x + y * gates


class AttentiveStatisticsPooling:
    """Attentive statistics pooling: each channel's mean and standard deviation over time, weighted by attention."""

    def __init__(self, weights: Weights, name: str, channels: int, attention_channels: int) -> None:
        self._tdnn = TimeDelayConv(weights, f"{name}.tdnn.conv", (attention_channels, 3 * channels, 1))
        self._conv = TimeDelayConv(weights, f"{name}.conv", (channels, attention_channels, 1))

    def __call__(self, x: Tensor) -> Tensor:
        """(1, channels, time) to (1, 2 * channels, 1)."""
        mean, std = _statistics(x, torch.full_like(x, 1.0 / x.shape[2]))
        context = torch.cat((x, mean.expand_as(x), std.expand_as(x)), 1)
        attention = self._conv(F.relu(self._tdnn(context)).tanh()).softmax(2)
        return torch.cat(_statistics(x, attention), 1)


def _statistics(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    mean = (weights * x).sum(2, keepdim=True)
    return mean, (weights * (x - mean).square()).sum(2, keepdim=True).clamp(min=1e-12).sqrt()
