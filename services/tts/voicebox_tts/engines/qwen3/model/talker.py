"""The talker: from the text and the frames so far, the next frame's code of the first codebook."""

import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from voicebox_tts.engines.codec_models.transformer import Transformer
from voicebox_tts.engines.codec_models.weights import Weights

from .config import NUM_CONTROL_TOKENS, ModelConfig


class Talker:
    """A Qwen3 transformer. Each input is the sum of a text token's embedding and of the embeddings of a frame's
    codes.
    """

    def __init__(self, weights: Weights, config: ModelConfig) -> None:
        hidden_size, text_size = config.talker.hidden_size, config.text_hidden_size
        self._text_embedding = weights("talker.model.text_embedding.weight", config.text_vocab_size, text_size)
        self._linear_fc1 = (
            weights("talker.text_projection.linear_fc1.weight", text_size, text_size),
            weights("talker.text_projection.linear_fc1.bias", text_size),
        )
        self._linear_fc2 = (
            weights("talker.text_projection.linear_fc2.weight", hidden_size, text_size),
            weights("talker.text_projection.linear_fc2.bias", hidden_size),
        )
        self.codec_embedding = weights("talker.model.codec_embedding.weight", config.vocab_size, hidden_size)
        """(vocab_size, hidden_size): of the first codebook and of the control tokens."""
        self.transformer = Transformer(weights, "talker.model", config.talker)
        head = weights("talker.codec_head.weight", config.vocab_size, hidden_size)
        self.eos = config.vocab_size - NUM_CONTROL_TOKENS
        """The index of the end in the logits, after all codes: no other control token can be sampled."""
        self._codec_head = head[[*range(self.eos), config.codec_tokens.eos]]

    def embed_text(self, ids: Tensor) -> Tensor:
        """Embeddings of text tokens after `text_projection`, (T,) to (T, hidden_size)."""
        return F.linear(F.silu(F.linear(F.embedding(ids, self._text_embedding), *self._linear_fc1)), *self._linear_fc2)

    def logits(self, hidden: Tensor) -> Tensor:
        """(B, hidden_size) to (B, codebook_size + 1): the last is the end."""
        return F.linear(hidden, self._codec_head).float()
