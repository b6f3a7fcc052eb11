"""Adapters of Qwen3-TTS: what they add is merged into the weights while these are read."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from voicebox_kit.errors import StartError
from voicebox_models.adapters.adapter import Adapter
from voicebox_models.adapters.fingerprint import fingerprint

from .model import checkpoint, config
from .model.config import NUM_CONTROL_TOKENS, Kind, ModelConfig, SpeakerConfig
from .model.weights import Weights

SPEAKER = "speaker_embedding"
"""The tensor that an adapter has besides its matrices: its voice, (hidden_size,)."""

CODEC_EMBEDDING = "talker.model.codec_embedding.weight"
SPEAKER_FROM_END = 72
"""Where the speaker's row is, counted from the end of the vocabulary: 3000 of 3072, as the official package has it."""


class AdaptedWeights:
    """Another's weights with an adapter in them."""

    def __init__(self, weights: Weights, adapter: Adapter, speaker_id: int) -> None:
        self.device, self.dtype = weights.device, weights.dtype
        self._weights, self._adapter, self._speaker_id = weights, adapter, speaker_id

    def __call__(self, name: str, *shape: int) -> Tensor:
        tensor = self._weights(name, *shape)
        if name == CODEC_EMBEDDING:
            return with_speaker(tensor, torch.tensor(self._adapter.tensors[SPEAKER]), self._speaker_id)
        delta = self._adapter.delta(name.removesuffix(".weight"))
        if delta is None:
            return tensor
        if delta.shape != shape:
            raise StartError(f"The adapter in {self._adapter.folder} is for another size of model than its base.")
        return (tensor.float() + torch.from_numpy(delta).to(tensor.device)).to(tensor.dtype)


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
    if fingerprint(checkpoint.weights(base)) != adapter.manifest.base_weights:
        raise StartError(
            f"The adapter in {adapter.folder} was trained on models/{adapter.manifest.base_model} of the revision "
            f"{adapter.manifest.base_revision}, whose weights are others than those that are here."
        )
    speaker = adapter.tensors.get(SPEAKER)
    if speaker is None or speaker.shape != (config.read(base).talker.hidden_size,):
        raise StartError(f"The adapter in {adapter.folder} has no voice that fits its base.")
