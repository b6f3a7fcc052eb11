"""What the config.json of a SNAC codec says. Siuzdak et al., "SNAC: Multi-Scale Neural Audio Codec", 2024."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any

from voicebox_kit.errors import StartError

from voicebox_tts.engines.codec_models.config import document_of
from voicebox_tts.engines.orpheus.tokens import CODEBOOK_SIZE

PICKLE = "pytorch_model.bin"
"""How its weights are published: they are converted when they arrive."""
FILES = ("config.json", PICKLE)

STRIDES = (4, 2, 1)
"""Steps of the latents that a code of each layer lasts: one, two and four codes a frame."""
STEPS = STRIDES[0]
"""Of the latents in a frame."""
DILATIONS = (1, 3, 9)
KERNEL = 7
"""Of the convolutions that change no rate."""


@dataclass(frozen=True)
class SnacConfig:
    """A codec's sizes, by the names of its config.json."""

    sampling_rate: int
    encoder_dim: int
    encoder_rates: tuple[int, ...]
    decoder_dim: int
    decoder_rates: tuple[int, ...]
    codebook_dim: int
    noise: bool

    @property
    def latent_dim(self) -> int:
        return self.encoder_dim << len(self.encoder_rates)

    @property
    def frame_samples(self) -> int:
        """What a frame of codes decodes to: 2048 samples, 85 ms, of the released codec."""
        return STEPS * prod(self.decoder_rates)

    @property
    def noise_lengths(self) -> tuple[int, ...]:
        """The numbers of noise that each block of the decoder adds in a frame."""
        return tuple(STEPS * prod(self.decoder_rates[: block + 1]) for block in range(len(self.decoder_rates)))

    @property
    def context_frames(self) -> int:
        """How many frames before a frame, and after it, its samples depend on: 3 of the released codec."""
        reach = KERNEL // 2
        for rate in reversed(self.decoder_rates):
            reach = ceil((reach + KERNEL // 2 * sum(DILATIONS) + 2 * rate) / rate)
        return ceil((reach + KERNEL // 2) / STEPS)


def read(folder: Path) -> SnacConfig:
    """The configuration of the codec in `folder`; StartError when it is none that Orpheus speaks by."""
    path = folder / "config.json"
    document = document_of(path)
    try:
        made, is_known = _config(document), _is_known(document)
    except (KeyError, TypeError, ValueError) as error:
        raise StartError(f"{path} is not that of a complete SNAC codec: {error!r}.") from error
    if not is_known or prod(made.encoder_rates) != prod(made.decoder_rates):
        raise StartError(
            f"{path} is not that of a SNAC codec of three layers without attention, of {CODEBOOK_SIZE} codes each."
        )
    return made


def _config(document: Mapping[str, Any]) -> SnacConfig:
    return SnacConfig(
        sampling_rate=int(document["sampling_rate"]),
        encoder_dim=int(document["encoder_dim"]),
        encoder_rates=tuple(map(int, document["encoder_rates"])),
        decoder_dim=int(document["decoder_dim"]),
        decoder_rates=tuple(map(int, document["decoder_rates"])),
        codebook_dim=int(document["codebook_dim"]),
        noise=bool(document["noise"]),
    )


def _is_known(document: Mapping[str, Any]) -> bool:
    return (
        tuple(document["vq_strides"]) == STRIDES
        and document["codebook_size"] == CODEBOOK_SIZE
        and document["attn_window_size"] is None
        and bool(document["depthwise"])
        and document.get("latent_dim") is None
    )
