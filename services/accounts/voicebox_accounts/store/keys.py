"""Keys in the database."""

from collections.abc import Collection, Sequence

from sqlalchemy import CursorResult, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_kit.errors import AlreadyExists
from voicebox_sql.database import Database
from voicebox_sql.keys import draw_key

from .limits import LimitsBySubject, limits_of
from .tables import Key


class KeyStore:
    """The keys of all owners."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: Key, time_us: int) -> Key:
        """Store a new key, whose place in time order is drawn here. AlreadyExists when its id is taken."""

        async def work(session: AsyncSession) -> Key:
            if await session.scalar(select(Key).where(col(Key.id) == key.id)):
                raise AlreadyExists("key", f"keys/{key.id}")
            stored = Key(**{**key.model_dump(), "row": draw_key(time_us)})
            session.add(stored)
            await session.flush()
            return stored

        return await self._database.write(work)

    async def with_digest(self, digest: str) -> tuple[Key, LimitsBySubject] | None:
        """The key whose secret has this digest, with its limits and its owner's; None when there is none."""
        return await self._database.read(lambda session: _with_digest(session, digest))

    async def get(self, key_id: str) -> Key | None:
        """The key with this id; None when there is none."""
        return await self._database.read(lambda session: session.scalar(select(Key).where(col(Key.id) == key_id)))

    async def page(self, owner: str, before: int | None, size: int) -> Sequence[Key]:
        """Keys of an owner, or of all owners when it is empty: newest first, those before a row."""
        query = select(Key).order_by(col(Key.row).desc()).limit(size)
        if owner:
            query = query.where(col(Key.owner) == owner)
        if before is not None:
            query = query.where(col(Key.row) < before)
        return await self._database.read(lambda session: session.scalars(query).all())

    async def revoke(self, key_id: str, time_us: int) -> None:
        """The key ends at this time, unless it ends before."""
        await self._set_earlier(key_id, time_us, "revoke_us")

    async def expire(self, key_id: str, time_us: int) -> None:
        """The key expires at this time, unless it does so before."""
        await self._set_earlier(key_id, time_us, "expire_us")

    async def valid(self, key_ids: Collection[str], time_us: int) -> set[str]:
        """Those of the keys that may be used at this time."""
        query = select(Key).where(col(Key.id).in_(key_ids))
        found = await self._database.read(lambda session: session.scalars(query).all())
        return {key.id for key in found if is_valid(key, time_us)}

    async def _set_earlier(self, key_id: str, time_us: int, field: str) -> None:
        column = getattr(Key, field)
        change = update(Key).where(col(Key.id) == key_id, (column.is_(None)) | (column > time_us))

        async def work(session: AsyncSession) -> int:
            changed = await session.execute(change.values({field: time_us}))
            assert isinstance(changed, CursorResult)
            return changed.rowcount

        await self._database.write(work)


def _with_digest(session: Session, digest: str) -> tuple[Key, LimitsBySubject] | None:
    key = session.scalar(select(Key).where(col(Key.digest) == digest))
    return None if key is None else (key, limits_of(session, (f"owners/{key.owner}", f"keys/{key.id}")))


def is_valid(key: Key, time_us: int) -> bool:
    """Whether a key may be used at this time."""
    return (key.revoke_us is None or key.revoke_us > time_us) and (key.expire_us is None or key.expire_us > time_us)
