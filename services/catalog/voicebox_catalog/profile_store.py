"""Profiles and their samples in the database."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from voicebox_kit.errors import AlreadyExists, EtagMismatch, NotFound, Precondition

from .database import Database
from .keys import draw_key
from .tables import Profile, Sample


class ProfileStore:
    """Every method sees the profiles of one owner only; another's are NotFound.

    Each change of a profile or of its samples draws a new etag.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, row: Profile, time_us: int) -> Profile:
        """Keep a new profile, and answer it; or answer the one that was created by the same request.

        Raises AlreadyExists for a name that is taken, and Precondition("REQUEST_ID_REUSED") when the request id came with other fields.
        """

        async def work(session: AsyncSession) -> Profile:
            kept = await _find_request(session, row)
            if kept:
                return kept
            if await _find(session, row.owner, row.id):
                raise AlreadyExists("profile", f"profiles/{row.id}")
            attempt = 0
            while await session.get(Profile, key := draw_key(time_us, attempt)):
                attempt += 1
            row.key = key
            _touch(row, time_us)
            session.add(row)
            return row

        return await self._database.write(work)

    async def get(self, owner: str, identity: str) -> Profile:
        """The profile `profiles/{identity}`, or NotFound."""
        async with self._database.reading() as session:
            return await _get(session, owner, identity)

    async def page(self, owner: str, before: int | None, limit: int) -> Sequence[Profile]:
        """At most `limit` profiles, newest first, older than the key `before`."""
        statement = select(Profile).where(col(Profile.owner) == owner)
        if before is not None:
            statement = statement.where(col(Profile.key) < before)
        async with self._database.reading() as session:
            return (await session.scalars(statement.order_by(col(Profile.key).desc()).limit(limit))).all()

    async def update(self, owner: str, identity: str, changes: Mapping[str, Any], etag: str, time_us: int) -> Profile:
        """Set the columns that `changes` names. Raises NotFound, or EtagMismatch for an etag that is neither empty nor the current one."""

        async def work(session: AsyncSession) -> Profile:
            row = await _get(session, owner, identity, etag, lock=True)
            for column, value in changes.items():
                setattr(row, column, value)
            _touch(row, time_us)
            session.add(row)
            return row

        return await self._database.write(work)

    async def delete(self, owner: str, identity: str, etag: str) -> Sequence[Sample]:
        """Delete a profile with its samples, and answer those. Raises NotFound or EtagMismatch."""

        async def work(session: AsyncSession) -> Sequence[Sample]:
            row = await _get(session, owner, identity, etag, lock=True)
            samples = (await session.scalars(select(Sample).where(col(Sample.profile_key) == row.key))).all()
            await session.execute(delete(Profile).where(col(Profile.key) == row.key))  # the samples' rows go with it
            return samples

        return await self._database.write(work)

    async def add_sample(self, owner: str, identity: str, row: Sample, time_us: int) -> Sample:
        """Keep a new sample of `profiles/{identity}`, and answer it; or answer the one that was added by the same request."""

        async def work(session: AsyncSession) -> Sample:
            profile = await _get(session, owner, identity, lock=True)
            kept = await _find_sample_request(session, profile.key, row.request_id)
            if kept:
                return kept
            attempt = 0
            while await session.get(Sample, key := draw_key(time_us, attempt)):
                attempt += 1
            row.key, row.profile_key = key, profile.key
            profile.sample_count += 1
            _touch(profile, time_us)
            session.add_all([profile, row])
            return row

        return await self._database.write(work)

    async def find_sample_request(self, owner: str, identity: str, request_id: str | None) -> Sample | None:
        """The sample that a request added to `profiles/{identity}` before, or None. NotFound without the profile."""
        async with self._database.reading() as session:
            profile = await _get(session, owner, identity)
            return await _find_sample_request(session, profile.key, request_id)

    async def get_sample(self, owner: str, identity: str, sample: str) -> Sample:
        """The sample `profiles/{identity}/samples/{sample}`, or NotFound."""
        async with self._database.reading() as session:
            return await _get_sample(session, owner, identity, sample)

    async def sample_page(self, owner: str, identity: str, after: int | None, limit: int) -> Sequence[Sample]:
        """At most `limit` samples of `profiles/{identity}`, oldest first, newer than the key `after`. NotFound without the profile."""
        async with self._database.reading() as session:
            profile = await _get(session, owner, identity)
            statement = select(Sample).where(col(Sample.profile_key) == profile.key)
            if after is not None:
                statement = statement.where(col(Sample.key) > after)
            return (await session.scalars(statement.order_by(col(Sample.key)).limit(limit))).all()

    async def with_samples(self, owner: str, identity: str) -> tuple[Profile, Sequence[Sample]]:
        """A profile and all its samples, oldest first, from one moment."""
        async with self._database.reading() as session:
            profile = await _get(session, owner, identity)
            statement = select(Sample).where(col(Sample.profile_key) == profile.key).order_by(col(Sample.key))
            return profile, (await session.scalars(statement)).all()

    async def delete_sample(self, owner: str, identity: str, sample: str, time_us: int) -> Sample:
        """Delete a sample, and answer what it was. NotFound when there is none."""

        async def work(session: AsyncSession) -> Sample:
            profile = await _get(session, owner, identity, lock=True)
            row = await _get_sample(session, owner, identity, sample)
            profile.sample_count -= 1
            _touch(profile, time_us)
            session.add(profile)
            await session.delete(row)
            return row

        return await self._database.write(work)

    async def blobs_in_use(self, names: Sequence[str]) -> set[str]:
        """Those of the blobs that a sample holds."""
        held = [select(column).where(column.in_(names)) for column in (col(Sample.original_blob), col(Sample.normalized_blob))]
        async with self._database.reading() as session:
            return set((await session.scalars(union_all(*held))).all())


