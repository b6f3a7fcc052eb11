"""Generations on disk that the catalog has not confirmed yet: written whole or not at all, read back in order.

A generation is two files, `{name}.flac` and `{name}.json`; the JSON's appearance is the commit. Everything is fsynced
before `commit` returns. Knows files, not gRPC.
"""

import errno
import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile
from voicebox_kit.errors import Exhausted

from voicebox_tts.engine import Samples

REJECTED = "rejected"
REJECTED_SHARE = 0.25
"""What is set aside for a person may take so much of the spool's size: the oldest goes first."""
FULL_BYTES = 64 * 1024
"""A disk with less is full: soundfile does not tell why a write failed."""


class Draft:
    """The audio of a generation while it is made: mono 16-bit FLAC.

    A disk that fills up meanwhile fails `close`, not `write`: the speech that is being streamed goes on.
    """

    def __init__(self, path: Path, sample_rate_hz: int) -> None:
        self.path = path
        self._failure: OSError | None = None
        try:
            self._file = soundfile.SoundFile(
                path, "w", sample_rate_hz, 1, "PCM_16", format="FLAC", compression_level=0.0
            )
        except (OSError, soundfile.LibsndfileError) as error:
            raise _disk_error(path.parent, error) from error

    def write(self, samples: Samples) -> None:
        """Add samples."""
        try:
            if not self._failure:
                self._file.write(np.clip(samples, -1.0, 1.0))
        except (OSError, AssertionError, soundfile.LibsndfileError) as error:  # soundfile asserts that all was written
            self._failure = _disk_error(self.path.parent, error)

    def close(self) -> None:
        """Complete the file; it stays a draft. OSError when any of it could not be written."""
        self._file.close()
        if self._failure:
            raise self._failure

    def discard(self) -> None:
        """Remove the file, if the folder lets it go."""
        self._file.close()
        with suppress(OSError):
            self.path.unlink()


class Spool:
    """A folder of one process, at most `max_bytes` big. Drafts that a crash left behind are removed when it is opened.

    What is in it is counted here, not looked up: only the names are kept, oldest first, each with the bytes of its
    audio.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        (folder / REJECTED).mkdir(parents=True, exist_ok=True)
        committed = {path.stem for path in folder.glob("*.json")}
        for path in [*folder.glob("*.flac"), *folder.glob("*.tmp")]:
            if path.stem not in committed:
                path.unlink()
        self._waiting = _sizes(folder)
        self._rejected = _sizes(folder / REJECTED)
        self._bytes = sum(self._waiting.values())

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def draft(self, sample_rate_hz: int) -> Draft:
        """Begin a generation's audio; Exhausted("SPOOL_FULL") when the spool holds its fill, OSError when the disk
        does.
        """
        if self._bytes >= self._max_bytes:
            raise Exhausted("SPOOL_FULL", "The history's spool is full: the catalog has been away too long.")
        return Draft(self._folder / f"{uuid.uuid4()}.flac", sample_rate_hz)

    def commit(self, draft: Draft, metadata: str) -> Path:
        """Make a draft a generation: durable when this returns. Gives its audio's path. OSError when the disk cannot
        take it.
        """
        draft.close()
        temporary, final = draft.path.with_suffix(".tmp"), draft.path.with_suffix(".json")
        try:
            _fsync(draft.path)
            temporary.write_text(metadata, "utf-8")
            _fsync(temporary)
            size = draft.path.stat().st_size
            temporary.rename(final)
            _fsync(self._folder)
        except OSError as error:
            for path in (temporary, final):
                with suppress(OSError):
                    path.unlink()
            raise _disk_error(self._folder, error) from error
        self._waiting[draft.path.stem] = size
        self._bytes += size
        return draft.path

    def waiting(self) -> list[Path]:
        """The generations that wait, oldest first: the audio's paths."""
        return [self._folder / f"{name}.flac" for name in list(self._waiting)]

    def metadata(self, audio: Path) -> bytes:
        """What was committed with the audio. OSError when it cannot be read."""
        return audio.with_suffix(".json").read_bytes()

    def remove(self, audio: Path) -> None:
        """Forget a generation that the catalog has confirmed. OSError when its files stay: it waits on."""
        audio.with_suffix(".json").unlink(missing_ok=True)
        audio.unlink(missing_ok=True)
        self._forget(audio)

    def reject(self, audio: Path) -> int:
        """Set a generation aside that the catalog will never take, for a person to look at. OSError when its files
        stay.

        Gives how many of those set aside before were removed to make room.
        """
        for path in (audio, audio.with_suffix(".json")):
            with suppress(FileNotFoundError):
                path.replace(self._folder / REJECTED / path.name)
        self._rejected[audio.stem] = self._forget(audio)
        return self._bound_rejected()

    def _forget(self, audio: Path) -> int:
        size = self._waiting.pop(audio.stem, 0)
        self._bytes -= size
        return size

    def _bound_rejected(self) -> int:
        removed = 0
        while len(self._rejected) > 1 and sum(self._rejected.values()) > REJECTED_SHARE * self._max_bytes:
            name = next(iter(self._rejected))
            for suffix in (".flac", ".json"):
                (self._folder / REJECTED / f"{name}{suffix}").unlink(missing_ok=True)
            del self._rejected[name]
            removed += 1
        return removed


def _sizes(folder: Path) -> dict[str, int]:
    """The bytes of each generation's audio by its name, oldest first."""
    dated = sorted(((path.stat().st_mtime_ns, path) for path in folder.glob("*.json")), key=lambda each: each[0])
    return {path.stem: _size(path.with_suffix(".flac")) for _, path in dated}


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _disk_error(folder: Path, error: Exception) -> OSError:
    """The error as a sentence; a disk that is full is called so, whatever the library made of it."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or _is_full(folder):
        return OSError(errno.ENOSPC, f"The disk is full: nothing more fits into {folder}.")
    return error if isinstance(error, OSError) else OSError(errno.EIO, f"{folder} cannot be written: {error}")


def _is_full(folder: Path) -> bool:
    with suppress(OSError):
        return shutil.disk_usage(folder).free < FULL_BYTES
    return False


def cause(error: Exception) -> str:
    """What is wrong, without its number."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
