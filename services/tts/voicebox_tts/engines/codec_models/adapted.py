"""Adapters: what they add is merged into the weights while these are read."""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor
from voicebox_kit.errors import StartError
from voicebox_models.adapters.adapter import Adapter
from voicebox_models.adapters.fingerprint import fingerprint

from .weights import Weights


class MergedWeights:
    """Another's weights with an adapter in them."""

    def __init__(self, weights: Weights, adapter: Adapter) -> None:
        self.device, self.dtype = weights.device, weights.dtype
        self._weights, self._adapter = weights, adapter

    def __call__(self, name: str, *shape: int) -> Tensor:
        """StartError, besides, when the adapter is for another size of model."""
        tensor, delta = self._weights(name, *shape), self._adapter.delta(name.removesuffix(".weight"), shape)
        if delta is None:
            return tensor
        return (tensor.float() + torch.from_numpy(delta).to(tensor.device)).to(tensor.dtype)


def check_base(adapter: Adapter, weights: Iterable[Path]) -> None:
    """StartError when an adapter was trained on other weights than those in these files."""
    if fingerprint(weights) != adapter.manifest.base_weights:
        raise StartError(
            f"The adapter in {adapter.folder} was trained on models/{adapter.manifest.base_model} of the revision "
            f"{adapter.manifest.base_revision}, whose weights are others than those that are here."
        )
