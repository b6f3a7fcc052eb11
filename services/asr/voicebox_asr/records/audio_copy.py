"""Copies a call's audio to disk while it is recognised."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import soundfile
from voicebox_audio.formats.sniff import SNIFF_BYTES, sniff
from voicebox_audio.pcm import SampleJoiner
from voicebox_kit.errors import Exhausted
from voicebox_outbox.spool import cause, disk_error

from voicebox_asr.audio.source import Pcm

MAX_BYTES = 256 * 1024 * 1024
"""What the catalog accepts: five hours of a live stream as FLAC."""


@contextmanager
def audio_copy(reserve: Callable[[], Path], pcm: Pcm | None, max_bytes: int = MAX_BYTES) -> Iterator["AudioCopy"]:
    """An empty copy at the path that `reserve` returns; removed when the block ends, unless it was handed over.

    `pcm` is None for files in a container. Without a path or a writable folder the copy has failed from the start.
    """
    copy = AudioCopy(max_bytes)
    try:
        copy.open(reserve(), pcm)
    except (Exhausted, OSError) as error:
        copy.fail(cause(error))
    try:
        yield copy
    finally:
        copy.discard()


class AudioCopy:
    """A file as it was sent, or headerless samples as FLAC. Blocking, and any thread may discard it.

    A copy that gets too large, or a disk that fills up, fails `finish`, not `write`: recognition goes on.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._path: Path | None = None
        self._file: IO[bytes] | soundfile.SoundFile | None = None
        self._joiner = SampleJoiner()
        self._failure = ""
        self._lock = threading.Lock()

    @property
    def failure(self) -> str:
        """Why there is no complete copy; empty while there is."""
        return self._failure

    def open(self, path: Path, pcm: Pcm | None) -> None:
        """Create the file. OSError where that is impossible."""
        self._path = path
        try:
            self._file = _flac(path, pcm) if pcm else path.open("wb")
        except (OSError, soundfile.LibsndfileError) as error:
            raise disk_error(path.parent, error) from error
        if pcm:
            self._joiner = SampleJoiner(2 * pcm.channel_count)

    def write(self, block: bytes) -> int:
        """Append bytes as they arrived; returns the size of the copy, which is 0 once it failed."""
        with self._lock:
            if self._failure or self._path is None:
                return 0
            try:
                self._append(block)
                size = self._path.stat().st_size
                if size <= self._max_bytes:
                    return size
                self._fail(f"it has more than {self._max_bytes} bytes")
            except (OSError, AssertionError, soundfile.LibsndfileError) as error:  # soundfile asserts whole writes
                self._fail(cause(disk_error(self._path.parent, error)))
            return 0

    def finish(self) -> tuple[Path, str]:
        """Complete the file; returns its path and container, as in `flac`. OSError when the copy is not complete."""
        with self._lock:
            if self._failure or self._path is None:
                raise OSError(self._failure)
            try:
                self._close()
            except (OSError, soundfile.LibsndfileError) as error:
                raise disk_error(self._path.parent, error) from error
            with self._path.open("rb") as file:
                return self._path, sniff(file.read(SNIFF_BYTES)) or ""

    def hand_over(self) -> None:
        """The file belongs to somebody else now: `discard` leaves it alone."""
        with self._lock:
            self._path = None

    def discard(self) -> None:
        """Remove the file."""
        self.fail("it was discarded")

    def fail(self, reason: str) -> None:
        """Remove the file now; `finish` gives the reason."""
        with self._lock:
            self._fail(reason)

    def _append(self, block: bytes) -> None:
        if isinstance(self._file, soundfile.SoundFile):
            self._file.buffer_write(self._joiner.push(block), dtype="int16")
        elif self._file:
            self._file.write(block)
            self._file.flush()  # a full disk shows now, not when the file is closed

    def _fail(self, reason: str) -> None:
        self._failure = self._failure or reason
        with suppress(OSError, soundfile.LibsndfileError):
            self._close()
        if self._path:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file:
            self._file.close()


def _flac(path: Path, pcm: Pcm) -> soundfile.SoundFile:
    rate, channels = pcm.sample_rate_hz, pcm.channel_count
    return soundfile.SoundFile(path, "w", rate, channels, "PCM_16", format="FLAC", compression_level=0.0)
