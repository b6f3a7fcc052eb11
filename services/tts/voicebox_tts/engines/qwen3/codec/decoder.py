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

from voicebox_tts.engines.codec_models.cuda_graphs import CapturedWork, CudaGraphs, StaticWork, powers_of_two
from voicebox_tts.engines.codec_models.parts import WEIGHTS
from voicebox_tts.engines.codec_models.weights import StoredWeights, Weights
from voicebox_tts.engines.qwen3.model import checkpoint
from voicebox_tts.engines.qwen3.model.config import FRAME_SAMPLES

from . import config as codec_config
from .config import DecoderConfig
from .layers import (
    CausalConv,
    CausalTransposedConv,
    CodecTransformer,
    ConvNeXtBlock,
    ResidualUnit,
    ResidualVectorDequantizer,
    SnakeConv,
    SnakeUpsample,
    StreamingLayer,
)

PREFILL_FRAMES = 25
"""A reference's codes are decoded in pieces of this length: 30 s at once would take a gigabyte of activations."""

MAX_GRAPHED_FRAMES = 8
"""Longer chunks keep a GPU busy without graphs, whose memory they would only fill: 64 rows of 8 frames take some 2 GB
on the way.
"""


class CodecDecoder:
    """The weights, and what is computed with them. Thread-safe: the caller holds the state of streams."""

    def __init__(self, weights: Weights, config: DecoderConfig) -> None:
        self.num_quantizers, self.codebook_size = config.num_quantizers, config.codebook_size
        self.device, self.dtype = weights.device, weights.dtype
        self._quantizer = ResidualVectorDequantizer(
            weights, "decoder.quantizer", config.num_quantizers, config.codebook_size, config.codebook_dim
        )
        self._pre_conv = CausalConv.read(weights, "decoder.pre_conv", (config.latent_dim, config.codebook_dim, 3))
        self._pre_transformer = CodecTransformer(
            weights, "decoder.pre_transformer", config.transformer, config.latent_dim, config.sliding_window
        )
        self._layers = [*_upsampling(weights, config), *_blocks(weights, config)]
        layer_shapes = [layer.state_shape for layer in self._layers]
        self._shapes = [self._pre_conv.state_shape, self._pre_transformer.state_shape, *layer_shapes]
        self._parts = list(pairwise(accumulate(map(prod, self._shapes), initial=0)))
        self.state_size = self._parts[-1][1]
        """How many numbers the state of one stream has."""

    @classmethod
    def load(cls, folder: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> "CodecDecoder":
        """The decoder of the model in `folder`; StartError when it is none."""
        path = folder / checkpoint.SPEECH_TOKENIZER / WEIGHTS
        with StoredWeights([path], device, dtype) as weights:
            return cls(weights, codec_config.read(folder).decoder)

    def __call__(self, codes: Tensor, state: Tensor, past_frames: Tensor) -> Tensor:
        """Codes (B, frames, num_quantizers) to audio (B, frames * 1920) in [-1, 1], after the `state` of each row (B,
        state_size), which is updated in place.

        `past_frames` (B,) is how many frames came before. Does not synchronise with the device.
        """
        parts = [
            state[:, begin:end].view(len(state), *shape)
            for (begin, end), shape in zip(self._parts, self._shapes, strict=True)
        ]
        x = self._pre_conv(self._quantizer(codes), parts[0])
        x = self._pre_transformer(x, parts[1], past_frames)
        for layer, part in zip(self._layers, parts[2:], strict=True):
            x = layer(x, part)
        return x.squeeze(1).clamp(-1.0, 1.0)


def _upsampling(weights: Weights, config: DecoderConfig) -> list[StreamingLayer]:
    """From frames to four times as many: transposed convolutions and ConvNeXt blocks."""
    channels, layers = config.latent_dim, list[StreamingLayer]()
    for number, ratio in enumerate(config.upsampling_ratios):
        name = f"decoder.upsample.{number}"
        layers += [
            CausalTransposedConv(weights, f"{name}.0", channels, channels, ratio, kernel_size=1),
            ConvNeXtBlock(weights, f"{name}.1", channels),
        ]
    return layers


def _blocks(weights: Weights, config: DecoderConfig) -> list[StreamingLayer]:
    """From there to samples: each decoder block has half the channels of the one before."""
    channels = config.decoder_dim
    layers: list[StreamingLayer] = [CausalConv.read(weights, "decoder.decoder.0", (channels, config.latent_dim, 7))]
    for number, rate in enumerate(config.upsample_rates, 1):
        name = f"decoder.decoder.{number}.block"
        layers += [SnakeUpsample(weights, name, channels, channels // 2, rate)]
        channels //= 2
        layers += [
            ResidualUnit(weights, f"{name}.{2 + index}", channels, dilation) for index, dilation in enumerate((1, 3, 9))
        ]
    end = len(config.upsample_rates) + 1
    return [*layers, SnakeConv(weights, f"decoder.decoder.{end}", f"decoder.decoder.{end + 1}", channels)]


NOTHING: NDArray[np.float32] = np.zeros(0, np.float32)


@dataclass(frozen=True, eq=False)
class CodecState:
    """The state after some frames of a voice, to begin streams with. Immutable."""

    tensor: Tensor = field(repr=False)
    num_frames: int

    @property
    def size_bytes(self) -> int:
        """5 MB for a released codec in float32, however many frames there were."""
        return self.tensor.nbytes


class BatchedDecoder:
    """Decodes `rows` streams together, with their states in a static batch. Used by one thread at a time."""

    def __init__(self, decoder: CodecDecoder, rows: int, graphed: Sequence[int] = ()) -> None:
        """On a GPU, chunks of `graphed` frames, up to MAX_GRAPHED_FRAMES, are decoded by CUDA graphs, captured here."""
        self.decoder = decoder
        self._graphed = sorted({frames for frames in graphed if frames <= MAX_GRAPHED_FRAMES})
        device, longest = decoder.device, max(self._graphed, default=0)
        # One spare row fills up batches of a fixed size.
        self._states = torch.zeros(rows + 1, decoder.state_size, device=device, dtype=decoder.dtype)
        self._past_frames = torch.zeros(rows + 1, device=device, dtype=torch.int64)
        self._row_numbers = torch.full((rows,), rows, device=device)
        self._codes = torch.zeros(rows, longest, decoder.num_quantizers, device=device, dtype=torch.int64)
        self._audio = torch.zeros(rows, longest * FRAME_SAMPLES, device=device, dtype=decoder.dtype)
        self._run: StaticWork = self._static
        if device.type == "cuda" and self._graphed:
            self._run = captured = CapturedWork(self._static, powers_of_two(1, rows), self._graphed, CudaGraphs(device))
            captured.capture_all()

    @torch.inference_mode()
    def begin(self, row: int, state: CodecState | None) -> None:
        """Begin a stream in this row, with `state`; without one, after silence."""
        if state is None:
            self._states[row].zero_()
        else:
            self._states[row].copy_(state.tensor)
        self._past_frames[row] = state.num_frames if state else 0

    @torch.inference_mode()
    def move(self, source: int, target: int) -> None:
        """Another row for a stream."""
        self._states[target].copy_(self._states[source])
        self._past_frames[target].copy_(self._past_frames[source])

    @torch.inference_mode()
    def state(self, row: int) -> CodecState:
        """A copy of a row's state."""
        return CodecState(self._states[row].clone(), int(self._past_frames[row]))

    @torch.inference_mode()
    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """The next frames of some streams, codes (len(rows), frames, num_quantizers) to audio (len(rows), frames *
        1920). Each row at most once.
        """
        count, frames = codes.shape[:2]
        numbers, given = torch.tensor(rows), torch.from_numpy(codes)
        if frames in self._graphed:
            spare = len(self._row_numbers)
            self._row_numbers.copy_(F.pad(numbers, (0, spare - count), value=spare))
            self._codes[:count, :frames].copy_(given)
            self._run(count, frames)
            audio = self._audio[:count, : frames * FRAME_SAMPLES]
        else:
            audio = self._step(numbers.to(self._past_frames.device), given.to(self._past_frames.device))
        samples: NDArray[np.float32] = audio.to("cpu", torch.float32, copy=True).numpy()
        return samples

    def rest(self, row: int) -> NDArray[np.float32]:
        """Nothing: a frame's audio does not depend on those after it."""
        return NOTHING

    @torch.inference_mode()
    def _static(self, count: int, frames: int) -> None:
        """The same work on the same memory at every call, so that a graph can hold it."""
        audio = self._step(self._row_numbers[:count], self._codes[:count, :frames])
        self._audio[:count, : frames * FRAME_SAMPLES].copy_(audio)

    def _step(self, rows: Tensor, codes: Tensor) -> Tensor:
        state, past_frames = self._states.index_select(0, rows), self._past_frames.index_select(0, rows)
        audio = self.decoder(codes, state, past_frames)
        self._states.index_copy_(0, rows, state)
        self._past_frames.index_copy_(0, rows, past_frames + codes.shape[1])
        return audio


def state_after(decoder: CodecDecoder, codes: NDArray[np.int64]) -> CodecState:
    """The decoder's state after a reference's codes (frames, num_quantizers): a stream goes on from the recording."""
    rows = BatchedDecoder(decoder, 1)
    for begin in range(0, len(codes), PREFILL_FRAMES):
        rows.decode([0], codes[None, begin : begin + PREFILL_FRAMES])
    return rows.state(0)
