"""The code predictor: from the talker's state and a frame's first code, the other fifteen, one after another."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from .config import Config, Sampling
from .sampling import choose
from .transformer import Cache, Rotation, Transformer, causal, grouped
from .weights import Weights

PREFIX = "talker.code_predictor"


def embeddings(weights: Weights, config: Config) -> list[Tensor]:
    """What the codes of each step are to the talker, (codes, talker's width)."""
    shape = (config.codes, config.talker.width)
    return [weights(f"{PREFIX}.model.codec_embedding.{step}.weight", *shape) for step in range(config.groups - 1)]


class Predictor:
    """A small Qwen3 transformer whose tokens are the groups of one frame."""

    def __init__(self, weights: Weights, config: Config, tables: Sequence[Tensor]) -> None:
        """`tables` are each step's embeddings, see embeddings."""
        stack, outer, steps = config.predictor, config.talker.width, config.groups - 1
        self._stack = stack
        self._device, self._dtype = weights.device, weights.dtype
        self._transformer = Transformer(weights, f"{PREFIX}.model", stack)
        self._heads = [weights(f"{PREFIX}.lm_head.{step}.weight", config.codes, stack.width) for step in range(steps)]
        self._projection = None
        if stack.width != outer:
            name = f"{PREFIX}.small_to_mtp_projection"
            self._projection = (weights(f"{name}.weight", stack.width, outer), weights(f"{name}.bias", stack.width))
        self._projected = [self._narrow(table) for table in tables]
        """What each code is to the predictor: projected once, not at every step."""
        self._rotation = Rotation(stack, config.groups, weights.device, weights.dtype)

    def cache(self, rows: int) -> Cache:
        """For one frame of so many rows."""
        return Cache(self._stack, rows, len(self._heads) + 1, self._device, self._dtype)

    def __call__(self, hidden: Tensor, first: Tensor, noise: Tensor, cache: Cache, sampling: Sampling) -> Tensor:
        """The other codes of a frame, (rows, groups - 1).

        `hidden` is the talker's state and `first` the first code's embedding, both (rows, talker's width); `noise` is
        (rows, groups - 1).
        """
        x = self._narrow(torch.stack((hidden, first), 1))
        codes: list[Tensor] = []
        for step, head in enumerate(self._heads):
            done = step + 2
            cos, sin = (table[done - x.shape[1] : done, None] for table in (self._rotation.cos, self._rotation.sin))

            def attention(layer: int, queries: Tensor, keys: Tensor, values: Tensor, done: int = done) -> Tensor:
                count, tokens = keys.shape[:2]
                known_keys, known_values = (kept[:count, :done] for kept in cache.layers[layer])
                known_keys[:, done - tokens :] = keys
                known_values[:, done - tokens :] = values
                return causal(queries, keys, values) if tokens > 1 else grouped(queries, known_keys, known_values, None)

            read = self._transformer(x, cos, sin, attention)[:, -1]
            codes.append(choose(F.linear(read, head), noise[:, step], sampling))
            x = F.embedding(codes[-1], self._projected[step])[:, None]
        return torch.stack(codes, 1)

    def _narrow(self, x: Tensor) -> Tensor:
        """From the talker's width to the predictor's."""
        return F.linear(x, *self._projection) if self._projection else x
