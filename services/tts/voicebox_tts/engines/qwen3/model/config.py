"""What the config.json of a Qwen3-TTS model says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from voicebox_kit.errors import StartError
from voicebox_kit.languages import primary

SAMPLE_RATE_HZ = 24_000
FRAME_SAMPLES = 1920
"""80 ms: what one frame of codes decodes to."""

CONTROL_CODES = 1024
"""The last ids of the talker's vocabulary are no sounds: controls, languages and speakers."""

BCP_47 = {
    "chinese": "zh",
    "english": "en",
    "german": "de",
    "italian": "it",
    "portuguese": "pt",
    "spanish": "es",
    "japanese": "ja",
    "korean": "ko",
    "french": "fr",
    "russian": "ru",
}
"""The languages by the models' names for them."""


class Kind(StrEnum):
    """What a model takes its voice from."""

    BASE = "base"
    """A recording."""
    CUSTOM_VOICE = "custom_voice"
    """Its own speakers."""
    VOICE_DESIGN = "voice_design"
    """A description."""


@dataclass(frozen=True)
class Stack:
    """The size of a stack of transformer layers."""

    width: int
    inner_width: int
    layers: int
    heads: int
    key_value_heads: int
    head_size: int
    rope_theta: float
    norm_epsilon: float


@dataclass(frozen=True)
class Sampling:
    """How one code is chosen among the likeliest; always the likeliest when it is not `sampled`. `top_k` of 0 considers
    all.
    """

    sampled: bool = True
    temperature: float = 0.9
    top_k: int = 50
    top_p: float = 1.0
    repetition_penalty: float = 1.0


@dataclass(frozen=True)
class TextControls:
    """Ids of the text's control tokens."""

    message_start: int
    message_end: int
    pad: int
    begin: int
    end: int


@dataclass(frozen=True)
class CodeControls:
    """Ids of the talker's control codes."""

    pad: int
    begin: int
    end: int
    think: int
    no_think: int
    think_begin: int
    think_end: int


@dataclass(frozen=True)
class Speaker:
    """A voice of a custom-voice model: its id, and the dialect that it speaks when it speaks Chinese, or empty."""

    id: int
    dialect: str


@dataclass(frozen=True)
class Config:
    """A model's architecture and ids. `groups` is how many codes a frame has; `codes` is how many sounds each group
    knows.
    """

    kind: Kind
    size: str
    """"0b6" or "1b7"."""
    groups: int
    codes: int
    vocabulary: int
    text_vocabulary: int
    text_width: int
    talker: Stack
    predictor: Stack
    text: TextControls
    control: CodeControls
    languages: Mapping[str, int]
    """Ids by the model's names for them, dialects included."""
    speakers: Mapping[str, Speaker]
    choosing: Sampling
    """How a frame's first code is chosen."""
    predicting: Sampling
    """How the others are."""
    most_frames: int
    speaker_encoder: Mapping[str, Any] = field(repr=False)
    """As it stands in the file; empty for a model without one."""

    @property
    def follows_instructions(self) -> bool:
        """The small custom-voice model and the base models were not taught to."""
        return self.kind is Kind.VOICE_DESIGN or (self.kind is Kind.CUSTOM_VOICE and self.size != "0b6")

    @property
    def spoken(self) -> tuple[str, ...]:
        """Its languages in BCP 47, without dialects."""
        return tuple(BCP_47[name] for name in self.languages if name in BCP_47)

    def language(self, tag: str) -> str:
        """The model's own name for a BCP 47 language; empty, for the model to find out, when it is not among its
        own.
        """
        return next((name for name in self.languages if BCP_47.get(name) == primary(tag)), "")


