"""The codec's decoder: frames of codes become audio, one stream or many at once, as if each were decoded as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import prod
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from torch import Tensor

from voicebox_tts.engines.qwen3.cuda_graphs import CudaGraphs, Recorded, Static, doubling
from voicebox_tts.engines.qwen3.model import checkpoint
from voicebox_tts.engines.qwen3.model.config import FRAME_SAMPLES
from voicebox_tts.engines.qwen3.model.weights import StoredWeights, Weights

from . import config as codec_config
from .config import DecoderConfig
from .layers import CausalConv, Codebooks, ConvNeXt, Layer, Residual, SnakeConv, SnakeUpsample, Transformer, Upsample

WARM_FRAMES = 25
"""A reference's codes are decoded so many at a time: all of 30 s at once would take a gigabyte on the way to audio."""

MOST_GRAPHED_FRAMES = 8
"""Longer chunks keep a GPU busy without graphs, whose memory they would only fill: 64 rows of 8 frames take some 2 GB
on the way.
"""


class CodecDecoder:
    """The weights, and what is computed with them. Thread-safe: what streams remember is held by those who call."""

    def __init__(self, weights: Weights, config: DecoderConfig) -> None:
        self.groups, self.codes = config.groups, config.codes
        self.device, self.dtype = weights.device, weights.dtype
        self._codebooks = Codebooks(weights, "decoder.quantizer", config.groups, config.codes, config.code_width)
        self._enter = CausalConv.read(weights, "decoder.pre_conv", (config.latent_width, config.code_width, 3))
        self._transformer = Transformer(
            weights, "decoder.pre_transformer", config.transformer, config.latent_width, config.window
        )
        self._layers = [*_upsampling(weights, config), *_blocks(weights, config)]
        self._kept = [self._enter.kept, self._transformer.kept, *(layer.kept for layer in self._layers)]
        self._parts = list(pairwise(accumulate(map(prod, self._kept), initial=0)))
        self.kept = self._parts[-1][1]
        """How many numbers it remembers of a stream."""

    @classmethod
    def load(cls, folder: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> "CodecDecoder":
        """The decoder of the model in `folder`; StartError when it is none."""
        path = folder / checkpoint.SPEECH_TOKENIZER / checkpoint.WEIGHTS
        with StoredWeights([path], device, dtype) as weights:
            return cls(weights, codec_config.read(folder).decoder)

    def __call__(self, codes: Tensor, kept: Tensor, heard: Tensor) -> Tensor:
        """Codes (rows, frames, groups) -> audio (rows, frames * 1920) in [-1, 1], after what is `kept` (rows,
        self.kept) of each row.

        `heard` (rows,) is how many frames came before. `kept` is updated in place. Nothing waits for the device.
        """
        parts = [
            kept[:, begin:end].view(len(kept), *shape)
            for (begin, end), shape in zip(self._parts, self._kept, strict=True)
        ]
        x = self._enter(self._codebooks(codes), parts[0])
        x = self._transformer(x, parts[1], heard)
        for layer, part in zip(self._layers, parts[2:], strict=True):
            x = layer(x, part)
        return x.squeeze(1).clamp(-1.0, 1.0)


def _upsampling(weights: Weights, config: DecoderConfig) -> list[Layer]:
    """From frames to four times as many."""
    width, layers = config.latent_width, list[Layer]()
    for number, ratio in enumerate(config.ratios):
        name = f"decoder.upsample.{number}"
        layers += [Upsample(weights, f"{name}.0", width, width, ratio, taps=1), ConvNeXt(weights, f"{name}.1", width)]
    return layers


def _blocks(weights: Weights, config: DecoderConfig) -> list[Layer]:
    """From there to samples: each block has half the channels of the one before."""
    width = config.width
    layers: list[Layer] = [CausalConv.read(weights, "decoder.decoder.0", (width, config.latent_width, 7))]
    for number, rate in enumerate(config.rates, 1):
        name = f"decoder.decoder.{number}.block"
        layers += [SnakeUpsample(weights, name, width, width // 2, rate)]
        width //= 2
        layers += [
            Residual(weights, f"{name}.{2 + index}", width, dilation) for index, dilation in enumerate((1, 3, 9))
        ]
    end = len(config.rates) + 1
    return [*layers, SnakeConv(weights, f"decoder.decoder.{end}", f"decoder.decoder.{end + 1}", width)]


@dataclass(frozen=True, eq=False)
class CodecState:
    """What the decoder remembers after some frames: a voice's, to begin streams with. Never changed."""

    kept: Tensor = field(repr=False)
    frames: int

    @property
    def size_bytes(self) -> int:
        """5 MB for a released codec in float32, however many frames there were."""
        return self.kept.nbytes


class CodecRows:
    """What the decoder remembers of `rows` streams, in place. Used by one thread at a time."""

    def __init__(self, decoder: CodecDecoder, rows: int, graphed: Sequence[int] = ()) -> None:
        """On a GPU, chunks of so many frames as `graphed` says, up to MOST_GRAPHED_FRAMES, are decoded by CUDA graphs,
        recorded here.
        """
        self.decoder = decoder
        self._graphed = sorted({frames for frames in graphed if frames <= MOST_GRAPHED_FRAMES})
        device, longest = decoder.device, max(self._graphed, default=0)
        # There is one row more, of nobody: it fills up batches of a fixed size.
        self._kept = torch.zeros(rows + 1, decoder.kept, device=device, dtype=decoder.dtype)
        self._heard = torch.zeros(rows + 1, device=device, dtype=torch.int64)
        self._named = torch.full((rows,), rows, device=device)
        self._codes = torch.zeros(rows, longest, decoder.groups, device=device, dtype=torch.int64)
        self._audio = torch.zeros(rows, longest * FRAME_SAMPLES, device=device, dtype=decoder.dtype)
        self._run: Static = self._static
        if device.type == "cuda" and self._graphed:
            self._run = recorded = Recorded(self._static, doubling(1, rows), self._graphed, CudaGraphs(device))
            recorded.record_all()

    @torch.inference_mode()
    def begin(self, row: int, state: CodecState | None) -> None:
        """A new stream in this row, after what `state` remembers; after silence without one."""
        if state is None:
            self._kept[row].zero_()
        else:
            self._kept[row].copy_(state.kept)
        self._heard[row] = state.frames if state else 0

    @torch.inference_mode()
    def move(self, source: int, target: int) -> None:
        """Another row for a stream."""
        self._kept[target].copy_(self._kept[source])
        self._heard[target].copy_(self._heard[source])

    @torch.inference_mode()
    def state(self, row: int) -> CodecState:
        """A copy of what is remembered of a row's stream."""
        return CodecState(self._kept[row].clone(), int(self._heard[row]))

    @torch.inference_mode()
    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """The next frames of some streams, codes (len(rows), frames, groups) -> audio (len(rows), frames * 1920). No
        row is named twice.
        """
        count, frames = codes.shape[:2]
        named, given = torch.tensor(rows), torch.from_numpy(codes)
        if frames in self._graphed:
            nobody = len(self._named)
            self._named.copy_(F.pad(named, (0, nobody - count), value=nobody))
            self._codes[:count, :frames].copy_(given)
            self._run(count, frames)
            audio = self._audio[:count, : frames * FRAME_SAMPLES]
        else:
            audio = self._step(named.to(self._heard.device), given.to(self._heard.device))
        heard: NDArray[np.float32] = audio.to("cpu", torch.float32, copy=True).numpy()
        return heard

    @torch.inference_mode()
    def _static(self, count: int, frames: int) -> None:
        """The same work on the same memory at every call, so that a graph can hold it."""
        audio = self._step(self._named[:count], self._codes[:count, :frames])
        self._audio[:count, : frames * FRAME_SAMPLES].copy_(audio)

    def _step(self, rows: Tensor, codes: Tensor) -> Tensor:
        kept, heard = self._kept.index_select(0, rows), self._heard.index_select(0, rows)
        audio = self.decoder(codes, kept, heard)
        self._kept.index_copy_(0, rows, kept)
        self._heard.index_copy_(0, rows, heard + codes.shape[1])
        return audio


def warm(decoder: CodecDecoder, codes: NDArray[np.int64]) -> CodecState:
    """What the decoder remembers after a reference's codes (frames, groups), so that a stream goes on as that voice."""
    rows = CodecRows(decoder, 1)
    for begin in range(0, len(codes), WARM_FRAMES):
        rows.decode([0], codes[None, begin : begin + WARM_FRAMES])
    return rows.state(0)
