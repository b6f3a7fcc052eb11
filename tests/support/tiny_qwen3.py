"""Writes Qwen3-TTS checkpoints of random weights: the real architecture and file layout, at a few hundred thousand
parameters.

    python tests/support/tiny_qwen3.py FOLDER

makes FOLDER/base, custom-voice, voice-design and endless. They speak noise made of codes, but all that is around it is
real. As with trained weights, the same words give the same codes, other words give others, and speech ends some frames
after its text; that of `endless`, a base model, never does. Predictors of `base` and `endless` are as wide as their
talkers, as in the 0.6B models; those of the others are not, as in the 1.7B ones.
"""

import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import qwen_package
import torch
from safetensors.torch import save_file

qwen_package.stand_in()

from qwen_tts.core.models.configuration_qwen3_tts import Qwen3TTSConfig  # noqa: E402 - after its stand-ins
from qwen_tts.core.models.modeling_qwen3_tts import Qwen3TTSForConditionalGeneration  # noqa: E402
from qwen_tts.core.tokenizer_12hz.configuration_qwen3_tts_tokenizer_v2 import Qwen3TTSTokenizerV2Config  # noqa: E402
from qwen_tts.core.tokenizer_12hz.modeling_qwen3_tts_tokenizer_v2 import Qwen3TTSTokenizerV2Model  # noqa: E402
from transformers.models.qwen2.tokenization_qwen2 import bytes_to_unicode  # noqa: E402

GROUPS = 16
CODES = 64
"""Each group's codebook; 2048 in the released models, whose special ids these are shifted from."""

SHIFT = CODES - 2048
WIDTH, TEXT_WIDTH, NARROW = 32, 48, 24

CONTROLS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tts_pad>", "<tts_text_bos>", "<tts_text_eod>")
LANGUAGES = {
    "chinese": 2055,
    "english": 2050,
    "german": 2053,
    "japanese": 2058,
    "french": 2061,
    "sichuan_dialect": 2062,
}
SPEAKERS = {"vivian": (3065, False), "ryan": (3061, False), "eric": (2875, "sichuan_dialect")}

CERTAINTY = 3.0
"""How far apart the talker's logits are: the likeliest codes have most of the probability, as with trained weights."""

END_AFTER_TEXT, END_AT_ANY_TIME, END_NEVER = 1.8, 1.3, -1000.0
"""What the end token's logit makes of dimension 0. With the first, some ten frames follow the last word; models that
read all of their text before they speak speak for some twenty frames.
"""

NORMS_AND_SCALES = ("weight", "scale", "gamma")


def tokenizer(folder: Path) -> dict[str, int]:
    """Bytes, the words of the chat layout as one token each, as they are upstream, and the control tokens, whose ids it
    returns.
    """
    vocabulary = {letter: index for index, letter in enumerate(bytes_to_unicode().values())}
    merges: dict[tuple[str, str], None] = {}
    for word in ("assistant", "user"):
        for end in range(1, len(word)):
            merges[word[:end], word[end]] = None
            vocabulary.setdefault(word[: end + 1], len(vocabulary))
    controls = {token: len(vocabulary) + index for index, token in enumerate(CONTROLS)}
    added = {
        str(index): {
            "content": token,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": True,
        }
        for token, index in controls.items()
    }
    settings = {
        "tokenizer_class": "Qwen2Tokenizer",
        "add_prefix_space": False,
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "errors": "replace",
        "model_max_length": 131072,
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": False,
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "added_tokens_decoder": added,
    }
    write_json(folder / "vocab.json", vocabulary)
    write_json(folder / "tokenizer_config.json", settings)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(map(" ".join, merges)) + "\n", "utf-8")
    return controls


def transformer(width: int, layers: int) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000,
        "max_position_embeddings": 4096,
        "num_code_groups": GROUPS,
        "attention_bias": False,
    }


