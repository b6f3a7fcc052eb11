"""Profiles in the database."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_kit.errors import AlreadyExists, EtagMismatch, NotFound, Precondition
from voicebox_sql.database import Database
from voicebox_sql.keys import SLOTS, draw_key, first_key
from voicebox_sql.stored_bytes import refuse_beyond

from .filters import Condition, FilterField, Operator
from .stored_bytes import stored_bytes
from .tables import Lexicon, Profile, Sample

MICROSECONDS_PER_DAY = 86_400_000_000
KEPT_LETTERS = 40
"""Of a deleted profile's name, when another profile takes it."""
PURGED_AT_ONCE = 100
"""Profiles of one transaction, so that others need not wait long for it."""


class ProfileStore:
    """Every method sees the profiles of one owner only; another's are NotFound, and so are deleted ones unless stated
    otherwise.

    Each change of a profile or of its samples draws a new etag.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, row: Profile, samples: Sequence[Sample], time_us: int, max_bytes: int | None = None
    ) -> Profile:
        """Keep a new profile with its samples, and answer it; or answer the one that was created by the same request.

        Raises Exhausted where the owner would store more than `max_bytes`, AlreadyExists for a name in use, and
        Precondition("REQUEST_ID_REUSED") when the request id came with other fields.
        """

        async def work(session: AsyncSession) -> Profile:
            stored = await _find_request(session, row.owner, row.request_id, row.request_digest)
            if stored:
                return stored
            await _free_name(session, row.owner, row.id)
            row.key, row.sample_count = await free_key(session, Profile, time_us), 0
            touch(row, time_us)
            session.add(row)
            await session.flush()
            await add_samples(session, row, samples, time_us, max_bytes)
            return row

        return await self._database.write(work)

    async def find_request(self, owner: str, request_id: str | None, digest: str | None) -> Profile | None:
        """The profile that this request created before, or None. Precondition("REQUEST_ID_REUSED") when it came with
        other fields.
        """
        async with self._database.reading() as session:
            return await _find_request(session, owner, request_id, digest)

    async def refuse_taken(self, owner: str, identity: str) -> None:
        """Raises AlreadyExists when there is such a profile that is not deleted."""
        async with self._database.reading() as session:
            _refuse_taken(await _find(session, owner, identity))

    async def get(self, owner: str, identity: str) -> Profile:
        """The profile `profiles/{identity}`, or NotFound."""
        return _living(
            await self._database.read(lambda session: session.scalars(_named(owner, identity)).one_or_none()), identity
        )

    async def page(
        self, owner: str, conditions: Sequence[Condition], before: int | None, limit: int, *, deleted: bool = False
    ) -> Sequence[Profile]:
        """At most `limit` profiles that meet all conditions, newest first, older than the key `before`; deleted ones,
        too, on request.
        """

        def work(session: Session) -> Sequence[Profile]:
            dialect = session.get_bind().dialect.name
            statement = select(Profile).where(
                col(Profile.owner) == owner, *(_clause(each, dialect) for each in conditions)
            )
            if not deleted:
                statement = statement.where(col(Profile.delete_time_us).is_(None))
            if before is not None:
                statement = statement.where(col(Profile.key) < before)
            return session.scalars(statement.order_by(col(Profile.key).desc()).limit(limit)).all()

        return await self._database.read(work)

    async def update(
        self, owner: str, identity: str, changes: Mapping[str, Any], etag: str, time_us: int
    ) -> tuple[Profile, str]:
        """Set the columns that `changes` names; answers the profile, and the picture that it had before.

        Raises NotFound, or EtagMismatch for an etag that is neither empty nor the current one.
        """

        async def work(session: AsyncSession) -> tuple[Profile, str]:
            row = await get_profile(session, owner, identity, etag, lock=True)
            before = row.avatar_blob
            for column, value in changes.items():
                setattr(row, column, value)
            touch(row, time_us)
            session.add(row)
            return row, before

        return await self._database.write(work)

    async def delete(self, owner: str, identity: str, etag: str, time_us: int, keep_days: int) -> Sequence[str]:
        """Delete a profile with its samples: hidden for `keep_days`, or gone at once for 0. Answers the blobs that
        nobody holds any more.

        A profile that goes at once, or has neither samples nor a picture, returns its name to the deleted profile from
        which it had taken it: an upload that failed, and was undone, hides nobody's voice.

        Raises NotFound or EtagMismatch.
        """

        async def work(session: AsyncSession) -> Sequence[str]:
            row = await get_profile(session, owner, identity, etag, lock=True)
            if not keep_days:
                blobs = await _remove(session, [row])
                await _return_name(session, owner, identity, time_us, None)
                return blobs
            touch(row, time_us)
            row.delete_time_us, row.purge_time_us = time_us, time_us + keep_days * MICROSECONDS_PER_DAY
            session.add(row)
            if not row.sample_count and not row.avatar_blob:
                await _return_name(session, owner, identity, time_us, row)
            return []

        return await self._database.write_deletion(work)

    async def undelete(self, owner: str, identity: str, time_us: int) -> Profile:
        """Bring a deleted profile back. NotFound when there is none, or its time is over; AlreadyExists when it is not
        deleted.
        """

        async def work(session: AsyncSession) -> Profile:
            row = await _find(session, owner, identity, lock=True)
            if row is None or (row.purge_time_us is not None and row.purge_time_us <= time_us):
                raise NotFound("profile", f"profiles/{identity}")
            if row.delete_time_us is None:
                raise AlreadyExists("profile", f"profiles/{identity}")
            row.delete_time_us = row.purge_time_us = row.former_id = None
            touch(row, time_us)
            session.add(row)
            return row

        return await self._database.write(work)

    async def purge(self, time_us: int) -> Sequence[str]:
        """Remove some deleted profiles whose time is over, of all owners; answers their blobs, none when nothing is
        left to remove.
        """

        async def work(session: AsyncSession) -> Sequence[str]:
            due = select(Profile).where(col(Profile.purge_time_us) <= time_us).limit(PURGED_AT_ONCE)
            return await _remove(session, (await session.scalars(due)).all())

        return await self._database.write_deletion(work)

    async def remove_some(self, owner: str) -> tuple[int, Sequence[str]]:
        """Remove some profiles of an owner, deleted ones too: how many, none when nothing is left; and their blobs."""

        async def work(session: AsyncSession) -> tuple[int, Sequence[str]]:
            mine = select(Profile).where(col(Profile.owner) == owner).limit(PURGED_AT_ONCE)
            rows = (await session.scalars(mine)).all()
            return len(rows), await _remove(session, rows)

        return await self._database.write_deletion(work)

    async def with_samples(self, owner: str, identity: str) -> tuple[Profile, Sequence[Sample]]:
        """A profile and all its samples, oldest first, from one moment."""
        async with self._database.reading() as session:
            profile = await get_profile(session, owner, identity)
            statement = select(Sample).where(col(Sample.profile_key) == profile.key).order_by(col(Sample.key))
            return profile, (await session.scalars(statement)).all()


async def get_profile(
    session: AsyncSession, owner: str, identity: str, etag: str = "", *, lock: bool = False
) -> Profile:
    """A profile that is not deleted. NotFound, or EtagMismatch for an etag that is neither empty nor the current
    one.
    """
    row = _living(await _find(session, owner, identity, lock=lock), identity)
    if etag and etag != row.etag:
        raise EtagMismatch("profile", f"profiles/{identity}")
    return row


async def free_key(session: AsyncSession, table: type[Profile | Sample | Lexicon], time_us: int) -> int:
    """A creation key of `time_us` that no row has."""
    attempt = 0
    while await session.get(table, key := draw_key(time_us, attempt)):
        attempt += 1
    return key


async def add_samples(
    session: AsyncSession, profile: Profile, rows: Sequence[Sample], time_us: int, max_bytes: int | None
) -> None:
    """Add new samples in this order, which their keys preserve: each is drawn from its own microsecond.

    Raises Exhausted where the owner would then store more than `max_bytes`.
    """
    await refuse_beyond(session, stored_bytes, profile.owner, sum(row.size_bytes for row in rows), max_bytes)
    for number, row in enumerate(rows):
        row.key, row.profile_key = await free_key(session, Sample, time_us + number), profile.key
        row.etag = secrets.token_hex(8)
        session.add(row)
        await session.flush()
    profile.sample_count += len(rows)
    touch(profile, time_us)
    session.add(profile)


def touch(row: Profile, time_us: int) -> None:
    """Mark a profile as changed: never earlier than the change before it, also when the clock went backwards."""
    row.update_time_us = max(row.update_time_us, time_us)
    row.etag = secrets.token_hex(8)


def _living(row: Profile | None, identity: str) -> Profile:
    if row is None or row.delete_time_us is not None:
        raise NotFound("profile", f"profiles/{identity}")
    return row


def _named(owner: str, identity: str) -> Select[Profile]:
    return select(Profile).where(col(Profile.owner) == owner, col(Profile.id) == identity)


async def _find(session: AsyncSession, owner: str, identity: str, *, lock: bool = False) -> Profile | None:
    statement = _named(owner, identity)
    return (await session.scalars(statement.with_for_update() if lock else statement)).one_or_none()


async def _free_name(session: AsyncSession, owner: str, identity: str) -> None:
    """Gives a deleted profile that has this name another one, under which it can still be undeleted. AlreadyExists for
    one that lives.
    """
    taken = await _find(session, owner, identity, lock=True)
    _refuse_taken(taken)
    if taken is not None:
        await _rename(session, taken)


async def _rename(session: AsyncSession, deleted: Profile) -> None:
    deleted.id, deleted.former_id = f"{deleted.id[:KEPT_LETTERS]}-deleted-{secrets.token_hex(4)}", deleted.id
    session.add(deleted)
    await session.flush()


async def _return_name(session: AsyncSession, owner: str, identity: str, time_us: int, holder: Profile | None) -> None:
    """Gives a name back to the last deleted profile that had it and has samples or a picture, if there is one. The
    deleted profile `holder`, which has the name now, gets another one.
    """
    statement = (
        select(Profile)
        .where(
            col(Profile.owner) == owner,
            col(Profile.former_id) == identity,
            col(Profile.purge_time_us) > time_us,
            (col(Profile.sample_count) > 0) | (col(Profile.avatar_blob) != ""),
        )
        .order_by(col(Profile.delete_time_us).desc())
        .limit(1)
        .with_for_update()
    )
    earlier = (await session.scalars(statement)).one_or_none()
    if earlier is None:
        return
    if holder is not None:
        await _rename(session, holder)
    earlier.id, earlier.former_id = identity, None
    session.add(earlier)
    await session.flush()


def _refuse_taken(row: Profile | None) -> None:
    if row is not None and row.delete_time_us is None:
        raise AlreadyExists("profile", f"profiles/{row.id}")


async def _find_request(
    session: AsyncSession, owner: str, request_id: str | None, digest: str | None
) -> Profile | None:
    if request_id is None:
        return None
    statement = select(Profile).where(col(Profile.owner) == owner, col(Profile.request_id) == request_id)
    stored = (await session.scalars(statement)).one_or_none()
    if stored and stored.request_digest != digest:
        raise Precondition(
            "REQUEST_ID_REUSED", request_id, "This request id came before, with another profile: draw a new one."
        )
    return stored


async def _remove(session: AsyncSession, rows: Sequence[Profile]) -> Sequence[str]:
    keys = [row.key for row in rows]
    held = select(col(Sample.original_blob), col(Sample.normalized_blob)).where(col(Sample.profile_key).in_(keys))
    blobs = [blob for pair in (await session.execute(held)).all() for blob in pair]
    await session.execute(delete(Profile).where(col(Profile.key).in_(keys)))  # the samples' rows go with them
    return [*blobs, *(row.avatar_blob for row in rows if row.avatar_blob)]


def _clause(condition: Condition, dialect: str) -> ColumnElement[bool]:
    match condition.field:
        case FilterField.LABELS:
            pairs = (
                func.json_each(col(Profile.labels)) if dialect == "sqlite" else func.json_each_text(col(Profile.labels))
            )
            pair = pairs.table_valued("key", "value")
            return (
                select(1).select_from(pair).where(pair.c.key == condition.key, pair.c.value == condition.value).exists()
            )
        case FilterField.CREATE_TIME:
            return _created(condition.operator, int(condition.value))
        case FilterField.SAMPLE_COUNT:
            return _compared(col(Profile.sample_count), condition.operator, condition.value)
        case FilterField.DISPLAY_NAME:
            return col(Profile.display_name) == condition.value
        case _:
            return col(Profile.language) == condition.value


def _created(operator: Operator, time_us: int) -> ColumnElement[bool]:
    """Keys are times: a microsecond has SLOTS of them."""
    key, first, behind = col(Profile.key), first_key(time_us), first_key(time_us) + SLOTS
    match operator:
        case Operator.EQUAL:
            return key.between(first, behind - 1)
        case Operator.LESS:
            return key < first
        case Operator.AT_MOST:
            return key < behind
        case Operator.MORE:
            return key >= behind
        case Operator.AT_LEAST:
            return key >= first


def _compared(column: Any, operator: Operator, value: str | int) -> ColumnElement[bool]:
    compared: ColumnElement[bool] = column.op(
        "=" if operator is Operator.EQUAL else operator.value, is_comparison=True
    )(value)
    return compared
