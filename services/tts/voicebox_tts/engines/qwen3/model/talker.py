"""The talker: reads text and the frames before, and tells the first code of the next frame."""

import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from .config import CONTROL_CODES, Config
from .transformer import Transformer
from .weights import Weights


class Talker:
    """A Qwen3 transformer over sums of a text embedding and a frame's code embeddings."""

    def __init__(self, weights: Weights, config: Config) -> None:
        width, inner = config.talker.width, config.text_width
        self._words = weights("talker.model.text_embedding.weight", config.text_vocabulary, inner)
        self._first = (
            weights("talker.text_projection.linear_fc1.weight", inner, inner),
            weights("talker.text_projection.linear_fc1.bias", inner),
        )
        self._second = (
            weights("talker.text_projection.linear_fc2.weight", width, inner),
            weights("talker.text_projection.linear_fc2.bias", width),
        )
        self.embedding = weights("talker.model.codec_embedding.weight", config.vocabulary, width)
        """(vocabulary, width), of first codes and controls"""
        self.transformer = Transformer(weights, "talker.model", config.talker)
        head = weights("talker.codec_head.weight", config.vocabulary, width)
        self.end = config.vocabulary - CONTROL_CODES
        """The choice that ends the speech, after all sounds: no other control code can be chosen."""
        self._head = head[[*range(self.end), config.control.end]]

    def text(self, ids: Tensor) -> Tensor:
        """Embeddings of text ids, (tokens,) to (tokens, width)."""
        return F.linear(F.silu(F.linear(F.embedding(ids, self._words), *self._first)), *self._second)

    def logits(self, hidden: Tensor) -> Tensor:
        """(rows, width) to (rows, sounds + 1): the last is for the end."""
        return F.linear(hidden, self._head).float()
