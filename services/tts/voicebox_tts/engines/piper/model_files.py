"""The files of a Piper voice: `{name}.onnx`, its configuration `{name}.onnx.json`, and perhaps a MODEL_CARD."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebox_kit.errors import StartError

UNKNOWN_LICENCE = "LicenseRef-unknown"
_LICENCE_LINE = re.compile(r"^\W*licen[sc]e:\s*(\S.*)$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Config:
    """What a voice's configuration says. `phoneme_ids` has the ids of each phoneme; `speakers` the id of each by name,
    empty for a voice of one speaker.
    """

    sample_rate_hz: int
    language: str
    espeak_voice: str
    noise_scale: float
    length_scale: float
    duration_noise_scale: float
    phoneme_ids: Mapping[str, tuple[int, ...]]
    speakers: Mapping[str, int]
    dataset: str


def model(folder: Path) -> Path:
    """The one .onnx file in a folder, or below it; StartError when there is none or more than one."""
    found = sorted(folder.rglob("*.onnx"))
    if len(found) != 1:
        raise StartError(f"A Piper voice is one .onnx file with its .onnx.json; {folder.name} has {len(found)}.")
    return found[0]


def config(path: Path) -> Config:
    """The configuration beside the .onnx file `path`; StartError when it is missing or not as Piper writes it."""
    source = path.with_name(f"{path.name}.json")
    try:
        settings = json.loads(source.read_text("utf-8"))
        return _config(settings)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartError(f"The configuration {source.name} of a Piper voice cannot be used: {error!r}.") from error


def licence(folder: Path) -> str:
    """What the model card says; UNKNOWN_LICENCE without one."""
    for card in sorted(folder.rglob("MODEL_CARD")):
        if found := _LICENCE_LINE.search(card.read_text("utf-8", "replace")):
            return found[1].strip()
    return UNKNOWN_LICENCE


def size_bytes(folder: Path) -> int:
    """The size of the weights."""
    return sum(path.stat().st_size for path in folder.rglob("*.onnx"))


def _config(settings: Mapping[str, Any]) -> Config:
    if (kind := settings.get("phoneme_type", "espeak")) != "espeak":
        raise ValueError(f"its phonemes are of the type {kind}, and only espeak's are known here")
    inference, language = settings.get("inference", {}), settings.get("language", {}).get("code", "")
    espeak_voice = str(settings["espeak"]["voice"])
    return Config(
        sample_rate_hz=int(settings["audio"]["sample_rate"]),
        language=(language or espeak_voice).replace("_", "-"),
        espeak_voice=espeak_voice,
        noise_scale=float(inference.get("noise_scale", 0.667)),
        length_scale=float(inference.get("length_scale", 1.0)),
        duration_noise_scale=float(inference.get("noise_w", 0.8)),
        phoneme_ids={str(phoneme): tuple(map(int, ids)) for phoneme, ids in settings["phoneme_id_map"].items()},
        speakers={str(name): int(number) for name, number in settings.get("speaker_id_map", {}).items()},
        dataset=str(settings.get("dataset") or "voice"),
    )