def read(folder: Path) -> Config:
    """The configuration of the model in `folder`; StartError when it is none that this engine can run."""
    path = folder / "config.json"
    document = _document(path)
    if document.get("model_type") != "qwen3_tts" or document.get("tokenizer_type") != "qwen3_tts_tokenizer_12hz":
        raise StartError(f"{path} is not that of a Qwen3-TTS model of 12 Hz.")
    try:
        made = _config(document, _document(folder / "generation_config.json"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StartError(f"{path} is not that of a complete Qwen3-TTS model: {error!r}.") from error
    if sentence := _unknown(document["talker_config"]):
        raise StartError(f"{path} {sentence}.")
    return made


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StartError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise StartError(f"{path} is no JSON object.")
    return document


def _config(document: Mapping[str, Any], generation: Mapping[str, Any]) -> Config:
    talker = document["talker_config"]
    predictor = talker["code_predictor_config"]
    dialects = talker["spk_is_dialect"]
    return Config(
        kind=Kind(document["tts_model_type"]),
        size=document["tts_model_size"],
        groups=int(talker["num_code_groups"]),
        codes=int(predictor["vocab_size"]),
        vocabulary=int(talker["vocab_size"]),
        text_vocabulary=int(talker["text_vocab_size"]),
        text_width=int(talker["text_hidden_size"]),
        talker=_stack(talker),
        predictor=_stack(predictor),
        text=TextControls(
            message_start=int(document["im_start_token_id"]),
            message_end=int(document["im_end_token_id"]),
            pad=int(document["tts_pad_token_id"]),
            begin=int(document["tts_bos_token_id"]),
            end=int(document["tts_eos_token_id"]),
        ),
        control=CodeControls(
            pad=int(talker["codec_pad_id"]),
            begin=int(talker["codec_bos_id"]),
            end=int(talker["codec_eos_token_id"]),
            think=int(talker["codec_think_id"]),
            no_think=int(talker["codec_nothink_id"]),
            think_begin=int(talker["codec_think_bos_id"]),
            think_end=int(talker["codec_think_eos_id"]),
        ),
        languages={name: int(index) for name, index in talker["codec_language_id"].items()},
        speakers={name: Speaker(int(index), dialects.get(name) or "") for name, index in talker["spk_id"].items()},
        choosing=_sampling(generation, "do_sample", ""),
        predicting=_sampling(generation, "subtalker_dosample", "subtalker_"),
        most_frames=int(generation.get("max_new_tokens", 2048)),
        speaker_encoder=document.get("speaker_encoder_config") or {},
    )


def _stack(section: Mapping[str, Any]) -> Stack:
    heads = int(section["num_attention_heads"])
    return Stack(
        width=int(section["hidden_size"]),
        inner_width=int(section["intermediate_size"]),
        layers=int(section["num_hidden_layers"]),
        heads=heads,
        key_value_heads=int(section["num_key_value_heads"]),
        head_size=int(section.get("head_dim") or section["hidden_size"] // heads),
        rope_theta=float(section["rope_theta"]),
        norm_epsilon=float(section["rms_norm_eps"]),
    )


def _sampling(generation: Mapping[str, Any], switch: str, prefix: str) -> Sampling:
    """The file's choice, where it makes none the official package's."""
    return Sampling(
        sampled=bool(generation.get(switch, True)),
        temperature=float(generation.get(f"{prefix}temperature", 0.9)),
        top_k=int(generation.get(f"{prefix}top_k", 50)),
        top_p=float(generation.get(f"{prefix}top_p", 1.0)),
        repetition_penalty=1.0 if prefix else float(generation.get("repetition_penalty", 1.05)),
    )


def _unknown(talker: Mapping[str, Any]) -> str:
    """What a released model has not, and this engine cannot run; empty when there is nothing."""
    for section in (talker, talker["code_predictor_config"]):
        if (
            section.get("use_sliding_window")
            or section.get("attention_bias")
            or section.get("hidden_act", "silu") != "silu"
        ):
            return "asks for sliding windows, biases or activations that no released model has"
        scaling = section.get("rope_scaling") or {}
        if scaling.get("rope_type", scaling.get("type", "default")) != "default":
            return "asks for scaled positions, which no released model has"
    return ""
