"""Copies a call's audio to disk while it is heard."""

import io
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

import soundfile
from voicebox_audio.formats.sniff import SNIFF_BYTES, sniff
from voicebox_audio.pcm import SampleJoiner

from voicebox_asr.audio.source import Pcm

MAX_BYTES = 256 * 1024 * 1024
"""What the catalog takes: five hours of a live stream as FLAC."""


@contextmanager
def audio_copy(pcm: Pcm | None, max_bytes: int = MAX_BYTES) -> Iterator["AudioCopy"]:
    """An empty copy, until the block ends; `pcm` is None for files in a container. It has no name: a crash leaves
    nothing behind.
    """
    copy = AudioCopy(max_bytes)
    with ExitStack() as stack:
        try:
            copy.begin(stack.enter_context(tempfile.TemporaryFile()), pcm)
        except OSError as error:
            copy.fail(str(error))
        stack.callback(copy.close)
        yield copy


class AudioCopy:
    """A file as it was sent, or headerless samples as FLAC. Blocking, and any thread may close it.

    A copy that gets too large, or a disk that fills up, fails `finish`, not `write`: hearing goes on.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._file: IO[bytes] = io.BytesIO()
        self._flac: soundfile.SoundFile | None = None
        self._joiner = SampleJoiner()
        self.failure = ""
        """Why there is no whole copy; empty while there is."""
        self._lock = threading.Lock()

    def begin(self, file: IO[bytes], pcm: Pcm | None) -> None:
        """Write to this file, which is empty."""
        self._file = file
        if pcm:
            self._joiner = SampleJoiner(2 * pcm.channel_count)
            self._flac = soundfile.SoundFile(
                file, "w", pcm.sample_rate_hz, pcm.channel_count, "PCM_16", format="FLAC", compression_level=0.0
            )

    def write(self, block: bytes) -> int:
        """Add bytes as they came; says how large the copy is, which is nothing once it failed."""
        with self._lock:
            if self.failure:
                return 0
            try:
                if self._flac:
                    self._flac.buffer_write(self._joiner.push(block), dtype="int16")
                else:
                    self._file.write(block)
                size = self._file.tell()
                if size <= self._max_bytes:
                    return size
                self._fail(f"it has more than {self._max_bytes} bytes")
            except (OSError, soundfile.LibsndfileError) as error:
                self._fail(str(error))
            return 0

    def finish(self) -> tuple[IO[bytes], str, int]:
        """The file from its start, its container as in `flac`, and its size. OSError with a reason when there is no
        whole copy.
        """
        with self._lock:
            if self.failure:
                raise OSError(self.failure)
            if self._flac:
                self._flac.close()
            size = self._file.seek(0, io.SEEK_END)
            self._file.seek(0)
            container = sniff(self._file.read(SNIFF_BYTES)) or ""
            self._file.seek(0)
            return self._file, container, size

    def close(self) -> None:
        """Forget it."""
        with self._lock:
            self._fail("it is closed")

    def fail(self, reason: str) -> None:
        """Give the disk back at once; `finish` says why."""
        with self._lock:
            self._fail(reason)

    def _fail(self, reason: str) -> None:
        self.failure = self.failure or reason
        if self._flac:
            self._flac.close()
        self._file.close()
