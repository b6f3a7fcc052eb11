"""Writes Qwen3-TTS base models of random weights in the form of released ones, at their real dimensions, to measure
speed.

    python -m bench.qwen3_checkpoint FOLDER 0.6B|1.7B|tiny

They say nothing, and never end: the end token's logit is 0, and fifty of two thousand random ones are always greater.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import pre_tokenizers
from torch import Tensor
from voicebox_tts.engines.codec_models.config import TransformerConfig
from voicebox_tts.engines.codec_models.parts import WEIGHTS
from voicebox_tts.engines.codec_models.weights import RandomWeights
from voicebox_tts.engines.qwen3 import sizes
from voicebox_tts.engines.qwen3.codec.config import CodecConfig
from voicebox_tts.engines.qwen3.codec.decoder import CodecDecoder
from voicebox_tts.engines.qwen3.codec.encoder import CodecEncoder
from voicebox_tts.engines.qwen3.model import checkpoint
from voicebox_tts.engines.qwen3.model.code_predictor import CodePredictor, codec_embeddings
from voicebox_tts.engines.qwen3.model.config import FRAME_SAMPLES, SAMPLE_RATE_HZ, Kind, ModelConfig
from voicebox_tts.engines.qwen3.model.speaker_encoder import SpeakerEncoder
from voicebox_tts.engines.qwen3.model.talker import Talker

TINY = "tiny"
WORDS = ("assistant", "user")
"""Those of the chat layout are one token each, as the official package takes for granted; any other word is spelled."""

LOUDNESS = 0.1
"""What the codec's last layer is made smaller by, so that what it makes stays within [-1, 1]."""


class Names:
    """Records which weights an engine reads, and takes no memory."""

    device, dtype = torch.device("meta"), torch.float32

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        self.shapes[name] = shape
        return torch.empty(shape, device=self.device)


def main() -> None:
    folder, size = Path(sys.argv[1]), sys.argv[2]
    if size == TINY:
        write(folder, *tiny())
    else:
        write(folder, sizes.released(size, Kind.BASE), sizes.released_codec())


def write(folder: Path, config: ModelConfig, codec: CodecConfig) -> None:
    """Write a model to `folder`, which must not exist."""
    tokenizer = folder / checkpoint.SPEECH_TOKENIZER
    tokenizer.mkdir(parents=True)
    language, speech = model_shapes(config), codec_shapes(codec)
    weights = made(language, torch.bfloat16)
    weights["talker.codec_head.weight"][config.codec_tokens.eos] = 0.0
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    codec_weights = made(speech, torch.float32)
    codec_weights[f"decoder.decoder.{len(codec.decoder.upsample_rates) + 2}.conv.weight"] *= LOUDNESS
    save_file(codec_weights, tokenizer / WEIGHTS, metadata={"format": "pt"})
    for path, document in documents(config, codec).items():
        (folder / path).write_text(json.dumps(document), "utf-8")
    merges = [f"{word[:end]} {word[end]}" for word in WORDS for end in range(1, len(word))]
    (folder / "merges.txt").write_text("\n".join(("#version: 0.2", *dict.fromkeys(merges), "")), "utf-8")


def model_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of a base model's weights, by their names."""
    names = Names()
    Talker(names, config)
    CodePredictor(names, config, codec_embeddings(names, config))
    SpeakerEncoder(names, config.speaker_encoder_config)
    return names.shapes


def codec_shapes(codec: CodecConfig) -> dict[str, tuple[int, ...]]:
    """The same of the speech tokenizer."""
    names = Names()
    CodecDecoder(names, codec.decoder)
    CodecEncoder(names, codec.encoder)
    return names.shapes


def made(shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype) -> dict[str, Tensor]:
    """Random weights."""
    random = RandomWeights(torch.device("cpu"), dtype, seed=0)
    return {name: random(name, *shape) for name, shape in shapes.items()}


