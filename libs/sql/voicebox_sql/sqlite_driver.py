"""SQLite's driver with one switch to its thread for each statement, where aiosqlite makes four."""

import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import aiosqlite


def open_connection(path: str, pragmas: Sequence[str]) -> aiosqlite.Connection:
    """A connection that opens when it is awaited, and leaves it to its caller to begin transactions."""

    connection = _Connection(lambda: connect(path, pragmas), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy makes it
    return connection


def json_value(text: str) -> Any:
    """The value of a column of JSON: most are empty, and reading those is a tenth of the time of a page."""
    if text in ("{}", "[]"):
        return {} if text == "{}" else []
    return json.loads(text)


def connect(path: str, pragmas: Sequence[str]) -> sqlite3.Connection:
    """A connection that leaves it to its caller to begin transactions. Any thread may use it, one at a time."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in pragmas:
        connection.execute(pragma)
    return connection


class _Connection(aiosqlite.Connection):
    def cursor(self, *_: Any) -> Any:
        return _Cursor(self)


class _Cursor:
    """What SQLAlchemy uses of aiosqlite's cursor. The rows come with the execution: SQLAlchemy takes them all
    anyway.
    """

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._in_thread: Callable[..., Awaitable[None]] = connection._execute
        self._rows: list[Any] = []
        self.arraysize = 1
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> "_Cursor":
        return self

    async def execute(self, statement: str, parameters: Any = ()) -> None:
        await self._in_thread(self._run, "execute", statement, parameters)

    async def executemany(self, statement: str, parameters: Iterable[Any]) -> None:
        await self._in_thread(self._run, "executemany", statement, parameters)

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        """Nothing is open: the rows are here."""

    def _run(self, method: str, statement: str, parameters: Any) -> None:
        cursor = self._connection._conn.cursor()
        try:
            getattr(cursor, method)(statement, parameters)
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
            self._rows = cursor.fetchall() if cursor.description else []
        finally:
            cursor.close()
