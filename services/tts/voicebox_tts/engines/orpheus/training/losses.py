"""What the model is taught: each code after those before it, and the end after the last frame.

As in inference, a slot's codes and the end are all that there is to choose from: the tokens of text, which no slot may
have, are left out.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from voicebox_tts.engines.codec_models.transformer import RotaryEmbedding, uncached_attention
from voicebox_tts.engines.orpheus.model.language_model import END, LanguageModel
from voicebox_tts.engines.orpheus.tokens import SLOTS

from .examples import Example


def loss(model: LanguageModel, examples: Sequence[Example]) -> Tensor:
    """The mean over the examples of the cross-entropy of their codes and their end."""
    return torch.stack([_loss(model, each) for each in examples]).mean()


def _loss(model: LanguageModel, example: Example) -> Tensor:
    codes, length = example.codes, len(example.ids)
    rotary = RotaryEmbedding(model.config.transformer, length, model.device, model.dtype)
    embedded = model.embed(example.ids)[None]
    read = model.transformer(embedded, rotary.cos[:, None], rotary.sin[:, None], uncached_attention)
    hidden = read[0, -codes.numel() - 1 :]  # the one before each token, and the last
    end = torch.tensor([END], device=model.device)
    losses = [
        F.cross_entropy(
            model.logits(hidden[slot::SLOTS], slot),
            torch.cat((codes[:, slot], end)) if slot == 0 else codes[:, slot],
            reduction="sum",
        )
        for slot in range(SLOTS)
    ]
    return torch.stack(losses).sum() / len(hidden)
