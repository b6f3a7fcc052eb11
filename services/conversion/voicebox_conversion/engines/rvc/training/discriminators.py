"""Judges of whether samples are recorded or made: one for the whole, and one for each of several periods."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from voicebox_conversion.engines.speech.hifigan import SLOPE

PERIODS = (2, 3, 5, 7, 11, 17, 23, 37)
Judgement = tuple[torch.Tensor, list[torch.Tensor]]
"""A score for each place, and what the layers saw."""


class PeriodJudge(nn.Module):
    """Sees every n-th sample beside each other."""

    def __init__(self, period: int, width: int) -> None:
        super().__init__()
        self.period, sizes = period, (1, width, 4 * width, 16 * width, 32 * width, 32 * width)
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(before, after, (5, 1), (3 if place < 4 else 1, 1), padding=(2, 0)))
            for place, (before, after) in enumerate(pairwise(sizes))
        )
        self.last = weight_norm(nn.Conv2d(sizes[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, samples: torch.Tensor) -> Judgement:
        """For shape (batch, samples)."""
        whole = functional.pad(samples[:, None], (0, -samples.shape[1] % self.period), "reflect")
        return _judged(torch.unflatten(whole, 2, (-1, self.period)), self.convs, self.last)


class WholeJudge(nn.Module):
    """Sees the samples as they are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes, strides = (1, width // 2, 2 * width, 8 * width, 32 * width), (1, 4, 4, 4)
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv1d(before, after, 41 if place else 15, stride, padding=20 if place else 7, groups=group))
            for place, (before, after, stride, group) in enumerate(
                zip(sizes, sizes[1:], strides, (1, 4, 4, 4), strict=False)
            )
        )
        self.last = weight_norm(nn.Conv1d(sizes[-1], 1, 3, padding=1))

    def forward(self, samples: torch.Tensor) -> Judgement:
        """For shape (batch, samples)."""
        return _judged(samples[:, None], self.convs, self.last)


class Judges(nn.Module):
    """All of them. `width` is 32 where voices are trained for people."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.judges = nn.ModuleList([WholeJudge(width), *(PeriodJudge(period, width) for period in PERIODS)])

    def forward(self, samples: torch.Tensor) -> list[Judgement]:
        return [judge(samples) for judge in self.judges]


def judges_loss(recorded: Sequence[Judgement], made: Sequence[Judgement]) -> torch.Tensor:
    """Of judges who take one for the other."""
    losses = [((1 - one) ** 2).mean() + (other**2).mean() for (one, _), (other, _) in zip(recorded, made, strict=True)]
    return torch.stack(losses).sum()


def deceit_loss(recorded: Sequence[Judgement], made: Sequence[Judgement]) -> torch.Tensor:
    """Of a generator whose samples are recognised, or are seen as others than the recorded."""
    recognised = torch.stack([((1 - score) ** 2).mean() for score, _ in made]).sum()
    seen = [
        (one.detach() - other).abs().mean()
        for (_, ones), (_, others) in zip(recorded, made, strict=True)
        for one, other in zip(ones, others, strict=True)
    ]
    return recognised + 2 * torch.stack(seen).sum()


def _judged(hidden: torch.Tensor, convs: nn.ModuleList, last: nn.Module) -> Judgement:
    seen = []
    for conv in convs:
        hidden = functional.leaky_relu(conv(hidden), SLOPE)
        seen.append(hidden)
    score = last(hidden)
    return score, [*seen, score]
