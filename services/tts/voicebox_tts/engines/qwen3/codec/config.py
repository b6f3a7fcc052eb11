"""What speech_tokenizer/config.json says of the codec."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebox_kit.errors import StartError

from voicebox_tts.engines.codec_models.config import TransformerConfig
from voicebox_tts.engines.qwen3.model.checkpoint import SPEECH_TOKENIZER
from voicebox_tts.engines.qwen3.model.config import FRAME_SAMPLES, SAMPLE_RATE_HZ


@dataclass(frozen=True)
class DecoderConfig:
    """From codes to audio. Sizes are channels; `ratios` and `rates` multiply the time, first those, then these."""

    num_quantizers: int
    codebook_size: int
    codebook_dim: int
    latent_dim: int
    transformer: TransformerConfig
    sliding_window: int
    """How many frames each sees, itself the last."""
    upsampling_ratios: tuple[int, ...]
    decoder_dim: int
    upsample_rates: tuple[int, ...]


@dataclass(frozen=True)
class EncoderConfig:
    """From audio to codes: Mimi's encoder. `rates` divide the time; `doublings` of `filters` are its channels."""

    num_quantizers: int
    codebook_size: int
    codebook_dim: int
    num_filters: int
    downsampling_ratios: tuple[int, ...]
    kernel_size: int
    last_kernel_size: int
    residual_kernel_size: int
    num_residual_layers: int
    dilation_growth_rate: int
    compress: int
    transformer: TransformerConfig


@dataclass(frozen=True)
class CodecConfig:
    """The codec of 12.5 frames a second."""

    decoder: DecoderConfig
    encoder: EncoderConfig


def read(folder: Path) -> CodecConfig:
    """The codec of the model in `folder`; StartError when it is none that this engine can run."""
    path = folder / SPEECH_TOKENIZER / "config.json"
    try:
        return parsed(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StartError(
            f"{path} is not that of a speech tokenizer of 12.5 frames a second at 24 kHz: {error!r}."
        ) from error


def parsed(document: Mapping[str, Any]) -> CodecConfig:
    """The same of what the file holds; KeyError, TypeError or ValueError when it says too little or something else."""
    for key in ("decode_upsample_rate", "encode_downsample_rate"):
        _expect(key, document[key], FRAME_SAMPLES)
    for key in ("input_sample_rate", "output_sample_rate"):
        _expect(key, document[key], SAMPLE_RATE_HZ)
    encoder = document["encoder_config"]
    return CodecConfig(
        _decoder(document["decoder_config"]), _encoder(encoder, int(document["encoder_valid_num_quantizers"]))
    )


def _decoder(section: Mapping[str, Any]) -> DecoderConfig:
    return DecoderConfig(
        num_quantizers=int(section["num_quantizers"]),
        codebook_size=int(section["codebook_size"]),
        codebook_dim=int(section["codebook_dim"]),
        latent_dim=int(section["latent_dim"]),
        transformer=_transformer(section, float(section["rms_norm_eps"]) if "rms_norm_eps" in section else 1e-5),
        sliding_window=int(section["sliding_window"]),
        upsampling_ratios=tuple(map(int, section["upsampling_ratios"])),
        decoder_dim=int(section["decoder_dim"]),
        upsample_rates=tuple(map(int, section["upsample_rates"])),
    )


def _encoder(section: Mapping[str, Any], num_quantizers: int) -> EncoderConfig:
    """Where the file is silent, what Mimi has. Its sliding window is not applied to audio that is encoded as a
    whole.
    """
    _expect("causal", section.get("use_causal_conv", True), True)
    _expect("padding", section.get("pad_mode", "constant"), "constant")
    _expect("shortcut", section.get("use_conv_shortcut", False), False)
    _expect("num_semantic_quantizers", section.get("num_semantic_quantizers", 1), 1)
    return EncoderConfig(
        num_quantizers=num_quantizers,
        codebook_size=int(section.get("codebook_size", 2048)),
        codebook_dim=int(section.get("codebook_dim", 256)),
        num_filters=int(section.get("num_filters", 64)),
        downsampling_ratios=tuple(map(int, reversed(section.get("upsampling_ratios", (8, 6, 5, 4))))),
        kernel_size=int(section.get("kernel_size", 7)),
        last_kernel_size=int(section.get("last_kernel_size", 3)),
        residual_kernel_size=int(section.get("residual_kernel_size", 3)),
        num_residual_layers=int(section.get("num_residual_layers", 1)),
        dilation_growth_rate=int(section.get("dilation_growth_rate", 2)),
        compress=int(section.get("compress", 2)),
        transformer=_transformer(MIMI | dict(section), float(section.get("norm_eps", 1e-5))),
    )


MIMI = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
}


def _transformer(section: Mapping[str, Any], epsilon: float) -> TransformerConfig:
    heads = int(section["num_attention_heads"])
    _expect("num_key_value_heads", section["num_key_value_heads"], heads)
    _expect("attention_bias", section.get("attention_bias", False), False)
    return TransformerConfig(
        hidden_size=int(section["hidden_size"]),
        intermediate_size=int(section["intermediate_size"]),
        num_hidden_layers=int(section["num_hidden_layers"]),
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=int(section.get("head_dim") or section["hidden_size"] // heads),
        rope_theta=float(section.get("rope_theta") or 10_000),
        rms_norm_eps=epsilon,
    )


def _expect(key: str, value: object, released: object) -> None:
    """No released codec has another one, and this engine could not run it."""
    if value != released:
        raise ValueError(f"{key} is {value}, not {released}")
