"""Where a model for CTranslate2 has the matrices of Whisper, which adapters call by their names in `transformers`."""

import re
from dataclasses import dataclass

_MATRIX = re.compile(r"model\.(encoder|decoder)\.layers\.(\d{1,3})\.([a-z_]+\.[a-z_]+|fc1|fc2)")


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


_WITHIN_LAYER = {
    "self_attn.q_proj": ("self_attention/linear_0", 0, 3),
    "self_attn.k_proj": ("self_attention/linear_0", 1, 3),
    "self_attn.v_proj": ("self_attention/linear_0", 2, 3),
    "self_attn.out_proj": ("self_attention/linear_1", 0, 1),
    "encoder_attn.q_proj": ("attention/linear_0", 0, 1),
    "encoder_attn.k_proj": ("attention/linear_1", 0, 2),
    "encoder_attn.v_proj": ("attention/linear_1", 1, 2),
    "encoder_attn.out_proj": ("attention/linear_2", 0, 1),
    "fc1": ("ffn/linear_0", 0, 1),
    "fc2": ("ffn/linear_1", 0, 1),
}


def location(matrix: str) -> Location | None:
    """Of a matrix such as `model.decoder.layers.0.encoder_attn.k_proj`; None for one that no adapter may change."""
    found = _MATRIX.fullmatch(matrix)
    if not found or found[3] not in _WITHIN_LAYER:
        return None
    name, part, parts = _WITHIN_LAYER[found[3]]
    return Location(f"{found[1]}/layer_{found[2]}/{name}", part, parts)
