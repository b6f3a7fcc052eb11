"""What a folder must hold to be an Orpheus model: a Llama, its tokenizer, and SNAC."""

from collections.abc import Iterator
from pathlib import Path

from voicebox_kit.errors import StartError
from voicebox_models import tensor_files

from voicebox_tts.engines.codec_models.parts import INDEX, WEIGHTS, parts, total_bytes, without_weights
from voicebox_tts.engines.orpheus.snac import config as snac_config

from . import config

TOKENIZER = "tokenizer.json"
SNAC = "snac"
"""The folder of the codec: a config.json, and its weights as WEIGHTS."""

NEEDED = ("config.json", TOKENIZER)
FILES = (*NEEDED, "generation_config.json", WEIGHTS, INDEX, "model-*-of-*.safetensors")
"""What is downloaded of a model's repository, as patterns."""


def problem(folder: Path) -> str | None:
    """Why the model in `folder` cannot be loaded, as a sentence; None when it can. Reads a few kilobytes."""
    if sentence := without_weights(folder):
        return sentence
    for name in (*NEEDED, f"{SNAC}/config.json", f"{SNAC}/{WEIGHTS}"):
        if not (folder / name).is_file():
            return f"{folder} has no {name}.{_advice(folder) if name.startswith(SNAC) else ''}"
    try:
        config.read(folder)
        snac_config.read(folder / SNAC)
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
    """The size of all weights, the codec's among them; 0 when there are none."""
    return total_bytes(weights(folder))


def weights(folder: Path) -> Iterator[Path]:
    """The files of all weights of the model, and of its codec; StartError when it does not say which."""
    yield from parts(folder)
    yield folder / SNAC / WEIGHTS


def _advice(folder: Path) -> str:
    if not (folder / SNAC / snac_config.PICKLE).is_file():
        return " It takes the codec of hubertsiuzdak/snac_24khz."
    command = f"python -m voicebox_tts.engines.orpheus.snac.conversion {folder / SNAC}"
    return f" It holds {SNAC}/{snac_config.PICKLE}, a pickle, which `{command}` converts in a confined process."
