"""A transformer with the keys and values of many rows: it reads prompts into rows, and goes on by a token of each."""

import torch
from torch import Tensor

from .config import TransformerConfig
from .transformer import KvCache, RotaryEmbedding, Transformer, causal_attention, grouped_query_attention


class CachedTransformer:
    """All memory is allocated once. Used by one thread at a time. Both methods do the same work whatever the values
    are, as a graph needs it.
    """

    def __init__(
        self,
        transformer: Transformer,
        config: TransformerConfig,
        rows: int,
        max_tokens: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._transformer = transformer
        self._rotary_embedding = RotaryEmbedding(config, max_tokens, device, dtype)
        self._kv_cache = KvCache(config, rows, max_tokens, device, dtype)
        self._row_numbers = torch.arange(rows, device=device)
        self._positions = torch.arange(max_tokens, device=device)

    def read(self, row: Tensor, x: Tensor) -> Tensor:
        """Read a prompt (T, hidden_size) into the row (1,); the hidden states (T, hidden_size)."""
        length = len(x)

        def attention(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            for cached, new in zip(self._kv_cache.layers[layer], (keys, values), strict=True):
                cached[:, :length].index_copy_(0, row, new)
            return causal_attention(queries, keys, values)

        cos, sin = (table[:length, None] for table in (self._rotary_embedding.cos, self._rotary_embedding.sin))
        return self._transformer(x[None], cos, sin, attention)[0]

    def step(self, x: Tensor, position: Tensor, length: int) -> Tensor:
        """The hidden states (B, hidden_size) after one more token of each row (B, hidden_size), at `position` (B,), all
        below `length`.
        """
        rows = self._row_numbers[: len(x)]
        readable = (self._positions[:length] <= position[:, None])[:, None, None]
        mask = torch.zeros_like(readable, dtype=x.dtype).masked_fill_(~readable, -torch.inf)

        def attention(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            cached_keys, cached_values = self._kv_cache.layers[layer]
            cached_keys[rows, position] = keys[:, 0]
            cached_values[rows, position] = values[:, 0]
            return grouped_query_attention(
                queries, cached_keys[: len(x), :length], cached_values[: len(x), :length], mask
            )

        cos, sin = (
            table[position][:, None, None] for table in (self._rotary_embedding.cos, self._rotary_embedding.sin)
        )
        return self._transformer(x[:, None], cos, sin, attention)[:, 0]

    def move(self, source: int, target: int) -> None:
        """Copy a row onto another."""
        self._kv_cache.move(source, target)
