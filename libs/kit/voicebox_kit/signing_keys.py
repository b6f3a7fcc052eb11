"""The secrets by which the parts of the platform sign what they send each other: a file, read anew when it changes.

A line is `ID SECRET`, where SECRET is 32 random bytes in URL-safe base64. The first line signs; all of them verify. To
rotate, add the new line as the last one, and once every part has read it, make it the first; then remove the old one.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from .errors import StartError

SECRET_BYTES = 32
REREAD_SECONDS = 1.0

Key = tuple[str, bytes]


class SigningKeys:
    """The secrets in a file. A file that becomes unreadable leaves those that were read last."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises StartError when the file cannot be used."""
        self._path, self._clock = path, clock
        self._keys = read(path)
        self._identity, self._looked = _identity(path), clock()

    def sign(self, message: bytes) -> tuple[str, bytes]:
        """The id of the first secret, and the message's authentication code by it."""
        name, secret = next(iter(self._current().items()))
        return name, _code(secret, message)

    def verify(self, name: str, message: bytes, code: bytes) -> bool:
        """Whether the code is the message's by the secret with this id."""
        secret = self._current().get(name)
        return secret is not None and hmac.compare_digest(_code(secret, message), code)

    def _current(self) -> Mapping[str, bytes]:
        if self._clock() - self._looked > REREAD_SECONDS:
            self._looked = self._clock()
            if (identity := _identity(self._path)) != self._identity:
                with suppress(StartError):
                    self._keys, self._identity = read(self._path), identity
        return self._keys


def read(path: Path) -> Mapping[str, bytes]:
    """The secrets by their ids, the one that signs first. StartError for a file that others may read."""
    try:
        status = path.stat()
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"The signing keys {path} cannot be read: {error}.") from error
    # What Kubernetes mounts belongs to root, and is readable by the pod's group.
    others = 0o077 if status.st_uid == os.geteuid() else 0o027
    if stat.S_IMODE(status.st_mode) & others:
        raise StartError(f"Others may read or write the signing keys {path}: chmod 600 it, and replace its secrets.")
    keys = dict(_key(path, line) for line in lines if line.strip())
    if not keys:
        raise StartError(f"There is no signing key in {path}.")
    return keys


def create(path: Path) -> None:
    """Make a file with one new secret, unless there is one. Of several that do this at once, one makes it."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    line = f"{secrets.token_hex(4)} {base64.urlsafe_b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}\n"
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(line)
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()


def _key(path: Path, line: str) -> Key:
    name, _, encoded = line.strip().partition(" ")
    try:
        secret = base64.b64decode(encoded.strip(), b"-_", validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) < SECRET_BYTES:
        raise StartError(f"A line of {path} is not an id and {SECRET_BYTES} bytes in URL-safe base64.")
    return name, secret


def _code(secret: bytes, message: bytes) -> bytes:
    return hmac.digest(secret, message, hashlib.sha256)


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return status.st_ino, status.st_mtime_ns, status.st_size
