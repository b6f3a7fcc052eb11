"""ContentVec at the hub: the encoder with which voices of RVC v2 are trained."""

from dataclasses import dataclass
from pathlib import Path

from voicebox_models.hub import Hub
from voicebox_models.progress import Report

from voicebox_conversion.engines.speech import config

MODEL = "contentvec"
REPOSITORY = "lengyue233/content-vec-best"
LICENCE = "MIT"
_FILES = (config.FILE, config.WEIGHTS)


@dataclass(frozen=True)
class ContentVec:
    """A `voicebox_models.files.Source`. The commit is that of the request which added the safetensors."""

    revision: str = "42be9d279a9a36baf24354e5b6363876b67d9ee9"
    size_bytes: int = 378_000_000

    def cached(self, hub: Hub) -> Path | None:
        """None: fetched files are verified, and those of the cache are not."""
        return None

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        hub.fetch(REPOSITORY, self.revision, _FILES, target, report, required=_FILES)
