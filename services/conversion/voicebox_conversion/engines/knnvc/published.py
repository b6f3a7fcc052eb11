"""WavLM-Large at the hub, and where people get the vocoder of kNN-VC."""

from dataclasses import dataclass
from pathlib import Path

from voicebox_models.hub import Hub
from voicebox_models.progress import Report

from voicebox_conversion.engines.speech import config

MODEL = "wavlm-large"
REPOSITORY = "microsoft/wavlm-large"
LICENCE = "CC-BY-SA-3.0 AND MIT"
"""The model's card names the licence of UniSpeech for WavLM; the vocoder is under MIT."""
VOCODER = "https://github.com/bshall/knn-vc/releases/download/v0.1/prematch_g_02500000.pt"
_FILES = (config.FILE, config.WEIGHTS)


@dataclass(frozen=True)
class WavLm:
    """A `voicebox_models.files.Source`. The commit is that of the request which added the safetensors."""

    revision: str = "e4e472c491084b2c6fb9736099130aa805159c62"
    size_bytes: int = 1_262_000_000

    def cached(self, hub: Hub) -> Path | None:
        """None: fetched files are verified, and those of the cache are not."""
        return None

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        hub.fetch(REPOSITORY, self.revision, _FILES, target, report, required=_FILES)
