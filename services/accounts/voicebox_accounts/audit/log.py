"""Audit lines, as JSON in a file: who did what, and whether they might. No text, no audio, no key."""

import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter

log = logging.getLogger(__name__)

MAX_FILE_BYTES, KEPT_FILES = 64 * 1024 * 1024, 16
"""A full file is renamed to `.1`, and those before it to the next number: a flood of wrong keys fills no disk."""
MAX_CHARACTERS = 300
"""Of each field: a path may be as long as a client likes."""


@dataclass(frozen=True)
class AuditLine:
    """One decision: ALLOWED, or the reason of the refusal. `object` is the path that was called over HTTP."""

    owner: str
    key: str
    method: str
    object: str
    decision: str
    request_id: str
    peer: str


class AuditLog:
    """Appends to a file, which may be renamed away at any time. A line that the disk does not take goes to the
    process's log instead, and is counted: nothing is lost silently, and calls go on.
    """

    def __init__(
        self, path: Path, registry: CollectorRegistry, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._path, self._clock = path, clock
        self._written = Counter("voicebox_audit_lines", "Audit lines.", registry=registry)
        self._failed = Counter(
            "voicebox_audit_failed", "Audit lines that went to the log, since the disk did not take them.",
            registry=registry,
        )  # fmt: skip

    def write(self, line: AuditLine) -> None:
        """Append a line."""
        fields = {name: value[:MAX_CHARACTERS] for name, value in asdict(line).items()}
        text = json.dumps({"time": self._clock().isoformat(timespec="milliseconds"), **fields})
        try:
            _append(self._path, f"{text}\n".encode())
            _rotate(self._path)
            self._written.inc()
        except OSError as error:
            self._failed.inc()
            log.error("the audit file cannot be written (%s), so its line is here: %s", error.strerror, text)


def _rotate(path: Path) -> None:
    """Rename a file that is full."""
    if path.stat().st_size < MAX_FILE_BYTES:
        return
    for number in range(KEPT_FILES - 1, 0, -1):
        with suppress(FileNotFoundError):
            _numbered(path, number).replace(_numbered(path, number + 1))
    path.replace(_numbered(path, 1))


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _append(path: Path, line: bytes) -> None:
    """Write a line whole or not at all."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        before = os.fstat(descriptor).st_size
        written = os.write(descriptor, line)
        if written < len(line):
            os.ftruncate(descriptor, before)
            raise OSError(28, "No space left on device")
    finally:
        os.close(descriptor)
