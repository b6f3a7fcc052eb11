"""Each frame becomes the mean of those of the target that are most like it."""

import torch

NEIGHBOURS = 4
CHUNK = 256
"""Frames that are compared at a time: the memory for it is bounded."""


def matched(features: torch.Tensor, target: torch.Tensor, share: float) -> torch.Tensor:
    """Features of shape (frames, size), of which `share` is the mean of their nearest of `target`, shape (n, size), by
    the cosine.
    """
    if share <= 0:
        return features
    directions = torch.nn.functional.normalize(target, dim=1)
    means = [_mean(each, target, directions) for each in torch.split(features, CHUNK)]
    return torch.lerp(features, torch.cat(means), share)


def _mean(features: torch.Tensor, target: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    likeness = torch.nn.functional.normalize(features, dim=1) @ directions.T
    return target[likeness.topk(min(NEIGHBOURS, len(target))).indices].mean(1)
