"""What a folder must hold to be a Whisper model for CTranslate2."""

import json
from pathlib import Path

from voicebox_kit.errors import StartError

from .languages import BCP_47, CODES_OF_V2, ENGLISH

WEIGHTS = "model.bin"
MAGIC = b"WhisperSpec"
"""Follows the format's version at the beginning of the weights."""

VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
NEEDED = (WEIGHTS, "config.json", "tokenizer.json")
FILES = (*NEEDED, *VOCABULARIES, "preprocessor_config.json")
"""What is downloaded of a repository; nothing else is ever read."""

UNCONVERTED = (".pt", ".pth", ".pkl", ".ckpt", ".bin", ".safetensors")
CONVERTED = "convert it with ct2-transformers-converter. Pickles are never read."


def problem(folder: Path) -> str | None:
    """Why the model in `folder` cannot be loaded, as a sentence; None when it can."""
    names = {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()
    if WEIGHTS in names and not _is_whisper(folder / WEIGHTS):
        return f"{folder / WEIGHTS} is not a Whisper model for CTranslate2: {CONVERTED}"
    if WEIGHTS not in names and (others := sorted(name for name in names if name.endswith(UNCONVERTED))):
        return f"{folder} holds {others[0]} and no {WEIGHTS}: {CONVERTED}"
    missing = [name for name in NEEDED if name not in names] or (
        [] if names.intersection(VOCABULARIES) else [VOCABULARIES[0]]
    )
    return f"{folder} has no {missing[0]}." if missing else None


def checked(folder: Path) -> Path:
    """The folder; StartError when the model in it cannot be loaded."""
    if sentence := problem(folder):
        raise StartError(sentence)
    return folder


def size_bytes(folder: Path) -> int:
    """The size of the weights; 0 when there are none."""
    weights = folder / WEIGHTS
    return weights.stat().st_size if weights.is_file() else 0


def languages(folder: Path) -> tuple[str, ...]:
    """The languages of the model in `folder`, which has its files: its tokens, or English when it knows no other."""
    tokens = _vocabulary(folder)
    if "" not in tokens:  # the sign of a multilingual model for CTranslate2
        return ENGLISH
    return tuple(BCP_47.get(code, code) for code in (*CODES_OF_V2, "yue") if f"<|{code}|>" in tokens)


def _is_whisper(weights: Path) -> bool:
    with weights.open("rb") as file:
        return MAGIC in file.read(64)


def _vocabulary(folder: Path) -> frozenset[str]:
    listed, lines = (folder / name for name in VOCABULARIES)
    try:
        if listed.is_file():
            return frozenset(json.loads(listed.read_text("utf-8")))
        return frozenset(lines.read_text("utf-8").removesuffix("\n").split("\n"))
    except (OSError, ValueError, TypeError):  # loading the model says what is wrong; listing it must not fail
        return frozenset()
