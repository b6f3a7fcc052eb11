"""The samples of profiles in the database."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from voicebox_kit.errors import EtagMismatch, NotFound
from voicebox_sql.database import Database

from .profiles import add_samples, get_profile, touch
from .tables import Profile, Sample


class SampleStore:
    """Every method sees the samples of one owner's profiles only, and none of deleted profiles: the others are
    NotFound.

    Each change of a sample draws a new etag for it and for its profile.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, owner: str, profile: str, row: Sample, time_us: int, max_bytes: int | None = None) -> Sample:
        """Keep a new sample of `profiles/{profile}`, and answer it; or answer the one that was added by the same
        request. Raises Exhausted where the owner would store more than `max_bytes`.
        """

        async def work(session: AsyncSession) -> Sample:
            parent = await get_profile(session, owner, profile, lock=True)
            stored = await _find_request(session, parent.key, row.request_id)
            if stored:
                return stored
            await add_samples(session, parent, [row], time_us, max_bytes)
            return row

        return await self._database.write(work)

    async def find_request(self, owner: str, profile: str, request_id: str | None) -> Sample | None:
        """The sample that a request added to `profiles/{profile}` before, or None. NotFound without the profile."""
        async with self._database.reading() as session:
            parent = await get_profile(session, owner, profile)
            return await _find_request(session, parent.key, request_id)

    async def segment(
        self,
        owner: str,
        profile: str,
        sample: str,
        rows: Sequence[Sample],
        time_us: int,
        max_bytes: int | None = None,
    ) -> Sequence[Sample]:
        """Keep the parts of a sample, which is then excluded, and answer them in order. Exhausted as of `add`.

        The request id of each is that of its segmentation with a number: when they are there already, they are
        answered.
        """

        async def work(session: AsyncSession) -> Sequence[Sample]:
            parent = await get_profile(session, owner, profile, lock=True)
            source = await _get(session, owner, profile, sample)
            stored = await _find_parts(session, parent.key, _segmentation(rows))
            if stored:
                return stored
            source.excluded, source.etag = True, secrets.token_hex(8)
            session.add(source)
            await add_samples(session, parent, rows, time_us, max_bytes)
            return rows

        return await self._database.write(work)

    async def find_parts(self, owner: str, profile: str, segmentation: str | None) -> Sequence[Sample]:
        """The parts that a segmentation made before, in order; none for one that is new."""
        async with self._database.reading() as session:
            parent = await get_profile(session, owner, profile)
            return await _find_parts(session, parent.key, segmentation)

    async def get(self, owner: str, profile: str, sample: str) -> Sample:
        """The sample `profiles/{profile}/samples/{sample}`, or NotFound."""
        async with self._database.reading() as session:
            return await _get(session, owner, profile, sample)

    async def page(self, owner: str, profile: str, after: int | None, limit: int) -> Sequence[Sample]:
        """At most `limit` samples of `profiles/{profile}`, oldest first, newer than the key `after`. NotFound without
        the profile.
        """
        async with self._database.reading() as session:
            parent = await get_profile(session, owner, profile)
            statement = select(Sample).where(col(Sample.profile_key) == parent.key)
            if after is not None:
                statement = statement.where(col(Sample.key) > after)
            return (await session.scalars(statement.order_by(col(Sample.key)).limit(limit))).all()

    async def update(
        self, owner: str, profile: str, sample: str, changes: Mapping[str, Any], etag: str, time_us: int
    ) -> tuple[Sample, str]:
        """Set the columns that `changes` names; answers the sample, and the normalised copy that it had before.

        Raises NotFound, or EtagMismatch for an etag that is neither empty nor the current one.
        """

        async def work(session: AsyncSession) -> tuple[Sample, str]:
            parent = await get_profile(session, owner, profile, lock=True)
            row = await _get(session, owner, profile, sample, etag)
            before = row.normalized_blob
            for column, value in changes.items():
                setattr(row, column, value)
            row.etag = secrets.token_hex(8)
            touch(parent, time_us)
            session.add_all([parent, row])
            return row, before

        return await self._database.write(work)

    async def delete(self, owner: str, profile: str, sample: str, time_us: int) -> Sample:
        """Delete a sample, and answer what it was. NotFound when there is none."""

        async def work(session: AsyncSession) -> Sample:
            parent = await get_profile(session, owner, profile, lock=True)
            row = await _get(session, owner, profile, sample)
            parent.sample_count -= 1
            touch(parent, time_us)
            session.add(parent)
            await session.delete(row)
            return row

        return await self._database.write_deletion(work)


async def _find_request(session: AsyncSession, profile_key: int, request_id: str | None) -> Sample | None:
    if request_id is None:
        return None
    statement = select(Sample).where(col(Sample.profile_key) == profile_key, col(Sample.request_id) == request_id)
    return (await session.scalars(statement)).one_or_none()


def _segmentation(rows: Sequence[Sample]) -> str | None:
    request_id = rows[0].request_id if rows else None
    return None if request_id is None else request_id.partition("/")[0]


async def _find_parts(session: AsyncSession, profile_key: int, segmentation: str | None) -> Sequence[Sample]:
    if segmentation is None:
        return []
    statement = select(Sample).where(
        col(Sample.profile_key) == profile_key, col(Sample.request_id).startswith(f"{segmentation}/")
    )
    return (await session.scalars(statement.order_by(col(Sample.key)))).all()


async def _get(session: AsyncSession, owner: str, profile: str, sample: str, etag: str = "") -> Sample:
    statement = select(Sample).join(Profile, col(Profile.key) == col(Sample.profile_key))
    statement = statement.where(col(Profile.owner) == owner, col(Profile.id) == profile, col(Sample.id) == sample)
    row = (await session.scalars(statement.where(col(Profile.delete_time_us).is_(None)))).one_or_none()
    name = f"profiles/{profile}/samples/{sample}"
    if row is None:
        raise NotFound("sample", name)
    if etag and etag != row.etag:
        raise EtagMismatch("sample", name)
    return row
