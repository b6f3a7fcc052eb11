"""What a `.voicebox-voice` file says of the voice in it: `manifest.json`, beside `model.safetensors`."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voicebox_blobs.archives.zip_reader import refused

FILE = "manifest.json"
FORMAT = "voicebox-voice"
VERSION = 1
MAX_BYTES = 64 * 1024
MAX_METRICS = 64
MAX_TEXT = 2000
MAX_NAME = 100
MAX_SHOWN = 32
"""Characters of what somebody else wrote, in an error."""


@dataclass(frozen=True)
class Manifest:
    """`sha256` is that of the tensors, `recordings_sha256` that over the recordings, empty when unknown; `consent` and
    `licence` are words of people.
    """

    name: str
    engine: str
    sample_rate_hz: int
    sha256: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    consent: str = ""
    licence: str = ""
    recordings_sha256: str = ""

    def to_json(self) -> bytes:
        document = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "engine": self.engine,
            "sample_rate_hz": self.sample_rate_hz,
            "sha256": self.sha256,
            "metrics": dict(self.metrics),
            "consent": self.consent,
            "licence": self.licence,
            "recordings_sha256": self.recordings_sha256,
        }
        return json.dumps(document, ensure_ascii=False, indent=2).encode()


def read_manifest(data: bytes) -> Manifest:
    """InvalidField("archive") for what is no manifest of a voice, or one of another version."""
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise refused(f"The archive is not a voice: its format is not {FORMAT}.")
        if document["version"] != VERSION:
            version = json.dumps(document["version"])[:MAX_SHOWN]
            sentence = f"The archive has version {version}, but this server reads version {VERSION}."
            raise refused(sentence, "ARCHIVE_VERSION")
        return Manifest(
            _text(document, "name", MAX_NAME),
            _text(document, "engine", MAX_NAME),
            _rate(document["sample_rate_hz"]),
            _digest(document, "sha256"),
            _metrics(document.get("metrics", {})),
            _text(document, "consent", MAX_TEXT),
            _text(document, "licence", MAX_TEXT),
            _digest(document, "recordings_sha256") if document.get("recordings_sha256") else "",
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise refused("The archive's manifest cannot be read.") from error


def _text(document: Mapping[str, Any], name: str, max_characters: int) -> str:
    value = document.get(name, "")
    if not isinstance(value, str) or len(value) > max_characters or "\0" in value:
        raise ValueError(f"{name} is no text of at most {max_characters} characters")
    value.encode()  # JSON may have half of a character, which is no text: a UnicodeEncodeError is a ValueError
    return value


def _digest(document: Mapping[str, Any], name: str) -> str:
    value = _text(document, name, 64)
    if len(value) != 64 or value != value.lower() or len(bytes.fromhex(value)) != 32:
        raise ValueError(f"{name} is no SHA-256")
    return value


def _rate(value: object) -> int:
    if not isinstance(value, int) or not 8000 <= value <= 192_000:
        raise ValueError("sample_rate_hz is out of range")
    return value


def _metrics(value: Mapping[str, Any]) -> dict[str, float]:
    metrics = {_text({"name": name}, "name", MAX_NAME): float(figure) for name, figure in value.items()}
    if len(metrics) > MAX_METRICS or not all(map(math.isfinite, metrics.values())):
        raise ValueError("metrics are out of range")
    return metrics
