"""Generations on disk that the catalog has not confirmed yet: written whole or not at all, read back in order.

A generation is two files, `{name}.flac` and `{name}.json`; the JSON's appearance is the commit. Everything is fsynced before
`commit` returns. Knows files, not gRPC.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile
from voicebox_kit.errors import Exhausted

from .engine import Samples

REJECTED = "rejected"


class Draft:
    """The audio of a generation while it is made: mono 16-bit FLAC.

    A disk that fills up meanwhile fails `close`, not `write`: the speech that is being streamed goes on.
    """

    def __init__(self, path: Path, sample_rate_hz: int) -> None:
        self.path = path
        self._failure = ""
        try:
            self._file = soundfile.SoundFile(path, "w", sample_rate_hz, 1, "PCM_16", format="FLAC", compression_level=0.0)
        except soundfile.LibsndfileError as error:
            raise OSError(str(error)) from error

    def write(self, samples: Samples) -> None:
        """Add samples."""
        try:
            if not self._failure:
                self._file.write(np.clip(samples, -1.0, 1.0))
        except (OSError, soundfile.LibsndfileError) as error:
            self._failure = str(error)

    def close(self) -> None:
        """Complete the file; it stays a draft. OSError when any of it could not be written."""
        self._file.close()
        if self._failure:
            raise OSError(self._failure)

    def discard(self) -> None:
        """Remove the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class Spool:
    """A folder of one process, at most `max_bytes` big. Drafts that a crash left behind are removed when it is opened."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        (folder / REJECTED).mkdir(parents=True, exist_ok=True)
        committed = {path.stem for path in folder.glob("*.json")}
        for path in [*folder.glob("*.flac"), *folder.glob("*.tmp")]:
            if path.stem not in committed:
                path.unlink()

    def draft(self, sample_rate_hz: int) -> Draft:
        """Begin a generation's audio; Exhausted("SPOOL_FULL") when the spool holds its fill, OSError when the disk does."""
        if sum(path.stat().st_size for path in self._folder.glob("*.flac")) >= self._max_bytes:
            raise Exhausted("SPOOL_FULL", "The history's spool is full: the catalog has been away too long.")
        return Draft(self._folder / f"{uuid.uuid4()}.flac", sample_rate_hz)

    def commit(self, draft: Draft, metadata: str) -> Path:
        """Make a draft a generation: durable when this returns. Gives its audio's path."""
        draft.close()
        _fsync(draft.path)
        temporary, final = draft.path.with_suffix(".tmp"), draft.path.with_suffix(".json")
        temporary.write_text(metadata)
        _fsync(temporary)
        temporary.rename(final)
        _fsync(self._folder)
        return draft.path

    def waiting(self) -> Iterator[tuple[Path, str]]:
        """The generations that wait, oldest first: the audio's path and the metadata."""
        for path in sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns):
            yield path.with_suffix(".flac"), path.read_text()

    def remove(self, audio: Path) -> None:
        """Forget a generation that the catalog has confirmed."""
        audio.with_suffix(".json").unlink(missing_ok=True)
        audio.unlink(missing_ok=True)

    def reject(self, audio: Path) -> None:
        """Set a generation aside that the catalog will never take, for a person to look at."""
        for path in (audio, audio.with_suffix(".json")):
            with suppress(FileNotFoundError):
                path.replace(self._folder / REJECTED / path.name)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
