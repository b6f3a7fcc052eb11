"""Piper voices at the hub, by their names: `{language}_{REGION}-{dataset}-{quality}`."""

import re
from collections.abc import Sequence
from pathlib import Path

from voicebox_models.hub import Hub
from voicebox_models.progress import Report

REPOSITORY = "rhasspy/piper-voices"
KNOWN = (
    "en_US-ljspeech-medium",
    "en_GB-alba-medium",
    "de_DE-thorsten-medium",
    "es_ES-davefx-medium",
    "fr_FR-siwis-medium",
    "it_IT-paola-medium",
    "sv_SE-nst-medium",
)
"""Some of over a hundred; any other is found by its name."""

_NAME = re.compile(
    r"(?P<locale>(?P<language>[a-z]{2,3})_[A-Z]{2})-(?P<dataset>[a-z0-9_]+)-(?P<quality>x_low|low|medium|high)"
)
_BYTES = {"x_low": 28_000_000, "low": 63_000_000, "medium": 63_000_000, "high": 114_000_000}
"""About; the network is the same for every voice of a quality."""


def is_published_name(name: str) -> bool:
    """Whether a voice of that name may be at the hub."""
    return bool(_NAME.fullmatch(name))


class PiperSource:
    """Where a voice is: a `voicebox_models.files.Source`."""

    revision = ""

    def __init__(self, name: str) -> None:
        """The name must be one that `is_published_name` accepts."""
        found = _NAME.fullmatch(name)
        assert found
        folder = "/".join(found[part] for part in ("language", "locale", "dataset", "quality"))
        self._weights, self._config, self._card = (
            f"{folder}/{file}" for file in (f"{name}.onnx", f"{name}.onnx.json", "MODEL_CARD")
        )
        self.size_bytes = _BYTES[found["quality"]]

    @property
    def names(self) -> Sequence[str]:
        """The files' paths in the repository."""
        return (self._weights, self._config, self._card)

    def cached(self, hub: Hub) -> Path | None:
        """None: a snapshot of the repository holds many voices."""
        return None

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        """The weights, their configuration and the model card, which names the licence."""
        hub.fetch(REPOSITORY, self.revision, self.names, target, report, required=(self._weights, self._config))