def talker(kind: str, tokens: int) -> dict[str, Any]:
    names = ("pad", "bos", "eos_token", "think", "nothink", "think_bos", "think_eos")
    released = (2148, 2149, 2150, 2154, 2155, 2156, 2157)
    speakers = SPEAKERS if kind == "custom_voice" else {}
    return dict(
        **transformer(WIDTH, 2),
        **{f"codec_{name}_id": index + SHIFT for name, index in zip(names, released, strict=True)},
        model_type="qwen3_tts_talker",
        vocab_size=CODES + 1024,
        text_hidden_size=TEXT_WIDTH,
        text_vocab_size=tokens,
        position_id_per_seconds=13,
        rope_scaling={"rope_type": "default", "type": "default", "mrope_section": [4, 2, 2], "interleaved": True},
        codec_language_id={language: index + SHIFT for language, index in LANGUAGES.items()},
        spk_id={name: index + SHIFT for name, (index, _) in speakers.items()},
        spk_is_dialect={name: dialect for name, (_, dialect) in speakers.items()},
        code_predictor_config=dict(
            **transformer(WIDTH if kind == "base" else NARROW, 1),
            model_type="qwen3_tts_talker_code_predictor",
            vocab_size=CODES,
        ),
    )


def model(kind: str, controls: dict[str, int]) -> dict[str, Any]:
    """config.json, written by hand as the released ones are: the package cannot read what its own to_dict() gives."""
    return {
        "architectures": ["Qwen3TTSForConditionalGeneration"],
        "model_type": "qwen3_tts",
        "tokenizer_type": "qwen3_tts_tokenizer_12hz",
        "tts_model_size": "0b6" if kind == "base" else "1b7",
        "tts_model_type": kind,
        "im_start_token_id": controls["<|im_start|>"],
        "im_end_token_id": controls["<|im_end|>"],
        "tts_pad_token_id": controls["<tts_pad>"],
        "tts_bos_token_id": controls["<tts_text_bos>"],
        "tts_eos_token_id": controls["<tts_text_eod>"],
        "speaker_encoder_config": {
            "mel_dim": 128,
            "enc_dim": WIDTH,
            "enc_channels": [16, 16, 16, 16, 48],
            "enc_kernel_sizes": [5, 3, 3, 3, 1],
            "enc_dilations": [1, 2, 3, 4, 1],
            "enc_attention_channels": 8,
            "enc_res2net_scale": 2,
            "enc_se_channels": 8,
            "sample_rate": 24000,
        },
        "talker_config": talker(kind, max(controls.values()) + 1),
    }


def codec() -> dict[str, Any]:
    """speech_tokenizer/config.json: narrow, at the released rates of 1920 samples a frame and 12.5 frames a second."""
    small = {
        "hidden_size": 32,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "intermediate_size": 64,
        "codebook_size": CODES,
    }
    encoder = dict(
        **small,
        model_type="mimi",
        sampling_rate=24000,
        frame_rate=12.5,
        _frame_rate=12.5,
        audio_channels=1,
        num_filters=4,
        num_residual_layers=1,
        upsampling_ratios=[8, 6, 5, 4],
        codebook_dim=16,
        vector_quantization_hidden_dimension=16,
        num_quantizers=GROUPS,
        num_semantic_quantizers=1,
        num_hidden_layers=1,
        rope_theta=10000.0,
        sliding_window=250,
        use_cache=False,
        use_streaming=False,
        upsample_groups=32,
    )
    decoder = dict(
        **small,
        codebook_dim=32,
        latent_dim=32,
        num_hidden_layers=2,
        num_quantizers=GROUPS,
        sliding_window=72,
        decoder_dim=64,
        rope_theta=10000,
        max_position_embeddings=8000,
        upsample_rates=[8, 5, 4, 3],
        upsampling_ratios=[2, 2],
    )
    return {
        "architectures": ["Qwen3TTSTokenizerV2Model"],
        "model_type": "qwen3_tts_tokenizer_12hz",
        "encoder_valid_num_quantizers": GROUPS,
        "input_sample_rate": 24000,
        "output_sample_rate": 24000,
        "decode_upsample_rate": 1920,
        "encode_downsample_rate": 1920,
        "encoder_config": encoder,
        "decoder_config": decoder,
    }


