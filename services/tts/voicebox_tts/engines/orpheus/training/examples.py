"""Clips of a data set as the model reads them: a prompt with the text, then the tokens of each frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from voicebox_kit.errors import InvalidField
from voicebox_models.adapters.dataset import Clip

from voicebox_tts.engines.codec_models.recordings import prepared
from voicebox_tts.engines.orpheus import tokens
from voicebox_tts.engines.orpheus.model.tokenizer import TextTokenizer
from voicebox_tts.engines.orpheus.snac.codec import SnacEncoder
from voicebox_tts.engines.orpheus.voices import SAMPLE_RATE_HZ


@dataclass(frozen=True, eq=False)
class Example:
    """`ids` (T,) is the prompt and then each frame; `codes` (frames, SLOTS)."""

    ids: Tensor
    codes: Tensor


def encoded(clips: Sequence[Clip], encoder: SnacEncoder) -> list[NDArray[np.int64]]:
    """The codes of each clip, (frames, SLOTS). InvalidField for a clip without speech."""
    found = []
    for clip in clips:
        try:
            found.append(encoder(prepared(*clip.samples(), SAMPLE_RATE_HZ)))
        except InvalidField as error:
            raise InvalidField("dataset", f"{clip.path.name}: {error.sentence}", error.reason) from error
    return found


def example(
    tokenizer: TextTokenizer, speaker: str, text: str, codes: NDArray[np.int64], device: torch.device
) -> Example:
    """What the model reads when `speaker` says `text` in these frames."""
    ids = (*tokenizer.prompt(speaker, text), *tokens.token_ids(codes))
    return Example(torch.tensor(ids, device=device), torch.from_numpy(codes).to(device))
