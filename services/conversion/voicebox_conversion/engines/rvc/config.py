"""The dimensions of a synthesizer of RVC v2, as the list of 18 values in a checkpoint has them."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

FRAME_MS = 10
FEATURES = 768
"""Of the encoder of speech."""
RATES_HZ = (32_000, 40_000, 48_000)
PITCH_STEPS = 256
MAX_SPEAKERS = 1000
_MAX_SIZE, _MAX_LAYERS = 4096, 32


@dataclass(frozen=True)
class SynthesizerConfig:
    """Sizes are channels. `spectrum` is the number of bins from which the posterior is made in training."""

    spectrum: int
    latent: int
    hidden: int
    inner: int
    heads: int
    layers: int
    kernel: int
    block: str
    block_kernels: tuple[int, ...]
    block_dilations: tuple[tuple[int, ...], ...]
    upsample_rates: tuple[int, ...]
    upsample_channels: int
    upsample_kernels: tuple[int, ...]
    speakers: int
    speaker_size: int
    rate_hz: int
    has_pitch: bool = True
    features: int = FEATURES

    @property
    def hop_samples(self) -> int:
        """Samples of a frame."""
        return math.prod(self.upsample_rates)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def from_checkpoint(values: Sequence[Any], has_pitch: bool, features: int, speakers: int) -> SynthesizerConfig:
    """ValueError for values that describe no synthesizer of RVC. `speakers` is counted in the weights: what a
    checkpoint says of it is often not so.
    """
    if len(values) != 18:
        raise ValueError(f"the config has {len(values)} values, not 18")
    spectrum, _, latent, hidden, inner, heads, layers, kernel, _, block, kernels, dilations = values[:12]
    rates, channels, upsample_kernels, _, speaker_size, rate_hz = values[12:]
    if not all(isinstance(each, list | tuple) for each in (kernels, dilations, rates, upsample_kernels)) or not all(
        isinstance(each, list | tuple) for each in dilations
    ):
        raise ValueError("the config has other values than those of RVC")
    config = SynthesizerConfig(
        spectrum,
        latent,
        hidden,
        inner,
        heads,
        layers,
        kernel,
        str(block),
        tuple(kernels),
        tuple(map(tuple, dilations)),
        tuple(rates),
        channels,
        tuple(upsample_kernels),
        speakers,
        speaker_size,
        rate_hz,
        has_pitch,
        features,
    )
    return checked(config)


def from_json(text: str) -> SynthesizerConfig:
    """ValueError as `from_checkpoint`."""
    try:
        values = json.loads(text)
        for name in ("block_kernels", "upsample_rates", "upsample_kernels"):
            values[name] = tuple(values[name])
        values["block_dilations"] = tuple(map(tuple, values["block_dilations"]))
        return checked(SynthesizerConfig(**values))
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"the config cannot be read: {error!r}") from error


def checked(config: SynthesizerConfig) -> SynthesizerConfig:
    """The same config; ValueError when it is none that can be built."""
    sizes = [config.spectrum, config.latent, config.hidden, config.inner, config.upsample_channels]
    sizes += [config.speaker_size, config.features]
    counts = (config.heads, config.layers, config.kernel, *config.block_kernels, *config.upsample_rates)
    counts = (*counts, *config.upsample_kernels, *(gap for each in config.block_dilations for gap in each))
    if not all(isinstance(size, int) and 0 < size <= _MAX_SIZE for size in sizes):
        raise ValueError("a size is out of range")
    if not all(isinstance(count, int) and 0 < count <= _MAX_LAYERS for count in counts):
        raise ValueError("a count is out of range")
    if not isinstance(config.speakers, int) or not 0 < config.speakers <= MAX_SPEAKERS:
        raise ValueError("the number of speakers is out of range")
    if config.rate_hz not in RATES_HZ or config.hop_samples * 1000 != config.rate_hz * FRAME_MS:
        raise ValueError(f"{config.rate_hz!r} Hz and {config.hop_samples} samples a frame are not {FRAME_MS} ms")
    _check_shapes(config)
    return config


def _check_shapes(config: SynthesizerConfig) -> None:
    if config.block not in ("1", "2") or config.latent % 2 or config.hidden % config.heads or not config.block_kernels:
        raise ValueError("the sizes do not fit together")
    if len(config.block_kernels) != len(config.block_dilations) or any(each % 2 == 0 for each in config.block_kernels):
        raise ValueError("the blocks do not fit together")
    steps = list(zip(config.upsample_rates, config.upsample_kernels, strict=False))
    if len(config.upsample_rates) != len(config.upsample_kernels) or config.upsample_channels % 2 ** len(steps):
        raise ValueError("the upsampling does not fit together")
    if any(kernel < rate or (kernel - rate) % 2 for rate, kernel in steps):
        raise ValueError("the upsampling makes no whole frames")


def _published(spectrum: int, rates: tuple[int, ...], kernels: tuple[int, ...], rate_hz: int) -> SynthesizerConfig:
    gaps = ((1, 3, 5),) * 3
    return SynthesizerConfig(
        spectrum, 192, 192, 768, 2, 6, 3, "1", (3, 7, 11), gaps, rates, 512, kernels, 109, 256, rate_hz
    )


PUBLISHED = {
    32_000: _published(513, (10, 8, 2, 2), (20, 16, 4, 4), 32_000),
    40_000: _published(1025, (10, 10, 2, 2), (16, 16, 4, 4), 40_000),
    48_000: _published(1025, (12, 10, 2, 2), (24, 20, 4, 4), 48_000),
}
"""Of RVC v2, by their rates."""
