"""The models folder: the models in it, their manifests and revisions."""

import hashlib
import json
import re
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "voicebox.json"
"""Written beside a model's files when they are fetched. A folder that a person put there has none."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*){1,2}")
"""`{engine}/{model}`, where the model may be a hub's `{organisation}/{repository}`. No part can leave the folder or be
hidden.
"""


@dataclass(frozen=True)
class StoredFile:
    """A file as it was fetched; `name` is its path in the model's folder."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class ModelManifest:
    """Where a model's files come from: `revision` is a commit; `fetched_at` is in ISO 8601, in UTC."""

    repository: str
    revision: str
    fetched_at: str
    files: tuple[StoredFile, ...]


def is_name(name: str) -> bool:
    """Whether a model `{engine}/{model}` can have a folder."""
    return bool(NAME.fullmatch(name))


def written(folder_name: str) -> str:
    """A folder's name as a part of a model's name: without accents, with `-` for spaces and whatever else a name may
    not have.

    A name that has no Latin letter or digit becomes its hash.
    """
    plain = unicodedata.normalize("NFKD", folder_name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip(".-") or hashlib.sha256(folder_name.encode()).hexdigest()[:8]


def folder(models_folder: Path, name: str) -> Path:
    """Where the model `{engine}/{model}` is stored, or would be; the name must be one that `is_name` accepts."""
    assert is_name(name)
    return models_folder / name


def folders(models_folder: Path, engine: str, named_folder: Path | None = None) -> dict[str, Path]:
    """The models of an engine that are here, by their names `{engine}/{model}`: what lies in the models folder, and
    Setup.named_folder.

    A folder is a model when files lie in it. Hidden ones are downloads that are not done. Names are made of the
    folders' names by `written`; of two folders with the same, the first by its own name counts.
    """
    found = {f"{engine}/{written(named_folder.name)}": named_folder} if named_folder else {}
    for path in _visible(models_folder / engine):
        holders = [path] if _holds_files(path) else [below for below in _visible(path) if _holds_files(below)]
        found = {_name(holder.relative_to(models_folder)): holder for holder in reversed(holders)} | found
    return {name: path for name, path in sorted(found.items()) if is_name(name)}


def revision(path: Path) -> str:
    """The commit that the files of the model in `path` are of; of a folder that a person put there, what changes when
    its files do.
    """
    if known := manifest(path):
        return known.revision
    if path.parent.name == "snapshots":  # the hub library's cache
        return path.name
    files = sorted(file for file in path.rglob("*") if file.is_file())
    stats = [(str(file.relative_to(path)), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"local-{hashlib.sha256(repr(stats).encode()).hexdigest()[:16]}"


def manifest(path: Path) -> ModelManifest | None:
    """What was written when the model in `path` was fetched; None where nothing was, or it cannot be read."""
    try:
        document = json.loads((path / MANIFEST).read_text())
        files = tuple(StoredFile(**file) for file in document.pop("files"))
        return ModelManifest(**document, files=files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_manifest(path: Path, written: ModelManifest) -> None:
    """Write a model's manifest into its folder."""
    (path / MANIFEST).write_text(json.dumps(asdict(written), indent=2) + "\n")


def verify(path: Path) -> list[str]:
    """What is wrong with a model that was fetched, a sentence for each file; reads every byte of it."""
    known = manifest(path)
    if known is None:
        return [f"{path} has no readable {MANIFEST}: its files were not fetched by voicebox."]
    return [sentence for file in known.files if (sentence := _damage(path / file.name, file))]


def size_bytes(path: Path) -> int:
    """What a model's files take on disk."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def sha256(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damage(path: Path, file: StoredFile) -> str:
    if not path.is_file():
        return f"{path} is missing."
    if path.stat().st_size != file.size_bytes:
        return f"{path} has {path.stat().st_size} bytes, not {file.size_bytes}."
    return "" if sha256(path) == file.sha256 else f"{path} is not what was fetched: its SHA-256 differs."


def _name(path: Path) -> str:
    return "/".join(map(written, path.parts))


def _visible(path: Path) -> list[Path]:
    """The folders in a folder, by name; none when it is not there."""
    if not path.is_dir():
        return []
    return sorted(below for below in path.iterdir() if below.is_dir() and not below.name.startswith("."))


def _holds_files(path: Path) -> bool:
    return any(below.is_file() for below in path.iterdir())
