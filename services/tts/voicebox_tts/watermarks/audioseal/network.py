"""AudioSeal's networks in their causal form, which mark speech while it is made.

San Roman et al., Proactive Detection of Voice Cloning with Localized Watermarking, https://arxiv.org/abs/2401.17264.
The generator is an encoder and a decoder as in SEANet, with the bits of a message added between them; the detector is
such an encoder, and one transposed convolution back to samples. Every layer looks back only, so each keeps the end of
what it saw, and pieces give what the whole would.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

State = dict[nn.Module, Any]
"""What each layer of one stream keeps, by the layer."""


class CausalConv(nn.Module):
    """A convolution over what was before: (1, in, n) becomes (1, out, n / stride), n a multiple of the stride."""

    def __init__(self, weight: Tensor, stride: int = 1) -> None:
        super().__init__()
        outputs, inputs, kernel = weight.shape
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride)
        self._kept = kernel - stride

    def step(self, given: Tensor, state: State) -> Tensor:
        before = state.get(self)
        joined = functional.pad(given, (self._kept, 0)) if before is None else torch.cat((before, given), 2)
        state[self] = joined[:, :, joined.shape[2] - self._kept :]
        return self.conv(joined)  # type: ignore[no-any-return]


class CausalTransposedConv(nn.Module):
    """(1, in, n) becomes (1, out, n * stride). Its kernel is two strides long: the second half is added to what
    follows.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        inputs, outputs, kernel = weight.shape
        self.convtr = nn.ConvTranspose1d(inputs, outputs, kernel, kernel // 2)
        self._stride = kernel // 2

    def step(self, given: Tensor, state: State) -> Tensor:
        weight, bias = self.convtr.weight, self.convtr.bias
        spread = functional.conv_transpose1d(given, weight, None, self._stride)
        if self in state:
            spread[:, :, : self._stride] += state[self]
        state[self] = spread[:, :, -self._stride :]
        assert bias is not None
        return spread[:, :, : -self._stride] + bias[:, None]


class Residual(nn.Module):
    """A block whose result is added to what goes in."""

    def __init__(self, first: Tensor, second: Tensor) -> None:
        super().__init__()
        self.block = nn.ModuleList([Elu(), CausalConv(first), Elu(), CausalConv(second)])

    def step(self, given: Tensor, state: State) -> Tensor:
        return given + run(self.block, given, state)


class Recurrent(nn.Module):
    """LSTM layers whose result is added to what goes in."""

    def __init__(self, weight: Tensor, layer_count: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(weight.shape[1], weight.shape[1], layer_count)

    def step(self, given: Tensor, state: State) -> Tensor:
        steps = given.permute(2, 0, 1)
        result, state[self] = self.lstm(steps, state.get(self))
        return (result + steps).permute(1, 2, 0)  # type: ignore[no-any-return]


class Elu(nn.Module):
    """The activation between layers."""

    def step(self, given: Tensor, state: State) -> Tensor:
        return functional.elu(given)


Tensors = dict[str, Tensor]


def run(layers: nn.ModuleList | Sequence[nn.Module], given: Tensor, state: State) -> Tensor:
    """One step of layers, one after the other."""
    for layer in layers:
        given = layer.step(given, state)  # type: ignore[operator]  # every layer here has it
    return given


def encoder(tensors: Tensors, prefix: str) -> nn.ModuleList:
    """The layers of an encoder for weights by their names, at the places that the names have."""
    layers: list[nn.Module] = [CausalConv(tensors[f"{prefix}.0.conv.weight"])]
    while _has(tensors, f"{prefix}.{len(layers)}.block."):
        layers.append(_residual(tensors, f"{prefix}.{len(layers)}"))
        weight = tensors[f"{prefix}.{len(layers) + 1}.conv.weight"]
        layers += [Elu(), CausalConv(weight, weight.shape[2] // 2)]
    layers.append(_recurrent(tensors, f"{prefix}.{len(layers)}"))
    return nn.ModuleList([*layers, Elu(), CausalConv(tensors[f"{prefix}.{len(layers) + 1}.conv.weight"])])


def decoder(tensors: Tensors, prefix: str) -> nn.ModuleList:
    """The layers of a decoder, likewise."""
    layers: list[nn.Module] = [CausalConv(tensors[f"{prefix}.0.conv.weight"]), _recurrent(tensors, f"{prefix}.1")]
    while _has(tensors, f"{prefix}.{len(layers) + 1}.convtr."):
        layers += [Elu(), CausalTransposedConv(tensors[f"{prefix}.{len(layers) + 1}.convtr.weight"])]
        layers.append(_residual(tensors, f"{prefix}.{len(layers)}"))
    return nn.ModuleList([*layers, Elu(), CausalConv(tensors[f"{prefix}.{len(layers) + 1}.conv.weight"])])


def hop_length(layers: nn.ModuleList) -> int:
    """How many samples an encoder makes one step of."""
    hop = 1
    for layer in layers:
        hop *= layer.conv.stride[0] if isinstance(layer, CausalConv) else 1
    return hop


class Generator(nn.Module):
    """Makes the watermark of 16 kHz speech."""

    def __init__(self, tensors: Tensors) -> None:
        """KeyError, IndexError or RuntimeError for tensors that are no generator's."""
        super().__init__()
        self.encoder = nn.ModuleDict({"model": encoder(tensors, "encoder.model")})
        self.decoder = nn.ModuleDict({"model": decoder(tensors, "decoder.model")})
        bits = tensors["msg_processor.msg_processor.weight"]
        self.msg_processor = nn.ModuleDict({"msg_processor": nn.Embedding(*bits.shape)})
        self.load_state_dict(tensors)
        self.bit_count = bits.shape[0] // 2
        self.hop = hop_length(_layers(self.encoder))

    def step(self, samples: Tensor, message: Tensor, state: State) -> Tensor:
        """The watermark of samples, shape (1, 1, n), n a multiple of `hop`; `message` has one bit each, shape
        (bits,).
        """
        hidden = run(_layers(self.encoder), samples, state)
        chosen = self.msg_processor["msg_processor"](2 * torch.arange(self.bit_count) + message)
        return run(_layers(self.decoder), hidden + chosen.sum(0)[None, :, None], state)


class Detector(nn.Module):
    """Finds the watermark in 16 kHz audio."""

    def __init__(self, tensors: Tensors) -> None:
        """As Generator."""
        super().__init__()
        back = tensors["detector.0.reverse_convolution.weight"]
        layers = encoder(tensors, "detector.0.model")
        self.hop = hop_length(layers)
        reverse = nn.ConvTranspose1d(back.shape[0], back.shape[1], back.shape[2], back.shape[2])
        last = tensors["detector.1.weight"]
        body = nn.ModuleDict({"model": layers, "reverse_convolution": reverse})
        self.detector = nn.ModuleList([body, nn.Conv1d(last.shape[1], last.shape[0], 1)])
        self.load_state_dict(tensors)

    def step(self, samples: Tensor, state: State) -> Tensor:
        """For samples, shape (1, 1, n), n a multiple of `hop`: scores, shape (1, 2 + bits, n)."""
        body, last = self.detector
        assert isinstance(body, nn.ModuleDict)
        hidden = run(_layers(body), samples, state)
        return last(body["reverse_convolution"](hidden))  # type: ignore[no-any-return]


def _layers(holder: nn.ModuleDict) -> nn.ModuleList:
    layers = holder["model"]
    assert isinstance(layers, nn.ModuleList)
    return layers


def _residual(tensors: Tensors, name: str) -> Residual:
    return Residual(tensors[f"{name}.block.1.conv.weight"], tensors[f"{name}.block.3.conv.weight"])


def _recurrent(tensors: Tensors, name: str) -> Recurrent:
    layer_count = sum(each.startswith(f"{name}.lstm.weight_ih_l") for each in tensors)
    return Recurrent(tensors[f"{name}.lstm.weight_hh_l0"], layer_count)


def _has(tensors: Tensors, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in tensors)
