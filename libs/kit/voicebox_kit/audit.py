"""Audit lines, as JSON in a file: who did what to what, and whether they might. No text, no audio, no key.

A line is written where it is decided: a denial by the gateway's authorization or by the service that refuses, and a
write by the service that carries it out.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry, Counter

from . import caller, principal, request_id, variables
from .errors import Code, VoiceboxError

log = logging.getLogger(__name__)

MAX_FILE_BYTES, KEPT_FILES = 64 * 1024 * 1024, 16
"""A full file is renamed to `.1`, and those before it to the next number: a flood of wrong keys fills no disk."""
MAX_CHARACTERS = 300
"""Of each field: a path may be as long as a client likes."""


@dataclass(frozen=True)
class AuditLine:
    """One decision: ALLOWED, or the reason of the refusal. `object` is the name of the resource, or, where the request
    has none, the path that was called over HTTP.
    """

    owner: str
    key: str
    method: str
    object: str
    decision: str
    request_id: str
    peer: str


DENIALS = frozenset({Code.UNAUTHENTICATED, Code.PERMISSION_DENIED, Code.RESOURCE_EXHAUSTED})
ALLOWED = "ALLOWED"
HTTP_HEADER = "x-envoy-original-path"
"""Only the gateway sends it, and only with calls that it made of HTTP requests."""
NAMES = ("name", "parent", "owner")
"""The fields of requests that name a resource, the most exact first."""


def audit_file(env: variables.Environment, service: str) -> Path:
    """Where the lines of a service are written."""
    usual = Path(variables.text(env, "VOICEBOX_DATA", "var")).absolute() / service / "audit.jsonl"
    return Path(variables.text(env, f"{service.upper()}_AUDIT_FILE", str(usual)))


class AuditLog:
    """Appends to a file, which may be renamed away at any time. A line that the disk does not take goes to the
    process's log instead, and is counted: nothing is lost silently, and calls go on.
    """

    def __init__(
        self, path: Path, registry: CollectorRegistry, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """A folder that cannot be made is a disk that takes no line."""
        self._path, self._clock = path, clock
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
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


@dataclass
class AuditedCall:
    """A call that runs: its method, what the gateway says of it, and its first message, None before that is here."""

    method: str
    metadata: Any
    peer: str
    first: Callable[[], Any]

    @property
    def object(self) -> str:
        """What it is about."""
        path = dict(self.metadata).get(HTTP_HEADER, "")
        return named_object(self.first()) or str(path).partition("?")[0]

    @contextmanager
    def audited(self, log: AuditLog | None) -> Iterator[None]:
        """Write a line when the block refuses the call, and when the call is a write of its caller."""
        if log is None:
            yield
            return
        outcome, is_denied = "CANCELLED", False
        try:
            yield
            outcome = ALLOWED
        except VoiceboxError as error:
            # What another service refused has its line there.
            is_denied = error.code in DENIALS and not isinstance(error.__cause__, grpc.aio.AioRpcError)
            outcome = error.reason
            raise
        except Exception:
            outcome = "INTERNAL"
            raise
        finally:
            who = principal.current.get()
            if is_denied or (who and who.is_write):
                log.write(self._line(who, outcome))

    def _line(self, who: principal.Principal | None, outcome: str) -> AuditLine:
        texts = {key: value for key, value in self.metadata if isinstance(value, str)}
        return AuditLine(
            owner=who.owner if who else "",
            key=who.key if who else "",
            method=self.method,
            object=self.object,
            decision=outcome,
            request_id=request_id.current.get() or "",
            peer=caller.address(texts, caller.connection(self.peer)),
        )


def named_object(request: Any) -> str:
    """The name of the resource that a request is about, which its messages may hold, too; empty where there is none."""
    if not isinstance(request, Message):
        return ""
    for field in NAMES:
        value = getattr(request, field, "")
        if isinstance(value, str) and value:
            return value
    fields = [(field.name, value) for field, value in request.ListFields()]
    given = [value for name, value in fields if name.endswith("_id") and name != "request_id"]
    inner = [named_object(value) for _, value in fields if isinstance(value, Message)]
    return next((value for value in (*given, *inner) if isinstance(value, str) and value), "")


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
