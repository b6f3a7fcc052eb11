"""Adapters of Qwen3-TTS: what they add is merged into the weights while these are read."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from voicebox_kit.errors import StartError
from voicebox_models.adapters.adapter import Adapter

from voicebox_tts.engines.codec_models.adapted import MergedWeights, check_base
from voicebox_tts.engines.codec_models.weights import Weights

from .model import checkpoint, config
from .model.config import NUM_CONTROL_TOKENS, Kind, ModelConfig, SpeakerConfig

SPEAKER = "speaker_embedding"
"""The tensor that an adapter has besides its matrices: its voice, (hidden_size,)."""

CODEC_EMBEDDING = "talker.model.codec_embedding.weight"
SPEAKER_FROM_END = 72
"""Where the speaker's row is, counted from the end of the vocabulary: 3000 of 3072, as the official package has it."""


class AdaptedWeights(MergedWeights):
    """Another's weights with an adapter in them, its voice among them."""

    def __init__(self, weights: Weights, adapter: Adapter, speaker_id: int) -> None:
        super().__init__(weights, adapter)
        self._speaker, self._speaker_id = torch.tensor(adapter.tensors[SPEAKER]), speaker_id

    def __call__(self, name: str, *shape: int) -> Tensor:
        tensor = super().__call__(name, *shape)
        return with_speaker(tensor, self._speaker, self._speaker_id) if name == CODEC_EMBEDDING else tensor


def with_speaker(embedding: Tensor, speaker: Tensor, speaker_id: int) -> Tensor:
    """A copy of the embeddings of codes and control tokens with a speaker in its row."""
    made = embedding.clone()
    made[speaker_id] = speaker.to(made.device, made.dtype)
    return made


def adapted_config(base: ModelConfig, speaker: str) -> ModelConfig:
    """A base model's configuration with one voice of its own: a custom-voice model's."""
    return replace(base, kind=Kind.CUSTOM_VOICE, speakers={speaker: SpeakerConfig(speaker_id(base), "")})


def speaker_id(base: ModelConfig) -> int:
    """The id of the voice: a control token that no base model uses."""
    return base.vocab_size - SPEAKER_FROM_END


def read_config(adapter: Adapter, base: Path) -> ModelConfig:
    """Of an adapter and the folder of its base. StartError when they do not fit."""
    known = config.read(base)
    if known.kind is not Kind.BASE or not adapter.manifest.speaker or known.vocab_size <= NUM_CONTROL_TOKENS:
        raise StartError(f"The adapter in {adapter.folder} has no voice, or is of no base model.")
    return adapted_config(known, adapter.manifest.speaker)


def check(adapter: Adapter, base: Path) -> None:
    """StartError when an adapter was trained on other weights than those in `base`."""
    check_base(adapter, checkpoint.weights(base))
    speaker = adapter.tensors.get(SPEAKER)
    if speaker is None or speaker.shape != (config.read(base).talker.hidden_size,):
        raise StartError(f"The adapter in {adapter.folder} has no voice that fits its base.")
