"""The files of Kokoro: one .onnx, and a style of each voice as `voices/{name}.bin`, float32 of shape (510, 256)."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from voicebox_kit.errors import StartError

from voicebox_tts.engine import Gender

LONGEST, WIDTH = 510, 256
"""A style has a row for each number of phonemes, of 1 to 510."""

LANGUAGES = {"a": "en-US", "b": "en-GB", "e": "es", "f": "fr-FR", "h": "hi", "i": "it", "p": "pt-BR"}
"""By the first letter of a voice's name. Voices of Japanese and Chinese need readers that are not here: not offered."""
GENDERS = {"f": Gender.FEMALE, "m": Gender.MALE}
_NAME = re.compile(r"[a-z][fm]_[a-z0-9]+")

Style = NDArray[np.float32]


def model(folder: Path) -> Path:
    """The one .onnx file in a folder, or below it; StartError when there is none or more than one."""
    found = sorted(folder.rglob("*.onnx"))
    if len(found) != 1:
        raise StartError(f"Kokoro is one .onnx file with voices; {folder.name} has {len(found)}.")
    return found[0]


def voices(folder: Path) -> Mapping[str, Path]:
    """The files of the voices that can be spoken, by their names."""
    return {
        path.stem: path
        for path in sorted((folder / "voices").glob("*.bin"))
        if _NAME.fullmatch(path.stem) and path.stem[0] in LANGUAGES
    }


def style(path: Path) -> Style:
    """A voice's style, shape (510, 256); ValueError when the file is none."""
    values = np.fromfile(path, "<f4")
    if values.size != LONGEST * WIDTH or not np.isfinite(values).all():
        raise ValueError(f"{path.name} is no style of Kokoro: it must have {LONGEST} rows of {WIDTH} numbers.")
    return values.reshape(LONGEST, WIDTH)


def size_bytes(folder: Path) -> int:
    """The size of the weights."""
    return sum(path.stat().st_size for path in folder.rglob("*.onnx"))
