"""What the model is taught: each frame after those before it, and each code of a frame after those before it.

The script of the official package shifts its labels twice and leaves out the projection of the text
(github.com/QwenLM/Qwen3-TTS, issues 120 and 179). Here the inputs are those of inference, and the hidden state at each
place predicts what inference samples from it.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from voicebox_tts.engines.codec_models.transformer import RotaryEmbedding, uncached_attention
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel

from .examples import Example

SHARE_OF_OTHERS = 0.3
"""The weight of the loss of a frame's other codes, as in the official package."""


def loss(model: LanguageModel, examples: Sequence[Example]) -> Tensor:
    """The mean over the examples: the cross-entropy of first codes and ends, and a share of that of the others."""
    return torch.stack([_loss(model, each) for each in examples]).mean()


def _loss(model: LanguageModel, example: Example) -> Tensor:
    codes, length = example.codes, len(example.inputs)
    rotary = RotaryEmbedding(model.config.talker, length, model.device, model.dtype)
    cos, sin = rotary.cos[:, None], rotary.sin[:, None]
    hidden = model.talker.transformer(example.inputs[None], cos, sin, uncached_attention)[0, -len(codes) - 1 :]
    end = torch.tensor([model.talker.eos], device=model.device)
    first = F.cross_entropy(model.talker.logits(hidden), torch.cat((codes[:, 0], end)))
    embedded = F.embedding(codes[:, 0], model.talker.codec_embedding)
    others = model.code_predictor.taught(hidden[:-1], embedded, codes[:, 1:])
    return first + SHARE_OF_OTHERS * F.cross_entropy(others.flatten(0, 1).float(), codes[:, 1:].flatten())
