"""How one code is chosen from its logits: pure functions over rows, with one uniform number for each choice."""

import torch
from torch import Tensor

from .config import Sampling


def penalised(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Logits (rows, codes) with those of codes that were chosen before, `seen` (rows, codes), made smaller.

    Keskar et al., "CTRL", section 4.1, as transformers does it.
    """
    if penalty == 1.0:
        return logits
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def choose(logits: Tensor, noise: Tensor, sampling: Sampling) -> Tensor:
    """A code for each row of `logits` (rows, codes), by the row's number in `noise` (rows,), uniform in [0, 1).

    The likeliest `top_k` codes are laid side by side, likeliest first, each as wide as it is likely; the number points
    at one. A row's code depends on nothing but that row: neither on its neighbours nor on any generator's state.
    """
    if not sampling.sampled:
        return logits.argmax(-1)
    most = min(sampling.top_k or logits.shape[-1], logits.shape[-1])
    likeliest, codes = logits.float().topk(most, -1)
    share = (likeliest / sampling.temperature).softmax(-1)
    reached = share.cumsum(-1)
    if sampling.top_p < 1.0:  # those are left out before which enough is reached
        reached = share.where(reached - share < sampling.top_p, 0.0).cumsum(-1)
    place = (reached <= noise[:, None] * reached[:, -1:]).sum(-1, keepdim=True).clamp(max=most - 1)
    return codes.gather(-1, place).squeeze(-1)