async def _find(session: AsyncSession, owner: str, identity: str, *, lock: bool = False) -> Profile | None:
    statement = select(Profile).where(col(Profile.owner) == owner, col(Profile.id) == identity)
    return (await session.scalars(statement.with_for_update() if lock else statement)).one_or_none()


async def _get(session: AsyncSession, owner: str, identity: str, etag: str = "", *, lock: bool = False) -> Profile:
    row = await _find(session, owner, identity, lock=lock)
    if row is None:
        raise NotFound("profile", f"profiles/{identity}")
    if etag and etag != row.etag:
        raise EtagMismatch("profile", f"profiles/{identity}")
    return row


async def _find_request(session: AsyncSession, row: Profile) -> Profile | None:
    if row.request_id is None:
        return None
    statement = select(Profile).where(col(Profile.owner) == row.owner, col(Profile.request_id) == row.request_id)
    kept = (await session.scalars(statement)).one_or_none()
    if kept and kept.request_digest != row.request_digest:
        raise Precondition("REQUEST_ID_REUSED", row.request_id, "This request id came before, with another profile: draw a new one.")
    return kept


async def _find_sample_request(session: AsyncSession, profile_key: int, request_id: str | None) -> Sample | None:
    if request_id is None:
        return None
    statement = select(Sample).where(col(Sample.profile_key) == profile_key, col(Sample.request_id) == request_id)
    return (await session.scalars(statement)).one_or_none()


async def _get_sample(session: AsyncSession, owner: str, identity: str, sample: str) -> Sample:
    statement = select(Sample).join(Profile, col(Profile.key) == col(Sample.profile_key))
    statement = statement.where(col(Profile.owner) == owner, col(Profile.id) == identity, col(Sample.id) == sample)
    row = (await session.scalars(statement)).one_or_none()
    if row is None:
        raise NotFound("sample", f"profiles/{identity}/samples/{sample}")
    return row


def _touch(row: Profile, time_us: int) -> None:
    row.update_time_us = time_us
    row.etag = secrets.token_hex(8)
