"""The files of a model's weights: one, or several that an index names."""

import json
from collections.abc import Iterable
from pathlib import Path

from voicebox_kit.errors import StartError
from voicebox_models import tensor_files

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
"""Which of several files holds which weights, in a model that is in parts."""


def parts(folder: Path) -> tuple[Path, ...]:
    """The files of the model's own weights; StartError when its index cannot be read or names files outside of it."""
    if not (folder / INDEX).is_file():
        return (folder / WEIGHTS,)
    try:
        names = sorted(set(json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values()))
        is_valid = all(Path(name).name == name and name.endswith(".safetensors") for name in names)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        names, is_valid = [], False
    if not names or not is_valid:
        raise StartError(f"{folder / INDEX} does not name the parts of a model.")
    return tuple(folder / name for name in names)


def without_weights(folder: Path) -> str | None:
    """Why a folder holds no weights, as a sentence; None when it does."""
    if not folder.is_dir():
        return f"{folder} is not a folder."
    if (folder / WEIGHTS).is_file() or (folder / INDEX).is_file():
        return None
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in tensor_files.PICKLES)
    has = f"holds {pickles[0]} and" if pickles else "has"
    return f"{folder} {has} no {WEIGHTS}.{' Pickles are never read.' if pickles else ''}"


def total_bytes(files: Iterable[Path]) -> int:
    """The size of all files; 0 when one is not there, or a StartError says that they are not known."""
    try:
        return sum(path.stat().st_size for path in files)
    except (OSError, StartError):
        return 0
