"""What the target's recordings sound like, as vectors: each frame is drawn towards those that are most like it."""

import torch

NEIGHBOURS = 8
MAX_VECTORS = 50_000
UNVOICED_SHARE = 0.33
"""How much of it frames without a voice take: breath and consonants suffer from more."""


def drawn(features: torch.Tensor, vectors: torch.Tensor, share: float) -> torch.Tensor:
    """Features of shape (frames, size), of which `share` comes from their nearest of `vectors`, shape (n, size): their
    mean, each weighted by the inverse square of its squared distance.
    """
    if share <= 0:
        return features
    near, places = torch.cdist(features, vectors).topk(min(NEIGHBOURS, len(vectors)), largest=False)
    weights = near.clamp(min=1e-6).pow(-4)
    weights = weights / weights.sum(1, keepdim=True)
    mean = (vectors[places] * weights[..., None]).sum(1)
    return torch.lerp(features, mean, share)
