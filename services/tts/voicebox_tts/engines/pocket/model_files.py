"""What a folder must hold to be a Pocket TTS model."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from voicebox_kit.errors import StartError
from voicebox_models import store, tensor_files

from .published import CLONING_REPOSITORY, KNOWN

WEIGHTS = "model.safetensors"
CONFIG = "config.yaml"
"""The model's sizes, as `pocket_tts.utils.config.Config` reads them; a published model needs none, the package knows
it.
"""
TOKENIZERS = ("tokenizer.json", "tokenizer.model")
VOICES = "embeddings"
"""The folder of the voices: each a state of the model after a recording, as `pocket-tts export-voice` writes it."""

SPEAKER_PROJECTION = "flow_lm.speaker_proj_weight"
"""The projection from the speaker encoder to the model: in weights without cloning it is zero or missing."""


def problem(folder: Path) -> str | None:
    """Why the model in `folder` cannot be loaded, as a sentence; None when it can."""
    names = {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()
    if WEIGHTS not in names:
        pickles = sorted(name for name in names if name.endswith(tensor_files.PICKLES))
        return (
            f"{folder} has no {WEIGHTS}."
            if not pickles
            else f"{folder} holds {pickles[0]} and no {WEIGHTS}: pickles are never read."
        )
    if not names.intersection(TOKENIZERS):
        return f"{folder} has no {TOKENIZERS[0]}."
    if not config(folder).is_file():
        return f"{folder} has no {CONFIG}, and pocket-tts knows no model {folder.name}."
    damages = map(tensor_files.damage, (folder / WEIGHTS, *voices(folder).values()))
    return next((sentence for sentence in damages if sentence), None)


def checked(folder: Path) -> Path:
    """The folder; StartError when the model in it cannot be loaded."""
    if sentence := problem(folder):
        raise StartError(sentence)
    return folder


def size_bytes(folder: Path) -> int:
    """The size of the weights; 0 when there are none."""
    weights = folder / WEIGHTS
    return weights.stat().st_size if weights.is_file() else 0


def config(folder: Path) -> Path:
    """The folder's own configuration, or where the package has one for a model of that name, if it has."""
    own = folder / CONFIG
    package = find_spec("pocket_tts")
    if own.is_file() or package is None or not package.submodule_search_locations:
        return own
    return Path(package.submodule_search_locations[0]) / "config" / f"{folder.name}.yaml"


def languages(folder: Path) -> tuple[str, ...]:
    """The language that a folder is named after, as in `english_18m_2026-10`; `und`, undetermined, when it is named
    otherwise.
    """
    published = KNOWN.get(folder.name.partition("_")[0])
    return (published.language if published else "und",)


def tokenizer(folder: Path) -> Path:
    """The tokenizer of a folder without a problem."""
    return next(folder / name for name in TOKENIZERS if (folder / name).is_file())


def voices(folder: Path) -> dict[str, Path]:
    """The files of the voices, by their names."""
    return {path.stem: path for path in sorted((folder / VOICES).glob("*.safetensors"))}


def clones(folder: Path) -> bool:
    """Whether the weights are those that follow a recording."""
    if known := store.manifest(folder):
        return known.repository == CLONING_REPOSITORY
    weights = folder / WEIGHTS
    return weights.is_file() and _has_projection(weights, weights.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _has_projection(weights: Path, _changed_ns: int) -> bool:
    """Whether a file has a speaker projection; cached until it changes, since every request needs it."""
    if tensor_files.damage(weights) or SPEAKER_PROJECTION not in (header := tensor_files.header(weights)):
        return False
    begin, end = header[SPEAKER_PROJECTION]["data_offsets"]
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        file.seek(8 + length + begin)
        return any(file.read(end - begin))
