"""What the config.json of a Qwen3-TTS model says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from voicebox_kit.errors import StartError
from voicebox_kit.languages import primary

from voicebox_tts.engines.codec_models.config import SamplingParams, TransformerConfig, document_of, transformer_of

SAMPLE_RATE_HZ = 24_000
FRAME_SAMPLES = 1920
"""80 ms: what one frame of codes decodes to."""

NUM_CONTROL_TOKENS = 1024
"""The last ids of the talker's vocabulary are no codes: control tokens, languages and speakers."""

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
class TextTokens:
    """Ids of the text's control tokens, see config.json: `im_start_token_id`, `tts_bos_token_id` and so on."""

    im_start: int
    im_end: int
    tts_pad: int
    tts_bos: int
    tts_eos: int


@dataclass(frozen=True)
class CodecTokens:
    """Ids of the codec's control tokens: `codec_bos_id`, `codec_think_id` and so on."""

    pad: int
    bos: int
    eos: int
    think: int
    nothink: int
    think_bos: int
    think_eos: int


@dataclass(frozen=True)
class SpeakerConfig:
    """A voice of a custom-voice model: its id, and the dialect that it speaks when it speaks Chinese, or empty."""

    id: int
    dialect: str


@dataclass(frozen=True)
class ModelConfig:
    """A model's architecture and token ids, by the names of its config.json and generation_config.json.

    A frame has `num_code_groups` codes, one of each codebook.
    """

    kind: Kind
    size: str
    """"0b6" or "1b7"."""
    num_code_groups: int
    codebook_size: int
    vocab_size: int
    text_vocab_size: int
    text_hidden_size: int
    talker: TransformerConfig
    code_predictor: TransformerConfig
    text_tokens: TextTokens
    codec_tokens: CodecTokens
    languages: Mapping[str, int]
    """Ids by the model's names for them, dialects included."""
    speakers: Mapping[str, SpeakerConfig]
    sampling: SamplingParams
    """Of the talker: a frame's first code."""
    subtalker_sampling: SamplingParams
    """Of the code predictor: the others."""
    max_new_tokens: int
    speaker_encoder_config: Mapping[str, Any] = field(repr=False)
    """As it stands in the file; empty for a model without one."""

    @property
    def follows_instructions(self) -> bool:
        """The small custom-voice model and the base models are not trained to."""
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


def read(folder: Path) -> ModelConfig:
    """The configuration of the model in `folder`; StartError when it is none that this engine can run."""
    path = folder / "config.json"
    document = document_of(path)
    if document.get("model_type") != "qwen3_tts" or document.get("tokenizer_type") != "qwen3_tts_tokenizer_12hz":
        raise StartError(f"{path} is not that of a Qwen3-TTS model of 12 Hz.")
    try:
        made = _config(document, document_of(folder / "generation_config.json"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StartError(f"{path} is not that of a complete Qwen3-TTS model: {error!r}.") from error
    if sentence := _unknown(document["talker_config"]):
        raise StartError(f"{path} {sentence}.")
    return made


def _config(document: Mapping[str, Any], generation: Mapping[str, Any]) -> ModelConfig:
    talker = document["talker_config"]
    predictor = talker["code_predictor_config"]
    dialects = talker["spk_is_dialect"]
    return ModelConfig(
        kind=Kind(document["tts_model_type"]),
        size=document["tts_model_size"],
        num_code_groups=int(talker["num_code_groups"]),
        codebook_size=int(predictor["vocab_size"]),
        vocab_size=int(talker["vocab_size"]),
        text_vocab_size=int(talker["text_vocab_size"]),
        text_hidden_size=int(talker["text_hidden_size"]),
        talker=transformer_of(talker),
        code_predictor=transformer_of(predictor),
        text_tokens=TextTokens(
            im_start=int(document["im_start_token_id"]),
            im_end=int(document["im_end_token_id"]),
            tts_pad=int(document["tts_pad_token_id"]),
            tts_bos=int(document["tts_bos_token_id"]),
            tts_eos=int(document["tts_eos_token_id"]),
        ),
        codec_tokens=CodecTokens(
            pad=int(talker["codec_pad_id"]),
            bos=int(talker["codec_bos_id"]),
            eos=int(talker["codec_eos_token_id"]),
            think=int(talker["codec_think_id"]),
            nothink=int(talker["codec_nothink_id"]),
            think_bos=int(talker["codec_think_bos_id"]),
            think_eos=int(talker["codec_think_eos_id"]),
        ),
        languages={name: int(index) for name, index in talker["codec_language_id"].items()},
        speakers={
            name: SpeakerConfig(int(index), dialects.get(name) or "") for name, index in talker["spk_id"].items()
        },
        sampling=_sampling(generation, "do_sample", ""),
        subtalker_sampling=_sampling(generation, "subtalker_dosample", "subtalker_"),
        max_new_tokens=int(generation.get("max_new_tokens", 2048)),
        speaker_encoder_config=document.get("speaker_encoder_config") or {},
    )


def _sampling(generation: Mapping[str, Any], switch: str, prefix: str) -> SamplingParams:
    """The file's choice, where it makes none the official package's."""
    return SamplingParams(
        do_sample=bool(generation.get(switch, True)),
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
