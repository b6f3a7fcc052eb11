"""Notes of work that runs now, from which what it used is recorded when its process was killed.

One file for each piece of work, written without fsync: the system keeps what a killed process wrote. A failure of the
machine itself may lose the last seconds.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from google.protobuf import json_format
from voicebox.accounts.v1 import accounts_pb2 as pb

log = logging.getLogger(__name__)

SUFFIX = ".work"
MAX_BYTES = 64 * 1024


class Note:
    """What one piece of work has used so far. Blocking, for some microseconds: nothing waits for the disk. Work goes on
    where the disk takes no more: it then counts when it ends, or as far as the note came.
    """

    def __init__(self, path: Path) -> None:
        """OSError when there can be no such file."""
        self._path, self._has_failed = path, False
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def describe(self, record: pb.UsageRecord) -> None:
        """Write everything anew."""
        text = _amounts(record.amounts.characters, record.amounts.audio_ms)
        # A line that is longer than this one leaves its end behind, which is not read.
        self._write(text + json_format.MessageToJson(record, indent=None).encode() + b"\n")

    def use(self, characters: int, audio_ms: int) -> None:
        """Write what was used so far."""
        self._write(_amounts(characters, audio_ms))

    def close(self, *, is_recorded: bool) -> None:
        """The work has ended. What is not recorded is found again at the next start."""
        os.close(self._descriptor)
        if is_recorded:
            with suppress(OSError):
                self._path.unlink()

    def _write(self, text: bytes) -> None:
        try:
            os.pwrite(self._descriptor, text, 0)
        except OSError as error:
            if not self._has_failed:
                log.error("what some work uses cannot be noted (%s): it counts when it ends", error.strerror)
            self._has_failed = True


class Notes:
    """The notes of one process, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def open(self, record: pb.UsageRecord) -> Note | None:
        """A note of work that begins; None, and a line in the log, when the disk does not take it."""
        try:
            note = Note(self._folder / f"{record.work_id}{SUFFIX}")
        except OSError as error:
            log.error("a piece of work is counted only when it ends (%s)", error.strerror)
            return None
        note.describe(record)
        return note

    def left(self) -> Iterator[tuple[Path, pb.UsageRecord]]:
        """The records of work that a process before this one did not end, with their notes. Blocking."""
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                yield path, _read(path)
            except (OSError, ValueError, RecursionError) as error:
                log.error("the note %s of some work cannot be read, and is removed: %s", path.name, error)
                path.unlink(missing_ok=True)


def _amounts(characters: int, audio_ms: int) -> bytes:
    """The first line, of a fixed width, so that one small write replaces it."""
    return b"%15d %15d\n" % (characters, audio_ms)


def _read(path: Path) -> pb.UsageRecord:
    """The record in a note, which ended when the note was last written. ValueError when it is none."""
    with path.open("rb") as file:
        amounts, text = file.read(MAX_BYTES).split(b"\n")[:2]
        written = os.fstat(file.fileno()).st_mtime_ns
    try:
        record = json_format.Parse(text, pb.UsageRecord(), ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise ValueError(str(error)) from error
    record.amounts.characters, record.amounts.audio_ms = map(int, amounts.split())
    record.end_time.FromNanoseconds(written)
    return record
