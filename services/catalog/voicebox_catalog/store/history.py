"""What generations and transcriptions have in common in the database: storing once, changing, deleting."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from sqlalchemy import Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_kit.errors import EtagMismatch, NotFound
from voicebox_sql.batcher import Batcher
from voicebox_sql.database import Database
from voicebox_sql.keys import draw_key
from voicebox_sql.paging import Cursor

from .history_pages import HistoryPages, Row
from .history_query import Query
from .search_index import tokens_of_row

LONG_CHARACTERS = 10_000
"""Of the texts of one write, whose tokens are then found in a thread: it takes longer than other calls should wait."""


@dataclass(frozen=True)
class Totals:
    """How many rows there are, and the size of their audio."""

    count: int
    size_bytes: int


class HistoryStore(Generic[Row]):
    """Every method sees the rows of one owner only; another's are NotFound.

    `found` says how they are found.
    """

    def __init__(self, database: Database, kind: str, found: HistoryPages[Row]) -> None:
        self._database = database
        self._table: type[Row] = found.table
        self._kind = kind
        self.found: HistoryPages[Row] = found
        # A statement costs as much for 16 rows as for one: records that come together are three times as fast as one by
        # one.
        self._adds: Batcher[tuple[Row, int], Row] = Batcher(self._add_all)
        self._finds: Batcher[tuple[str, str], Row | None] = Batcher(self._find_all)

    async def add(self, row: Row, time_us: int) -> Row:
        """Store a row of `time_us` and return it, or return the one already stored under its id.

        The row's key and etag are drawn here.
        """

        return await self._adds.submit((row, time_us))

    async def find(self, owner: str, identity: str) -> Row | None:
        """The row of this id, or None."""
        return await self._finds.submit((owner, identity))

    async def get(self, owner: str, identity: str) -> Row:
        """The row of this id, or NotFound."""
        row = await self.find(owner, identity)
        if row is None:
            raise self._not_found(identity)
        return row

    async def page(self, owner: str, query: Query, after: Cursor | None, limit: int) -> Sequence[Row]:
        """At most `limit` rows of the query after a cursor."""
        return await self._database.read(lambda session: self.found.page(session, owner, query, after, limit))

    async def some(self, owner: str, keys: Sequence[int]) -> Sequence[Row]:
        """Those of the rows with these keys that are still there, newest first."""
        key = col(self._table.key)
        statement = select(self._table).where(col(self._table.owner) == owner, key.in_(keys)).order_by(key.desc())
        return await self._database.read(lambda session: session.scalars(statement).all())

    def cursor(self, query: Query, row: Row) -> Cursor:
        """Where a row stands in the list of a query."""
        return self.found.cursor(query, row)

    async def update(self, owner: str, identity: str, changes: Mapping[str, Any], etag: str) -> Row:
        """Set the columns that `changes` names. Raises NotFound, or EtagMismatch for an etag that is neither empty nor
        the current one.
        """

        async def work(session: AsyncSession) -> Row:
            row = await self._find(session, owner, identity, lock=True)
            if row is None:
                raise self._not_found(identity)
            if etag and etag != row.etag:
                raise EtagMismatch(self._kind, f"{self._kind}s/{identity}")
            for name, value in changes.items():
                setattr(row, name, value)
            row.etag = _draw_etag()
            session.add(row)
            await session.execute(self.found.index(session.sync_session).delete([row.key]))
            await self._add(session, row)
            return row

        return await self._database.write(work)

    async def delete(self, owner: str, identity: str) -> Row:
        """Delete a row, and answer what it was. NotFound when there is none."""

        async def work(session: AsyncSession) -> Row:
            row = await self._find(session, owner, identity, lock=True)
            if row is None:
                raise self._not_found(identity)
            await self._delete(session, [row.key])
            return row

        return await self._database.write_deletion(work)

    async def total(self, owner: str, query: Query) -> Totals:
        """How many rows meet a query, and the size of their audio."""

        def work(session: Session) -> Totals:
            matching, _ = self.found.matching(session, owner, query)
            size_bytes = func.coalesce(func.sum(col(self._table.size_bytes)), 0)
            return Totals(*map(int, session.execute(matching.with_only_columns(func.count(), size_bytes)).one()))

        return await self._database.read(work)

    async def delete_some(self, owner: str, query: Query, limit: int) -> Sequence[tuple[str, int]]:
        """Delete at most `limit` rows that meet a query, and answer the name and the size of each one's audio."""

        async def work(session: AsyncSession) -> Sequence[tuple[str, int]]:
            columns = (col(self._table.key), col(self._table.blob), col(self._table.size_bytes))
            matching, _ = self.found.matching(session.sync_session, owner, query)
            rows = (await session.execute(matching.with_only_columns(*columns).limit(limit))).all()
            await self._delete(session, [row.key for row in rows])
            return [(row.blob, row.size_bytes) for row in rows]

        return await self._database.write_deletion(work)

    async def _add_all(self, items: Sequence[tuple[Row, int]]) -> Sequence[Row]:
        async def work(session: AsyncSession) -> Sequence[Row]:
            stored_rows = await session.scalars(self._by_name([(row.owner, row.id) for row, _ in items]))
            stored = {(row.owner, row.id): row for row in stored_rows}
            new = {
                (row.owner, row.id): (row, time_us)
                for row, time_us in reversed(items)
                if (row.owner, row.id) not in stored
            }
            await self._draw_keys(session, list(new.values()))
            rows = [
                new[name][0] for name in sorted(new)
            ]  # in one order: two replicas that keep the same rows then do not deadlock
            if rows:
                session.add_all(rows)
                await session.flush()
                await self._add(session, *rows)
            stored |= {name: row for name, (row, _) in new.items()}
            return [stored[row.owner, row.id] for row, _ in items]

        return await self._database.write(work)

    async def _find_all(self, names: Sequence[tuple[str, str]]) -> Sequence[Row | None]:
        statement = self._by_name(names)
        rows = await self._database.read(lambda session: session.scalars(statement).all())
        found = {(row.owner, row.id): row for row in rows}
        return [found.get(name) for name in names]

    def _by_name(self, names: Sequence[tuple[str, str]]) -> Select[Row]:
        """The rows of these owners and ids: of each pair, and of others that share one of its halves."""
        table = self._table
        owners, ids = ({name[part] for name in names} for part in (0, 1))
        return select(table).where(col(table.owner).in_(owners), col(table.id).in_(ids))

    async def _draw_keys(self, session: AsyncSession, new: Sequence[tuple[Row, int]]) -> None:
        """Give each row an etag, and a key of its time that no other has."""
        key, drawn, attempt = col(self._table.key), set[int](), 0
        while new:
            for row, time_us in new:
                row.key, row.etag = draw_key(time_us, attempt), _draw_etag()
            taken = drawn.union((await session.scalars(select(key).where(key.in_({row.key for row, _ in new})))).all())
            again = []
            for row, time_us in new:
                if row.key in taken:
                    again.append((row, time_us))
                taken.add(row.key)
            drawn, new, attempt = taken, again, attempt + 1

    async def _find(self, session: AsyncSession, owner: str, identity: str, *, lock: bool = False) -> Row | None:
        statement = select(self._table).where(col(self._table.owner) == owner, col(self._table.id) == identity)
        return (await session.scalars(statement.with_for_update() if lock else statement)).one_or_none()

    async def _add(self, session: AsyncSession, *rows: Row) -> None:
        is_long = sum(len(row.text) for row in rows) > LONG_CHARACTERS
        tokens = await asyncio.to_thread(self._tokens, rows) if is_long else self._tokens(rows)
        for statement, parameters in self.found.index(session.sync_session).insertions(tokens):
            await session.execute(statement, parameters)

    def _tokens(self, rows: Sequence[Row]) -> dict[int, list[str]]:
        return {row.key: tokens_of_row(self._table, row) for row in rows}

    async def _delete(self, session: AsyncSession, keys: Sequence[int]) -> None:
        await session.execute(self.found.index(session.sync_session).delete(keys))
        await session.execute(delete(self._table).where(col(self._table.key).in_(keys)))

    def _not_found(self, identity: str) -> NotFound:
        return NotFound(self._kind, f"{self._kind}s/{identity}")


def _draw_etag() -> str:
    return secrets.token_hex(8)