def documents(config: ModelConfig, codec: CodecConfig) -> dict[str, object]:
    """The JSON files, by their paths."""
    vocabulary, controls = tokens(config)
    talking = {
        "do_sample": True,
        "temperature": 0.9,
        "top_p": 1.0,
        "top_k": 50,
        "repetition_penalty": 1.05,
        "max_new_tokens": 2048,
    }
    predicting = {
        "subtalker_dosample": True,
        "subtalker_temperature": 0.9,
        "subtalker_top_p": 1.0,
        "subtalker_top_k": 50,
    }
    features = {"feature_extractor_type": "EncodecFeatureExtractor", "feature_size": 1, "sampling_rate": SAMPLE_RATE_HZ}
    return {
        "config.json": model(config),
        "generation_config.json": talking | predicting,
        "vocab.json": vocabulary,
        "tokenizer_config.json": reading(controls),
        f"{checkpoint.SPEECH_TOKENIZER}/config.json": speech_tokenizer(codec),
        f"{checkpoint.SPEECH_TOKENIZER}/preprocessor_config.json": dict(
            **features, padding_side="right", padding_value=0.0, return_attention_mask=True
        ),
    }


def tokens(config: ModelConfig) -> tuple[dict[str, int], dict[int, str]]:
    """The vocabulary, filled up to the control tokens, whose ids are the released ones; and those."""
    known = sorted(pre_tokenizers.ByteLevel.alphabet())
    known += dict.fromkeys(word[:end] for word in WORDS for end in range(2, len(word) + 1))
    first = config.text_tokens.im_start - 1
    vocabulary = {
        token: number
        for number, token in enumerate([*known, *(f"unused {number}" for number in range(len(known), first))])
    }
    controls = {number: f"<|unused {number}|>" for number in range(first, config.text_tokens.tts_eos + 1)}
    controls[first], controls[config.text_tokens.im_start], controls[config.text_tokens.im_end] = (
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
    )
    controls[config.text_tokens.tts_pad], controls[config.text_tokens.tts_bos], controls[config.text_tokens.tts_eos] = (
        "<tts_pad>",
        "<tts_text_bos>",
        "<tts_text_eod>",
    )
    return vocabulary, controls


def reading(controls: Mapping[int, str]) -> dict[str, object]:
    """tokenizer_config.json, which only the official package reads."""
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    return {
        "tokenizer_class": "Qwen2Tokenizer",
        "add_prefix_space": False,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 131072,
        "added_tokens_decoder": {str(number): {"content": token, **flags} for number, token in controls.items()},
    }


def model(config: ModelConfig) -> dict[str, object]:
    """config.json."""
    text, control = config.text_tokens, config.codec_tokens
    predictor = dict(
        **stack(config.code_predictor),
        model_type="qwen3_tts_talker_code_predictor",
        vocab_size=config.codebook_size,
        num_code_groups=config.num_code_groups,
    )
    half = (
        config.talker.head_dim // 8
    )  # positions have three dimensions, which share half a head's size as 2 : 1 : 1 or so
    talker = dict(
        **stack(config.talker),
        model_type="qwen3_tts_talker",
        vocab_size=config.vocab_size,
        num_code_groups=config.num_code_groups,
        text_hidden_size=config.text_hidden_size,
        text_vocab_size=config.text_vocab_size,
        position_id_per_seconds=13,
        rope_scaling={
            "rope_type": "default",
            "type": "default",
            "mrope_section": [2 * half, half, half],
            "interleaved": True,
        },
        codec_pad_id=control.pad,
        codec_bos_id=control.bos,
        codec_eos_token_id=control.eos,
        codec_think_id=control.think,
        codec_nothink_id=control.nothink,
        codec_think_bos_id=control.think_bos,
        codec_think_eos_id=control.think_eos,
        codec_language_id=dict(config.languages),
        spk_id={},
        spk_is_dialect={},
        code_predictor_config=predictor,
    )
    return {
        "architectures": ["Qwen3TTSForConditionalGeneration"],
        "model_type": "qwen3_tts",
        "tokenizer_type": "qwen3_tts_tokenizer_12hz",
        "tts_model_size": config.size,
        "tts_model_type": str(config.kind),
        "im_start_token_id": text.im_start,
        "im_end_token_id": text.im_end,
        "tts_pad_token_id": text.tts_pad,
        "tts_bos_token_id": text.tts_bos,
        "tts_eos_token_id": text.tts_eos,
        "speaker_encoder_config": dict(config.speaker_encoder_config),
        "talker_config": talker,
    }


