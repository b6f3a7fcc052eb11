"""Samples codes from logits: pure functions over rows, with one uniform random number for each code."""

import torch
from torch import Tensor

from .config import SamplingParams


def apply_repetition_penalty(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Logits (B, codes), smaller where `seen` (B, codes): for codes that were sampled before.

    Keskar et al., "CTRL", 2019, section 4.1, as transformers does it.
    """
    if penalty == 1.0:
        return logits
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def sample(logits: Tensor, noise: Tensor, params: SamplingParams) -> Tensor:
    """A code for each row of `logits` (B, codes), by inverse transform sampling with `noise` (B,), uniform in [0, 1).

    The `top_k` codes are sorted by probability, and the row's number is looked up in their cumulative distribution. A
    row's code depends on that row alone: neither on other rows nor on a generator's state.
    """
    if not params.do_sample:
        return logits.argmax(-1)
    top_k = min(params.top_k or logits.shape[-1], logits.shape[-1])
    top_logits, codes = logits.float().topk(top_k, -1)
    probabilities = (top_logits / params.temperature).softmax(-1)
    cumulative = probabilities.cumsum(-1)
    if params.top_p < 1.0:  # nucleus sampling: codes after `top_p` is reached are left out
        cumulative = probabilities.where(cumulative - probabilities < params.top_p, 0.0).cumsum(-1)
    index = (cumulative <= noise[:, None] * cumulative[:, -1:]).sum(-1, keepdim=True).clamp(max=top_k - 1)
    return codes.gather(-1, index).squeeze(-1)
