"""Voice prompts in a folder of bounded size: the least recently used are removed, and no failure fails a request."""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from voicebox_kit.durable import write_aside

from .file import MAX_BYTES, file_name

log = logging.getLogger(__name__)


class PromptFolder:
    """A folder, made with the first file. Processes may share it; a file's modification time is when it was last
    used.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes

    def read(self, key: str) -> bytes | None:
        """The file's content, not verified; None when there is none that can be read."""
        try:
            with (self._folder / file_name(key)).open("rb") as file:
                with suppress(OSError):  # a folder that can only be read is of use too
                    os.utime(file.fileno())
                return file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("a voice prompt in %s cannot be read: %s", self._folder, error)
            return None

    def write(self, key: str, data: bytes) -> None:
        """Store a file completely and durably, or not at all."""
        if len(data) > self._max_bytes:
            return
        try:
            _write(self._folder / file_name(key), data)
            self._remove_least_used()
        except OSError as error:
            log.warning("a voice prompt cannot be stored in %s: %s", self._folder, error)

    def remove(self, key: str) -> None:
        """Remove a file that cannot be used."""
        try:
            (self._folder / file_name(key)).unlink(missing_ok=True)
        except OSError as error:
            log.warning("a voice prompt in %s cannot be removed: %s", self._folder, error)

    def _remove_least_used(self) -> None:
        """Looks at the files themselves, 10,000 in 0.06 s, since other processes write and remove here too."""
        files = sorted(self._files())
        excess = sum(size_bytes for _, size_bytes, _ in files) - self._max_bytes
        for _, size_bytes, path in files:
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size_bytes

    def _files(self) -> Iterator[tuple[int, int, Path]]:
        """Time of use, size and path of all files, also of files that a killed process left incomplete."""
        for path in self._folder.glob("*/*"):
            with suppress(FileNotFoundError):  # removed meanwhile
                status = path.stat()
                yield status.st_mtime_ns, status.st_size, path


def _write(path: Path, data: bytes) -> None:
    def create(staged: Path) -> None:
        with staged.open("xb") as file:
            file.write(data)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path, path.with_suffix(f".{secrets.token_hex(8)}"), create)