def stack(size: TransformerConfig) -> dict[str, Any]:
    """A transformer's part of config.json."""
    return {
        "hidden_size": size.hidden_size,
        "intermediate_size": size.intermediate_size,
        "num_hidden_layers": size.num_hidden_layers,
        "num_attention_heads": size.num_attention_heads,
        "num_key_value_heads": size.num_key_value_heads,
        "head_dim": size.head_dim,
        "hidden_act": "silu",
        "rms_norm_eps": size.rms_norm_eps,
        "rope_theta": size.rope_theta,
        "max_position_embeddings": 32768,
        "attention_bias": False,
    }


def speech_tokenizer(codec: CodecConfig) -> dict[str, object]:
    """speech_tokenizer/config.json."""
    decoder, encoder = codec.decoder, codec.encoder
    decoding = dict(
        **stack(decoder.transformer),
        codebook_dim=decoder.codebook_dim,
        codebook_size=decoder.codebook_size,
        latent_dim=decoder.latent_dim,
        num_quantizers=decoder.num_quantizers,
        sliding_window=decoder.sliding_window,
        decoder_dim=decoder.decoder_dim,
        upsample_rates=decoder.upsample_rates,
        upsampling_ratios=decoder.upsampling_ratios,
    )
    encoding = dict(
        **stack(encoder.transformer) | {"hidden_act": "gelu", "norm_eps": encoder.transformer.rms_norm_eps},
        model_type="mimi",
        sampling_rate=SAMPLE_RATE_HZ,
        frame_rate=12.5,
        _frame_rate=12.5,
        audio_channels=1,
        num_filters=encoder.num_filters,
        num_residual_layers=encoder.num_residual_layers,
        upsampling_ratios=encoder.downsampling_ratios[::-1],
        kernel_size=encoder.kernel_size,
        last_kernel_size=encoder.last_kernel_size,
        residual_kernel_size=encoder.residual_kernel_size,
        dilation_growth_rate=encoder.dilation_growth_rate,
        compress=encoder.compress,
        codebook_dim=encoder.codebook_dim,
        codebook_size=encoder.codebook_size,
        vector_quantization_hidden_dimension=encoder.codebook_dim,
        num_quantizers=encoder.num_quantizers,
        num_semantic_quantizers=1,
        sliding_window=250,
        use_cache=False,
        use_streaming=False,
        upsample_groups=encoder.transformer.hidden_size,
    )
    return {
        "architectures": ["Qwen3TTSTokenizerV2Model"],
        "model_type": "qwen3_tts_tokenizer_12hz",
        "encoder_valid_num_quantizers": encoder.num_quantizers,
        "input_sample_rate": SAMPLE_RATE_HZ,
        "output_sample_rate": SAMPLE_RATE_HZ,
        "decode_upsample_rate": FRAME_SAMPLES,
        "encode_downsample_rate": FRAME_SAMPLES,
        "encoder_config": encoding,
        "decoder_config": decoding,
    }


def tiny() -> tuple[ModelConfig, CodecConfig]:
    """The same, but narrow and shallow, to see on any machine that everything runs."""
    config, codec = sizes.released("0.6B", Kind.BASE), sizes.released_codec()
    narrow = replace(
        config.talker,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
    )
    channels = [16, 16, 16, 16, 48]
    speaker = {
        "enc_dim": 32,
        "enc_channels": channels,
        "enc_attention_channels": 8,
        "enc_res2net_scale": 2,
        "enc_se_channels": 8,
    }
    small = replace(
        codec.decoder.transformer,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
    )
    return (
        replace(
            config,
            text_hidden_size=48,
            talker=narrow,
            code_predictor=replace(narrow, num_hidden_layers=1),
            speaker_encoder_config=speaker,
        ),
        CodecConfig(
            replace(codec.decoder, codebook_dim=32, latent_dim=32, transformer=small, decoder_dim=64),
            replace(codec.encoder, codebook_dim=16, num_filters=4, transformer=small),
        ),
    )


if __name__ == "__main__":
    main()
