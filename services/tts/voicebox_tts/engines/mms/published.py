"""MMS voices at the hub: one language each, by its code of ISO 639-3 (Pratap et al., 2023, "Scaling Speech Technology
to 1,000+ Languages").
"""

import re
from pathlib import Path

from voicebox_models.hub import Hub
from voicebox_models.progress import Report

LICENCE = "CC-BY-NC-4.0"
"""The weights': no commercial use."""

KNOWN = ("eng", "deu", "fra", "spa", "por", "rus", "hin", "swh", "yor", "ukr")
"""Some of over 1,100; any other is found by its code."""

FILES = ("config.json", "model.safetensors", "vocab.json", "tokenizer_config.json")
_CODE = re.compile(r"[a-z]{3}(-script_[a-z]+|-dialect_[a-z]+)?")
_BYTES = 145_000_000


def is_code(name: str) -> bool:
    """Whether there may be a voice of that name."""
    return bool(_CODE.fullmatch(name))


class MmsSource:
    """Where a voice is: a `voicebox_models.files.Source`."""

    revision = ""
    size_bytes = _BYTES

    def __init__(self, code: str) -> None:
        """The code must be one that `is_code` accepts."""
        assert is_code(code)
        self._repository = f"facebook/mms-tts-{code}"

    def cached(self, hub: Hub) -> Path | None:
        """None: fetched files are verified, and those of the cache are not."""
        return None

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        """The weights as safetensors, and what the tokenizer reads."""
        hub.fetch(self._repository, self.revision, FILES, target, report, required=FILES)