def randomise(network: torch.nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Weights of a spread that keeps signals at their level, so that the waveform stays within [-1, 1]."""
    source = torch.Generator().manual_seed(seed)
    weights = network.state_dict()
    for name, tensor in weights.items():
        if "initialized" in name or "cluster_usage" in name:
            tensor.fill_(1.0)
        elif "embed" in name:
            tensor.copy_(
                torch.randn(tensor.shape, generator=source)
                * (1.0 if "embed_sum" in name or "embedding_sum" in name else 0.5)
            )
        elif tensor.dim() > 1:
            quieter = 0.6 if ".block." in name or name.startswith("decoder.decoder.6") else 1.0
            tensor.copy_(torch.randn(tensor.shape, generator=source) * quieter / math.sqrt(tensor[0].numel()))
        else:
            tensor.fill_(1.0 if name.endswith(NORMS_AND_SCALES) else 0.0)
    return weights


def teach_the_end(weights: dict[str, torch.Tensor], controls: dict[str, int], gain: float) -> None:
    """The talker's dimension 0 is written by the text that follows the end alone, and is all that the end token's logit
    looks at.

    An endless one's is written by any text, and lowers that logit.
    """
    text, head = weights["talker.model.text_embedding.weight"], weights["talker.codec_head.weight"]
    text[:, 0] = 1.0 if gain == END_NEVER else 0.0
    text[controls["<tts_pad>"], 0] = 1.0
    for number, raised in ((1, 1.0), (2, 10.0)):
        layer = weights[f"talker.text_projection.linear_fc{number}.weight"]
        layer[0], layer[:, 0], layer[0, 0] = 0.0, 0.0, raised
    for name, tensor in weights.items():
        if name.startswith("talker.model.layers.") and name.endswith(("o_proj.weight", "down_proj.weight")):
            tensor[0] = 0.0
        elif ".codec_embedding." in name:
            tensor[:, 0] = 0.0
    head *= CERTAINTY
    head[2150 + SHIFT] = 0.0
    head[2150 + SHIFT, 0] = gain


def write_json(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False), "utf-8")


def write_codec(folder: Path) -> None:
    """The speech tokenizer, which all checkpoints share."""
    folder.mkdir(parents=True)
    network = Qwen3TTSTokenizerV2Model(Qwen3TTSTokenizerV2Config(**codec()))
    save_file(randomise(network, 1), folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", codec())
    features = {
        "feature_extractor_type": "EncodecFeatureExtractor",
        "feature_size": 1,
        "sampling_rate": 24000,
        "padding_side": "right",
    }
    write_json(folder / "preprocessor_config.json", dict(**features, padding_value=0.0, return_attention_mask=True))


def write(folder: Path, kind: str, end: float) -> None:
    """Write a checkpoint but for its speech tokenizer; `kind` is base, custom_voice or voice_design."""
    folder.mkdir(parents=True)
    controls = tokenizer(folder)
    network = Qwen3TTSForConditionalGeneration(Qwen3TTSConfig(**model(kind, controls)))
    weights = randomise(network, 0)
    teach_the_end(weights, controls, end)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", model(kind, controls))
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
    write_json(folder / "generation_config.json", talking | predicting)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    write(target / "endless", "base", END_NEVER)
    write_codec(target / "endless" / "speech_tokenizer")
    for name, kind, end in (
        ("custom-voice", "custom_voice", END_AT_ANY_TIME),
        ("voice-design", "voice_design", END_AT_ANY_TIME),
        ("base", "base", END_AFTER_TEXT),
    ):
        write(target / name, kind, end)
        shutil.copytree(target / "endless" / "speech_tokenizer", target / name / "speech_tokenizer")
