"""What a folder must hold to be a Qwen3-TTS model."""

from collections.abc import Iterator
from pathlib import Path

from voicebox_kit.errors import StartError
from voicebox_models import tensor_files

from voicebox_tts.engines.codec_models.parts import INDEX, WEIGHTS, parts, total_bytes, without_weights

from . import config
from .config import Kind

SPEECH_TOKENIZER = "speech_tokenizer"
NEEDED = (
    "config.json",
    "generation_config.json",
    "vocab.json",
    "merges.txt",
    f"{SPEECH_TOKENIZER}/config.json",
    f"{SPEECH_TOKENIZER}/{WEIGHTS}",
)
FOR_THE_OFFICIAL_PACKAGE = (
    "tokenizer_config.json",
    "preprocessor_config.json",
    f"{SPEECH_TOKENIZER}/preprocessor_config.json",
)
"""Small files that we do not read: with them the folder can be compared with the package."""

FILES = (*NEEDED, WEIGHTS, INDEX, "model-*-of-*.safetensors", *FOR_THE_OFFICIAL_PACKAGE)
"""What is downloaded of a repository, as patterns."""


def problem(folder: Path) -> str | None:
    """Why the model in `folder` cannot be loaded, as a sentence; None when it can. Reads a few kilobytes."""
    if sentence := without_weights(folder):
        return sentence
    if missing := [name for name in NEEDED if not (folder / name).is_file()]:
        return f"{folder} has no {missing[0]}."
    try:
        config.read(folder)
        damaged = [sentence for path in weights(folder) if (sentence := tensor_files.damage(path))]
    except StartError as error:
        return str(error)
    return damaged[0] if damaged else None


def checked(folder: Path) -> Path:
    """The folder; StartError when the model in it cannot be loaded."""
    if sentence := problem(folder):
        raise StartError(sentence)
    return folder


def size_bytes(folder: Path) -> int:
    """The size of all weights, the speech tokenizer's among them; 0 when there are none."""
    return total_bytes(weights(folder))


def kind(folder: Path) -> Kind:
    """What the model in `folder`, which has no problem, takes its voice from."""
    return config.read(folder).kind


def speakers(folder: Path) -> tuple[str, ...]:
    """The names of its own voices."""
    return tuple(config.read(folder).speakers)


def languages(folder: Path) -> tuple[str, ...]:
    """Its languages in BCP 47."""
    return config.read(folder).spoken


def weights(folder: Path) -> Iterator[Path]:
    """The files of all weights of the model, and of its speech tokenizer; StartError when it does not say which."""
    yield from parts(folder)
    yield folder / SPEECH_TOKENIZER / WEIGHTS
