"""The layers of SNAC, with their weights as the published checkpoint names them.

Signals are (B, channels, steps). Weights are normalised (Salimans & Kingma, "Weight Normalization", 2016): a direction
and a length for each channel, which are multiplied out when they are read.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor
from voicebox_kit.errors import StartError

from .config import DILATIONS, KERNEL

Layer = Callable[[Tensor], Tensor]
LENGTH, DIRECTION = "parametrizations.weight.original0", "parametrizations.weight.original1"


class SnacWeights:
    """The tensors of a codec."""

    def __init__(self, tensors: Mapping[str, Tensor], source: str) -> None:
        """`source` is what they are called in errors."""
        self._tensors, self._source = tensors, source

    def __call__(self, name: str, *shape: int) -> Tensor:
        """The tensor of this name; StartError when it is not there or has another shape."""
        tensor = self._tensors.get(name)
        if tensor is None:
            raise StartError(f"{self._source} has no weights {name}.")
        if tuple(tensor.shape) != shape:
            raise StartError(f"The weights {name} in {self._source} have the shape {tuple(tensor.shape)}, not {shape}.")
        return tensor

    def normalised(self, name: str, *shape: int) -> Tensor:
        """The weight of a convolution."""
        length = self(f"{name}.{LENGTH}", shape[0], 1, 1)
        direction = self(f"{name}.{DIRECTION}", *shape)
        weight: Tensor = direction * (length / torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True))
        return weight


def snake(x: Tensor, alpha: Tensor) -> Tensor:
    """Ziyin et al., "Neural Networks Fail to Learn Periodic Functions and How to Fix It", 2020; `alpha` (1, C, 1)."""
    return x + (alpha + 1e-9).reciprocal() * torch.sin(alpha * x).pow(2)


def convolution(weights: SnacWeights, name: str, inputs: int, outputs: int, kernel: int, groups: int = 1) -> Layer:
    """One that keeps the length."""
    weight, bias = weights.normalised(name, outputs, inputs // groups, kernel), weights(f"{name}.bias", outputs)
    return lambda x: F.conv1d(x, weight, bias, padding=kernel // 2, groups=groups)


def downsampling(weights: SnacWeights, name: str, inputs: int, outputs: int, rate: int) -> Layer:
    """`rate` times shorter."""
    weight, bias = weights.normalised(name, outputs, inputs, 2 * rate), weights(f"{name}.bias", outputs)
    return lambda x: F.conv1d(x, weight, bias, stride=rate, padding=-(-rate // 2))


def upsampling(weights: SnacWeights, name: str, inputs: int, outputs: int, rate: int) -> Layer:
    """`rate` times longer."""
    weight, bias = weights.normalised(name, inputs, outputs, 2 * rate), weights(f"{name}.bias", outputs)
    return lambda x: F.conv_transpose1d(x, weight, bias, stride=rate, padding=-(-rate // 2), output_padding=rate % 2)


def activation(weights: SnacWeights, name: str, channels: int) -> Layer:
    """Snake."""
    alpha = weights(f"{name}.alpha", 1, channels, 1)
    return lambda x: snake(x, alpha)


def residual_units(weights: SnacWeights, prefix: str, first: int, channels: int) -> list[Layer]:
    """One for each dilation, named `{prefix}.{first}` and on."""
    return [
        _residual_unit(weights, f"{prefix}.{first + number}.block", channels, dilation)
        for number, dilation in enumerate(DILATIONS)
    ]


def _residual_unit(weights: SnacWeights, name: str, channels: int, dilation: int) -> Layer:
    before, between = activation(weights, f"{name}.0", channels), activation(weights, f"{name}.2", channels)
    weight = weights.normalised(f"{name}.1", channels, 1, KERNEL)
    bias, mixing = weights(f"{name}.1.bias", channels), convolution(weights, f"{name}.3", channels, channels, 1)

    def unit(x: Tensor) -> Tensor:
        padding = KERNEL // 2 * dilation
        y = F.conv1d(before(x), weight, bias, padding=padding, dilation=dilation, groups=channels)
        return x + mixing(between(y))

    return unit


def chain(layers: list[Layer], x: Tensor) -> Tensor:
    """One after the other."""
    for layer in layers:
        x = layer(x)
    return x
