"""Clips of a data set as the talker reads them: a prompt with the text, then frames of codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from voicebox_kit.errors import InvalidField
from voicebox_models.adapters.dataset import Clip

from voicebox_tts.engines.codec_models.recordings import prepared
from voicebox_tts.engines.qwen3.model.config import SAMPLE_RATE_HZ, ModelConfig
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel
from voicebox_tts.engines.qwen3.model.prompt_layout import build_prompt, pad_embedding
from voicebox_tts.engines.qwen3.reference import Encoders

MAX_SPEAKER_CLIPS = 20
"""The voice is the mean speaker embedding of so many clips."""


@dataclass(frozen=True, eq=False)
class Spoken:
    """A clip as codes, (frames, num_code_groups), and its text."""

    text: str
    codes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Example:
    """`inputs` (T, hidden_size) is the prompt and then each frame; `codes` (frames, num_code_groups)."""

    inputs: Tensor
    codes: Tensor


def encoded(clips: Sequence[Clip], encoders: Encoders) -> tuple[list[Spoken], NDArray[np.float32]]:
    """The clips as codes, and the mean speaker embedding of the first of them. InvalidField for a clip without
    speech.
    """
    spoken: list[Spoken] = []
    speakers: list[NDArray[np.float32]] = []
    for clip in clips:
        try:
            samples = prepared(*clip.samples(), SAMPLE_RATE_HZ)
        except InvalidField as error:
            raise InvalidField("dataset", f"{clip.path.name}: {error.sentence}", error.reason) from error
        spoken.append(Spoken(clip.text, encoders.codec(samples)))
        if len(speakers) < MAX_SPEAKER_CLIPS:
            speakers.append(encoders.speaker(samples))
    mean: NDArray[np.float32] = np.mean(speakers, 0, dtype=np.float32)
    return spoken, mean


def example(model: LanguageModel, spoken: Spoken, speaker: str, language: str, text: str = "") -> Example:
    """What the talker reads when `speaker` says `text`, or the clip's own, in the frames of the clip.

    The layout is that of a custom-voice model: the whole text goes before the first frame, and none with the frames.
    """
    prompt = build_prompt(model, text or spoken.text, speaker, language)
    codes = torch.from_numpy(spoken.codes).to(model.device)
    with torch.no_grad():
        inputs = torch.cat((prompt.inputs_embeds, model.embed_codes(codes) + pad_embedding(model)))
    return Example(inputs.clone(), codes)  # a clone is no inference tensor: gradients may pass it


def load_encoders(base: Path, config: ModelConfig, device: torch.device) -> Encoders:
    """Those of the base model."""
    return Encoders.load(base, config, device)
