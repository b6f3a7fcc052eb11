"""Where a model for CTranslate2 has the matrices of Whisper, which adapters call by their names in `transformers`."""

import re
from dataclasses import dataclass

PROJECTIONS = {"q_proj": 0, "k_proj": 1, "v_proj": 2}
_MATRIX = re.compile(
    r"model\.(encoder|decoder)\.layers\.(\d{1,3})\.(?:(self_attn|encoder_attn)\.(q_proj|k_proj|v_proj|out_proj)|(fc1|fc2))"
)


@dataclass(frozen=True)
class Location:
    """A matrix, or `part` of `parts` equal parts of its rows: queries, keys and values are one matrix."""

    variable: str
    part: int = 0
    parts: int = 1

    def rows(self, count: int) -> slice:
        """Which rows of the variable, which has `count`."""
        size = count // self.parts
        return slice(self.part * size, (self.part + 1) * size)


def location(matrix: str) -> Location | None:
    """Of a matrix such as `model.decoder.layers.0.encoder_attn.k_proj`; None for one that no adapter may change."""
    found = _MATRIX.fullmatch(matrix)
    if not found:
        return None
    half, layer, attention, projection, feed_forward = found.groups()
    prefix = f"{half}/layer_{layer}"
    if feed_forward:
        return Location(f"{prefix}/ffn/linear_{'01'[feed_forward == 'fc2']}")
    if attention == "self_attn":
        if projection == "out_proj":
            return Location(f"{prefix}/self_attention/linear_1")
        return Location(f"{prefix}/self_attention/linear_0", PROJECTIONS[projection], 3)
    if half == "encoder":
        return None
    if projection == "out_proj":
        return Location(f"{prefix}/attention/linear_2")
    if projection == "q_proj":
        return Location(f"{prefix}/attention/linear_0")
    return Location(f"{prefix}/attention/linear_1", PROJECTIONS[projection] - 1, 2)
