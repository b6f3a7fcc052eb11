"""Random checkpoints with the layouts that people own: voices of RVC v2 as `.pth`, and encoders of speech.

Names and shapes are written out from what published checkpoints hold, not taken from the modules that read them.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

ROWS = [3, 7, 11]
GAPS = [[1, 3, 5]] * 3
UPSAMPLING = {32_000: ([10, 8, 2, 2], [20, 16, 4, 4]), 40_000: ([10, 10, 2, 2], [16, 16, 4, 4])}
UPSAMPLING |= {48_000: ([12, 10, 2, 2], [24, 20, 4, 4])}


@dataclass(frozen=True)
class Sizes:
    """Of a voice. The defaults are tiny; PUBLISHED are those of every voice of RVC v2."""

    features: int = 24
    latent: int = 8
    hidden: int = 8
    inner: int = 16
    layers: int = 2
    upsample_channels: int = 32
    speakers: int = 3
    speaker_size: int = 6
    rows: int = 1


TINY = Sizes()
PUBLISHED = Sizes(768, 192, 192, 768, 6, 512, 109, 256, 3)


def shapes(sizes: Sizes, rate_hz: int, has_pitch: bool = True) -> dict[str, tuple[int, ...]]:
    """The name and shape of each tensor of a voice, as a `.pth` has them in `weight`."""
    return dict([*_encoder(sizes, has_pitch), *_generator(sizes, rate_hz, has_pitch), *_flow(sizes), _speakers(sizes)])


def _plain(name: str, *shape: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _normed(name: str, *shape: int, transposed: bool = False) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.bias", (shape[1] if transposed else shape[0],)
    yield f"{name}.weight_g", (shape[0], 1, 1)
    yield f"{name}.weight_v", shape


def _encoder(sizes: Sizes, has_pitch: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, heads = sizes.hidden, 2
    yield from _plain("enc_p.emb_phone", hidden, sizes.features)
    if has_pitch:
        yield "enc_p.emb_pitch.weight", (256, hidden)
    for layer in range(sizes.layers):
        attention = f"enc_p.encoder.attn_layers.{layer}"
        for table in ("emb_rel_k", "emb_rel_v"):
            yield f"{attention}.{table}", (1, 21, hidden // heads)
        for part in ("conv_q", "conv_k", "conv_v", "conv_o"):
            yield from _plain(f"{attention}.{part}", hidden, hidden, 1)
        for norm in ("norm_layers_1", "norm_layers_2"):
            yield f"enc_p.encoder.{norm}.{layer}.gamma", (hidden,)
            yield f"enc_p.encoder.{norm}.{layer}.beta", (hidden,)
        yield from _plain(f"enc_p.encoder.ffn_layers.{layer}.conv_1", sizes.inner, hidden, 3)
        yield from _plain(f"enc_p.encoder.ffn_layers.{layer}.conv_2", hidden, sizes.inner, 3)
    yield from _plain("enc_p.proj", 2 * sizes.latent, hidden, 1)


def _generator(sizes: Sizes, rate_hz: int, has_pitch: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    channels, (rates, kernels) = sizes.upsample_channels, UPSAMPLING[rate_hz]
    yield from _plain("dec.conv_pre", channels, sizes.latent, 7)
    yield from _plain("dec.cond", channels, sizes.speaker_size, 1)
    if has_pitch:
        yield from _plain("dec.m_source.l_linear", 1, 1)
    for step, kernel in enumerate(kernels):
        yield from _normed(f"dec.ups.{step}", channels, channels // 2, kernel, transposed=True)
        channels //= 2
        left = math.prod(rates[step + 1 :])
        if has_pitch:
            yield from _plain(f"dec.noise_convs.{step}", channels, 1, 1 if left == 1 else 2 * left)
        for row in range(sizes.rows):
            for half in ("convs1", "convs2"):
                for gap in range(3):
                    name = f"dec.resblocks.{step * sizes.rows + row}.{half}.{gap}"
                    yield from _normed(name, channels, channels, ROWS[row])
    yield "dec.conv_post.weight", (1, channels, 7)


def _flow(sizes: Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, half = sizes.hidden, sizes.latent // 2
    for flow in ("0", "2", "4", "6"):
        name = f"flow.flows.{flow}"
        yield from _plain(f"{name}.pre", hidden, half, 1)
        yield from _normed(f"{name}.enc.cond_layer", 6 * hidden, sizes.speaker_size, 1)
        for layer in range(3):
            yield from _normed(f"{name}.enc.in_layers.{layer}", 2 * hidden, hidden, 5)
            yield from _normed(f"{name}.enc.res_skip_layers.{layer}", hidden * (1 if layer == 2 else 2), hidden, 1)
        yield from _plain(f"{name}.post", half, hidden, 1)


def _speakers(sizes: Sizes) -> tuple[str, tuple[int, ...]]:
    return "emb_g.weight", (sizes.speakers, sizes.speaker_size)


def values(sizes: Sizes, rate_hz: int) -> list[Any]:
    """The list `config` of a `.pth`."""
    rates, kernels = UPSAMPLING[rate_hz]
    spectrum = 513 if rate_hz == 32_000 else 1025
    model = [spectrum, 32, sizes.latent, sizes.hidden, sizes.inner, 2, sizes.layers, 3, 0, "1"]
    blocks = [ROWS[: sizes.rows], GAPS[: sizes.rows], rates, sizes.upsample_channels, kernels]
    return [*model, *blocks, 109, sizes.speaker_size, rate_hz]


def checkpoint(sizes: Sizes = TINY, rate_hz: int = 40_000, has_pitch: bool = True, seed: int = 0) -> dict[str, Any]:
    """What a `.pth` holds."""
    drawn = torch.Generator().manual_seed(seed)
    weight = {
        name: (torch.rand(shape, generator=drawn) + 0.5 if name.endswith(("_g", "gamma")) else _small(shape, drawn))
        for name, shape in shapes(sizes, rate_hz, has_pitch).items()
    }
    words = {"info": "20epoch", "sr": f"{rate_hz // 1000}k", "f0": int(has_pitch), "version": "v2"}
    return {"weight": {name: each.half() for name, each in weight.items()}, "config": values(sizes, rate_hz)} | words


def _small(shape: tuple[int, ...], drawn: torch.Generator) -> torch.Tensor:
    return 0.2 * torch.randn(shape, generator=drawn)


def write_pth(file: Path, **changes: Any) -> Path:
    """A tiny voice as people own it."""
    torch.save(checkpoint(**changes), file)
    return file


def write_encoder(folder: Path, kind: str = "hubert", hidden: int = TINY.features, layers: int = 2) -> Path:
    """A tiny encoder of speech in the layout of the hub."""
    folder.mkdir(parents=True, exist_ok=True)
    is_wavlm, channels = kind == "wavlm", 8
    config = {
        "model_type": kind,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "intermediate_size": 2 * hidden,
        "conv_dim": [channels] * 7,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "conv_bias": False,
        "feat_extract_norm": "layer" if is_wavlm else "group",
        "do_stable_layer_norm": is_wavlm,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
        "layer_norm_eps": 1e-5,
        "num_buckets": 320,
        "max_bucket_distance": 800,
    }
    (folder / "config.json").write_text(json.dumps(config))
    save_file(_encoder_tensors(config), folder / "model.safetensors")
    return folder


def _encoder_tensors(config: dict[str, Any]) -> dict[str, torch.Tensor]:
    """By the names of the files at the hub, random."""
    drawn = torch.Generator().manual_seed(0)
    made = {name: _small(shape, drawn) for name, shape in _encoder_shapes(config)}
    ones = {name: each + 1.0 for name, each in made.items() if "norm.weight" in name or name.endswith("weight_g")}
    return made | ones


def _encoder_shapes(config: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    is_wavlm, channels, before = config["model_type"] == "wavlm", config["conv_dim"][0], 1
    for place, kernel in enumerate(config["conv_kernel"]):
        yield f"feature_extractor.conv_layers.{place}.conv.weight", (channels, before, kernel)
        if is_wavlm or place == 0:
            yield from _norm(f"feature_extractor.conv_layers.{place}.layer_norm", channels)
        before = channels
    yield from _norm("feature_projection.layer_norm", channels)
    yield from _plain("feature_projection.projection", hidden, channels)
    kernel, groups = config["num_conv_pos_embeddings"], config["num_conv_pos_embedding_groups"]
    yield "encoder.pos_conv_embed.conv.bias", (hidden,)
    yield "encoder.pos_conv_embed.conv.weight_g", (1, 1, kernel)
    yield "encoder.pos_conv_embed.conv.weight_v", (hidden, hidden // groups, kernel)
    yield from _norm("encoder.layer_norm", hidden)
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layers.{layer}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _plain(f"{name}.attention.{part}", hidden, hidden)
        if is_wavlm:
            yield f"{name}.attention.gru_rel_pos_const", (1, heads, 1, 1)
            yield from _plain(f"{name}.attention.gru_rel_pos_linear", 8, hidden // heads)
        yield from _norm(f"{name}.layer_norm", hidden)
        yield from _plain(f"{name}.feed_forward.intermediate_dense", inner, hidden)
        yield from _plain(f"{name}.feed_forward.output_dense", hidden, inner)
        yield from _norm(f"{name}.final_layer_norm", hidden)
    if is_wavlm:
        yield "encoder.layers.0.attention.rel_attn_embed.weight", (config["num_buckets"], heads)
    yield "masked_spec_embed", (hidden,)


def _norm(name: str, size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (size,)
    yield f"{name}.bias", (size,)


def write_vocoder(folder: Path, features: int = TINY.features, channels: int = 32) -> dict[str, torch.Tensor]:
    """A tiny vocoder of kNN-VC beside an encoder; answers the weights as the published checkpoint has them."""
    drawn = torch.Generator().manual_seed(0)
    given = {
        name: torch.rand(shape, generator=drawn) + 0.5 if name.endswith("_g") else _small(shape, drawn)
        for name, shape in _vocoder_shapes(features, channels)
    }
    save_file(given, folder / "hifigan.safetensors")
    return given


def _vocoder_shapes(features: int, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _plain("lin_pre", channels, features)
    yield from _normed("conv_pre", channels, channels, 7)
    for step, kernel in enumerate(UPSAMPLING[32_000][1]):
        yield from _normed(f"ups.{step}", channels, channels // 2, kernel, transposed=True)
        channels //= 2
        for row, size in enumerate(ROWS):
            for half in ("convs1", "convs2"):
                for gap in range(3):
                    yield from _normed(f"resblocks.{3 * step + row}.{half}.{gap}", channels, channels, size)
    yield from _normed("conv_post", 1, channels, 7)
