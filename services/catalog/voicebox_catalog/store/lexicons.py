"""Lexicons in the database."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer
from sqlmodel import col
from voicebox_kit.errors import AlreadyExists, EtagMismatch, NotFound, Precondition
from voicebox_sql.database import Database

from .profiles import free_key
from .tables import Lexicon

MAX_LEXICONS = 200
"""Of one owner."""
_WITHOUT_ENTRIES = defer(Lexicon.entries, raiseload=True)  # type: ignore[arg-type]  # a column at run time


class LexiconStore:
    """Every method sees the lexicons of one owner only; another's are NotFound. Each change draws a new etag."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, row: Lexicon, time_us: int) -> Lexicon:
        """Keep a new lexicon, and answer it; or answer the one that was created by the same request.

        Raises AlreadyExists for a name in use, Precondition("REQUEST_ID_REUSED") when the request id came with other
        fields, and Precondition("TOO_MANY_LEXICONS").
        """

        async def work(session: AsyncSession) -> Lexicon:
            if stored := await _find_request(session, row):
                return stored
            if await session.scalar(_named(row.owner, row.id).options(_WITHOUT_ENTRIES)):
                raise AlreadyExists("lexicon", f"lexicons/{row.id}")
            count = select(func.count()).select_from(Lexicon).where(col(Lexicon.owner) == row.owner)
            if int(await session.scalar(count) or 0) >= MAX_LEXICONS:
                sentence = f"There are {MAX_LEXICONS} lexicons already, which is the maximum: delete one."
                raise Precondition("TOO_MANY_LEXICONS", "lexicons", sentence)
            row.key = await free_key(session, Lexicon, time_us)
            _touch(row, time_us)
            session.add(row)
            await session.flush()
            return row

        return await self._database.write(work)

    async def get(self, owner: str, identity: str, known_etag: str = "") -> Lexicon:
        """The lexicon `lexicons/{identity}`; without its entries when its etag is the known one. NotFound."""
        async with self._database.reading() as session:
            if known_etag:
                known = await session.scalar(_named(owner, identity).options(_WITHOUT_ENTRIES))
                if known and known.etag == known_etag:
                    return known
                session.expunge_all()
            return _found(await session.scalar(_named(owner, identity)), identity)

    async def page(self, owner: str, before: int | None, limit: int) -> Sequence[Lexicon]:
        """At most `limit` lexicons without their entries, newest first, older than the key `before`."""
        statement = select(Lexicon).where(col(Lexicon.owner) == owner).options(_WITHOUT_ENTRIES)
        if before is not None:
            statement = statement.where(col(Lexicon.key) < before)
        async with self._database.reading() as session:
            return (await session.scalars(statement.order_by(col(Lexicon.key).desc()).limit(limit))).all()

    async def update(self, owner: str, identity: str, changes: Mapping[str, Any], etag: str, time_us: int) -> Lexicon:
        """Set the columns that `changes` names. NotFound, or EtagMismatch for an etag that is neither empty nor the
        current one.
        """

        async def work(session: AsyncSession) -> Lexicon:
            row = await _locked(session, owner, identity, etag)
            for column, value in changes.items():
                setattr(row, column, value)
            _touch(row, time_us)
            session.add(row)
            return row

        return await self._database.write(work)

    async def delete(self, owner: str, identity: str, etag: str) -> None:
        """Raises NotFound or EtagMismatch."""

        async def work(session: AsyncSession) -> None:
            await session.delete(await _locked(session, owner, identity, etag))

        await self._database.write_deletion(work)


def _named(owner: str, identity: str) -> Select[Lexicon]:
    return select(Lexicon).where(col(Lexicon.owner) == owner, col(Lexicon.id) == identity)


def _found(row: Lexicon | None, identity: str) -> Lexicon:
    if row is None:
        raise NotFound("lexicon", f"lexicons/{identity}")
    return row


async def _locked(session: AsyncSession, owner: str, identity: str, etag: str) -> Lexicon:
    row = _found(await session.scalar(_named(owner, identity).with_for_update()), identity)
    if etag and etag != row.etag:
        raise EtagMismatch("lexicon", f"lexicons/{identity}")
    return row


async def _find_request(session: AsyncSession, row: Lexicon) -> Lexicon | None:
    if row.request_id is None:
        return None
    statement = select(Lexicon).where(col(Lexicon.owner) == row.owner, col(Lexicon.request_id) == row.request_id)
    stored = await session.scalar(statement)
    if stored and stored.request_digest != row.request_digest:
        sentence = "This request id came before, with another lexicon: draw a new one."
        raise Precondition("REQUEST_ID_REUSED", row.request_id, sentence)
    return stored


def _touch(row: Lexicon, time_us: int) -> None:
    """Mark it as changed: never earlier than the change before it, also when the clock went backwards."""
    row.update_time_us = max(row.update_time_us, time_us)
    row.etag = secrets.token_hex(8)
