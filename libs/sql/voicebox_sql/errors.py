"""What the errors of the two databases mean for a caller."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc
from sqlalchemy.exc import DBAPIError
from voicebox_kit.errors import Exhausted, TooSlow, Unavailable

UNIQUE_VIOLATION = "23505"
DISK_FULL = "53100"
BROKEN = "STORAGE_BROKEN"
QUERY_CANCELED = "57014"
_CONFLICTS = frozenset({UNIQUE_VIOLATION, "40001", "40P01"})
"""Serialisation failure and deadlock beside it: PostgreSQL chose one of two transactions, and the other may come
again.
"""
_BROKEN = ("malformed", "disk I/O error", "file is not a database", "readonly database", "unable to open database file")
"""What SQLite says when its file, or the disk under it, is damaged, or was taken away."""
# Connection lost or refused (08), too many connections or out of memory (53), shut down or starting (57P), failed over
# to a
# standby that only reads (25006).
_AWAY = ("08", "53", "57P", "25006")


def is_conflict(error: Exception) -> bool:
    """Whether another transaction came between: the same work, begun again, sees what that one did."""
    return isinstance(error, DBAPIError) and (
        _state(error) in _CONFLICTS or "UNIQUE constraint failed" in str(error.orig)
    )


def translated(error: Exception) -> Exception:
    """The error for the caller. Errors of other origins, and our own bugs, are returned unchanged."""
    match error:
        case DBAPIError():
            return _of_database(error)
        case sqlalchemy.exc.TimeoutError():
            return Unavailable("DATABASE_BUSY", "All connections to the database are in use.")
        case TimeoutError() | ConnectionError():  # asyncpg's, which SQLAlchemy does not wrap
            return _unavailable()
        case _ if _sqlstate(error).startswith(_AWAY):
            return _unavailable()
        case _:
            return error


@contextmanager
def connecting() -> Iterator[None]:
    """Whatever the system says while a connection is made means that the database is away."""
    try:
        yield
    except OSError as error:
        raise _unavailable() from error


def _of_database(error: DBAPIError) -> Exception:
    state, message = _state(error), str(error.orig)
    if state == DISK_FULL or "disk is full" in message:
        return Exhausted("STORAGE_FULL", "The database's disk is full: delete something first.")
    if any(sign in message for sign in _BROKEN):
        return broken(message)
    if state == QUERY_CANCELED:
        return TooSlow("DATABASE_TOO_SLOW", "The database took too long: ask for less.")
    if error.connection_invalidated or state.startswith(_AWAY):
        return _unavailable()
    if state in _CONFLICTS - {UNIQUE_VIOLATION} or "database is locked" in message:
        return Unavailable("DATABASE_BUSY", "Too many changed the same thing at once: try again.")
    return error


def broken(cause: str) -> Unavailable:
    """The error of a database whose file is damaged or gone: nothing more is written to it."""
    return Unavailable(BROKEN, f"The database cannot be used ({cause}). Stop the service, and restore a backup.", 60.0)


def _unavailable() -> Unavailable:
    return Unavailable("DATABASE_UNAVAILABLE", "The database does not answer.")


def _state(error: DBAPIError) -> str:
    return _sqlstate(error.orig)


def _sqlstate(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""
