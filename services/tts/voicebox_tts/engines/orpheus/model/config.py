"""What the config.json and generation_config.json of an Orpheus model say."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from voicebox_kit.errors import StartError

from voicebox_tts.engines.codec_models.config import (
    RopeScaling,
    SamplingParams,
    TransformerConfig,
    document_of,
    transformer_of,
)
from voicebox_tts.engines.orpheus.tokens import MIN_VOCABULARY

REPETITION_PENALTY = 1.1
"""The official package asks for at least that, "for stable generations"."""


@dataclass(frozen=True)
class OrpheusConfig:
    """A Llama with Orpheus's vocabulary."""

    transformer: TransformerConfig
    vocab_size: int
    has_own_head: bool
    """Whether logits have a matrix of their own, and not that of the embeddings."""
    sampling: SamplingParams


def read(folder: Path) -> OrpheusConfig:
    """The configuration of the model in `folder`; StartError when it is none that this engine can run."""
    path = folder / "config.json"
    document = document_of(path)
    if document.get("model_type") != "llama":
        raise StartError(f"{path} is not that of an Orpheus model: its model_type is {document.get('model_type')!r}.")
    generation = folder / "generation_config.json"
    try:
        made = _config(document, document_of(generation) if generation.is_file() else {})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StartError(f"{path} is not that of a complete Orpheus model: {error!r}.") from error
    if made.vocab_size < MIN_VOCABULARY:
        raise StartError(
            f"{path} is that of a Llama without Orpheus's codes: it has {made.vocab_size} tokens, not {MIN_VOCABULARY}."
        )
    if sentence := _unknown(document):
        raise StartError(f"{path} {sentence}.")
    return made


def _config(document: Mapping[str, Any], generation: Mapping[str, Any]) -> OrpheusConfig:
    return OrpheusConfig(
        transformer=replace(transformer_of(document), qk_norm=False, rope_scaling=_rope_scaling(document)),
        vocab_size=int(document["vocab_size"]),
        has_own_head=not document.get("tie_word_embeddings", False),
        sampling=SamplingParams(
            do_sample=bool(generation.get("do_sample", True)),
            temperature=float(generation.get("temperature", 0.6)),
            top_k=int(generation.get("top_k", 0)),
            top_p=float(generation.get("top_p", 0.9)),
            repetition_penalty=float(generation.get("repetition_penalty", REPETITION_PENALTY)),
        ),
    )


def _rope_scaling(document: Mapping[str, Any]) -> RopeScaling | None:
    section = document.get("rope_scaling")
    if not section or section.get("rope_type", "default") != "llama3":
        return None
    return RopeScaling(
        float(section["factor"]),
        float(section["low_freq_factor"]),
        float(section["high_freq_factor"]),
        int(section["original_max_position_embeddings"]),
    )


def _unknown(document: Mapping[str, Any]) -> str:
    """What no released model has, and this engine cannot run; empty when there is nothing."""
    if document.get("attention_bias") or document.get("mlp_bias") or document.get("hidden_act", "silu") != "silu":
        return "asks for biases or activations that no released model has"
    scaling = document.get("rope_scaling") or {}
    if scaling.get("rope_type", "default") not in ("default", "llama3"):
        return "asks for scaled positions of a kind that no released model has"
    return ""
