"""The code predictor: from the talker's hidden state and a frame's first code, the other fifteen, one by one."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from voicebox_tts.engines.codec_models.config import SamplingParams
from voicebox_tts.engines.codec_models.sampling import sample
from voicebox_tts.engines.codec_models.transformer import (
    KvCache,
    RotaryEmbedding,
    Transformer,
    causal_attention,
    grouped_query_attention,
    uncached_attention,
)
from voicebox_tts.engines.codec_models.weights import Weights

from .config import ModelConfig

PREFIX = "talker.code_predictor"


def codec_embeddings(weights: Weights, config: ModelConfig) -> list[Tensor]:
    """The talker's embeddings of each step's codes, (codebook_size, the talker's hidden_size)."""
    shape = (config.codebook_size, config.talker.hidden_size)
    return [
        weights(f"{PREFIX}.model.codec_embedding.{step}.weight", *shape) for step in range(config.num_code_groups - 1)
    ]


class CodePredictor:
    """A small Qwen3 transformer, the multi-token prediction (MTP) module: its tokens are the codes of one frame."""

    def __init__(self, weights: Weights, config: ModelConfig, tables: Sequence[Tensor]) -> None:
        """`tables` are each step's embeddings, see codec_embeddings."""
        small, talker_size, steps = config.code_predictor, config.talker.hidden_size, config.num_code_groups - 1
        self._config = small
        self._device, self._dtype = weights.device, weights.dtype
        self._transformer = Transformer(weights, f"{PREFIX}.model", small)
        self._lm_heads = [
            weights(f"{PREFIX}.lm_head.{step}.weight", config.codebook_size, small.hidden_size) for step in range(steps)
        ]
        self._small_to_mtp = None
        if small.hidden_size != talker_size:
            name = f"{PREFIX}.small_to_mtp_projection"
            weight = weights(f"{name}.weight", small.hidden_size, talker_size)
            self._small_to_mtp = weight, weights(f"{name}.bias", small.hidden_size)
        self._embeddings = [self._project(table) for table in tables]
        """Of each step's codes, projected once, not at every step."""
        self._rotary_embedding = RotaryEmbedding(small, config.num_code_groups, weights.device, weights.dtype)

    def kv_cache(self, rows: int) -> KvCache:
        """For one frame of each row."""
        return KvCache(self._config, rows, len(self._lm_heads) + 1, self._device, self._dtype)

    def __call__(
        self, hidden: Tensor, first: Tensor, noise: Tensor, kv_cache: KvCache, sampling: SamplingParams
    ) -> Tensor:
        """The other codes of a frame, (B, num_code_groups - 1).

        `hidden` is the talker's last hidden state and `first` the first code's embedding, both (B, the talker's
        hidden_size); `noise` is (B, num_code_groups - 1).
        """
        x = self._project(torch.stack((hidden, first), 1))
        codes: list[Tensor] = []
        for step, lm_head in enumerate(self._lm_heads):
            length = step + 2
            tables = self._rotary_embedding.cos, self._rotary_embedding.sin
            cos, sin = (table[length - x.shape[1] : length, None] for table in tables)

            def attention(layer: int, queries: Tensor, keys: Tensor, values: Tensor, length: int = length) -> Tensor:
                rows, tokens = keys.shape[:2]
                cached_keys, cached_values = (cached[:rows, :length] for cached in kv_cache.layers[layer])
                cached_keys[:, length - tokens :] = keys
                cached_values[:, length - tokens :] = values
                if tokens > 1:
                    return causal_attention(queries, keys, values)
                return grouped_query_attention(queries, cached_keys, cached_values, None)

            last_hidden = self._transformer(x, cos, sin, attention)[:, -1]
            codes.append(sample(F.linear(last_hidden, lm_head), noise[:, step], sampling))
            x = F.embedding(codes[-1], self._embeddings[step])[:, None]
        return torch.stack(codes, 1)

    def taught(self, hidden: Tensor, first: Tensor, codes: Tensor) -> Tensor:
        """The logits of the other codes, each after the right ones before it (teacher forcing): (frames,
        num_code_groups - 1, codebook_size). `codes` is (frames, num_code_groups - 1), the rest as in a call.
        """
        given = [F.embedding(codes[:, step], table) for step, table in enumerate(self._embeddings[:-1])]
        x = torch.cat((self._project(torch.stack((hidden, first), 1)), torch.stack(given, 1)), 1)

        cos, sin = (table[: x.shape[1], None] for table in (self._rotary_embedding.cos, self._rotary_embedding.sin))
        read = self._transformer(x, cos, sin, uncached_attention)
        return torch.stack([F.linear(read[:, step + 1], head) for step, head in enumerate(self._lm_heads)], 1)

    def _project(self, x: Tensor) -> Tensor:
        """From the talker's hidden_size to the predictor's."""
        return F.linear(x, *self._small_to_mtp) if self._small_to_mtp else x
