"""Blends of voices: `af_heart*0.6+af_bella*0.4`."""

import re
from collections.abc import Collection, Mapping

MAX_PARTS = 8
RULES = (
    f"A blend is named as in af_heart*0.6+af_bella*0.4: up to {MAX_PARTS} different voices of one language that are "
    "here, with weights from 0 to 999, not all of them 0."
)
_PART = re.compile(r"([a-z0-9_]+)(?:\*(\d{1,3}(?:\.\d{1,4})?))?")


def parse(name: str, voices: Collection[str]) -> Mapping[str, float] | None:
    """The share of each voice, which add up to 1; None for what is no blend of `voices` in one language.

    Without a weight a part has the weight 1. A single voice is a blend of itself.
    """
    parts = [_PART.fullmatch(part) for part in name.split("+")]
    weights: dict[str, float] = {}
    for part in parts:
        if not part or part[1] not in voices or part[1] in weights:
            return None
        weights[part[1]] = float(part[2] or 1)
    total = sum(weights.values())
    if len(weights) > MAX_PARTS or total <= 0 or len({voice[0] for voice in weights}) != 1:
        return None
    return {voice: weight / total for voice, weight in weights.items()}
