"""Kokoro at the hub, as ONNX."""

from pathlib import Path

from voicebox_models.hub import Hub
from voicebox_models.progress import Report

LICENCE = "Apache-2.0"
REPOSITORY = "onnx-community/Kokoro-82M-v1.0-ONNX"
MODEL = "82m"
_WEIGHTS = "onnx/model_quantized.onnx"


class KokoroSource:
    """Where the model is: a `voicebox_models.files.Source`."""

    revision = ""
    size_bytes = 92_400_000

    def cached(self, hub: Hub) -> Path | None:
        """None: fetched files are verified, and those of the cache are not."""
        return None

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        """The 8-bit weights and all styles."""
        hub.fetch(REPOSITORY, self.revision, (_WEIGHTS, "voices/*.bin"), target, report, required=(_WEIGHTS,))
