"""Work in the database: what is reserved, what was used, and how much of a day's limits that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from voicebox_kit.errors import Exhausted
from voicebox_sql.database import Database

from voicebox_accounts.effective_limits import EffectiveLimits

from .tables import DayCount, Reservation, Usage

DAY_SECONDS = 86_400
US = 1_000_000
SPEECH, RECOGNITION, MODEL_DOWNLOAD, CONVERSION, TRAINING, DATASET = KINDS = 1, 2, 3, 4, 5, 6
"""The contract's numbers of the kinds of work."""
RETRY_SECONDS = 5.0
"""When a stream of others may have ended."""
MAX_ROWS = 10_000
GROUPS = ("owner", "key", "day", "model", "kind")


@dataclass(frozen=True)
class Used:
    """What a piece of work uses."""

    characters: int
    audio_ms: int
    compute_ms: int = 0


@dataclass(frozen=True)
class WorkItem:
    """A piece of work of an owner and a key, which is empty for a token."""

    work_id: str
    owner: str
    key: str
    kind: int
    request_id: str

    @property
    def subjects(self) -> Sequence[str]:
        """Whose counts it is part of, in the order in which they are locked."""
        return [f"owners/{self.owner}"] + ([f"keys/{self.key}"] if self.key else [])


@dataclass(frozen=True)
class UsageQuery:
    """Which usage is added up: days since 1970, both inclusive; an empty owner or key is all of them."""

    owner: str
    key: str
    from_day: int
    to_day: int
    groups: Sequence[str]


@dataclass(frozen=True)
class UsageSum:
    """What one group used; `group` has the fields of the query's groups."""

    group: Mapping[str, str | int]
    work_count: int
    used: Used


class WorkStore:
    """The work of all owners. Reservations of one owner are made one after another, by a lock on its row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, item: WorkItem, amounts: Used, limits: EffectiveLimits, now_us: int, until_us: int) -> None:
        """Reserve; again for the same piece of work, it changes nothing. Raises Exhausted."""

        async def work(session: AsyncSession) -> None:
            day = _day(now_us)
            counts = [await _count(session, subject, day) for subject in item.subjects]
            is_reserved = await session.get(Reservation, item.work_id) is not None
            if is_reserved or await session.get(Usage, item.work_id) is not None:
                return
            await _check_streams(session, item, limits, now_us)
            _check_day(item.kind, amounts, counts, limits, now_us)
            _add(item.kind, amounts, counts)
            session.add(
                Reservation(
                    work_id=item.work_id,
                    owner=item.owner,
                    key=item.key,
                    kind=item.kind,
                    day=day,
                    characters=amounts.characters,
                    audio_ms=amounts.audio_ms,
                    request_id=item.request_id,
                    until_us=until_us,
                )
            )
            await session.flush()

        await self._database.write(work)

    async def renew(
        self, item: WorkItem, amounts: Used, used: Used, limits: EffectiveLimits, now_us: int, until_us: int
    ) -> None:
        """Reserve up to `amounts` in all, and note what was used. Raises Exhausted; then the work keeps what it has."""

        async def work(session: AsyncSession) -> None:
            row = await session.get(Reservation, item.work_id)
            if row is None or row.owner != item.owner:
                return  # it has ended meanwhile
            counts = [await _count(session, subject, row.day) for subject in item.subjects]
            more = Used(max(0, amounts.characters - row.characters), max(0, amounts.audio_ms - row.audio_ms))
            _check_day(row.kind, more, counts, limits, now_us)
            _add(row.kind, more, counts)
            row.characters += more.characters
            row.audio_ms += more.audio_ms
            row.used_characters, row.used_audio_ms = used.characters, used.audio_ms
            row.until_us = until_us
            await session.flush()

        await self._database.write(work)

    async def record(self, item: WorkItem, model: str, used: Used, end_us: int, *, is_final: bool = True) -> None:
        """Settle the reservation, and store what was used: one row for each piece of work. A final row replaces one
        that is not, which stands for work whose process went away.
        """

        async def work(session: AsyncSession) -> None:
            # The owner's row is locked first, as when a reservation is made.
            day = _day(end_us)
            owners = await _count(session, item.subjects[0], day)
            known = await session.get(Usage, item.work_id)
            if known and (known.is_final or not is_final):
                return
            reserved = await session.get(Reservation, item.work_id)
            counted_day, counted = _before(known, reserved, day)
            counts = [owners] if counted_day == day else [await _count(session, item.subjects[0], counted_day)]
            counts += [await _count(session, subject, counted_day) for subject in item.subjects[1:]]
            difference = Used(used.characters - counted.characters, used.audio_ms - counted.audio_ms)
            _add(item.kind, difference, counts, downloads=int(known is None and reserved is None))
            for row in (known, reserved):
                if row is not None:
                    await session.delete(row)
            await session.flush()
            if known or used != Used(0, 0) or item.kind == MODEL_DOWNLOAD:
                session.add(_usage(item, model, used, day, end_us, is_final=is_final))
                await session.flush()

        await self._database.write(work)

    async def expired(self, now_us: int, limit: int = 100) -> Sequence[Reservation]:
        """Reservations that were neither renewed nor settled in time."""
        query = select(Reservation).where(col(Reservation.until_us) < now_us).limit(limit)
        return await self._database.read(lambda session: session.scalars(query).all())

    async def usage(self, query: UsageQuery) -> Sequence[UsageSum]:
        """What was used, by group, in their order; at most MAX_ROWS groups."""
        columns = [getattr(Usage, name) for name in GROUPS if name in query.groups]
        sums = (
            func.count(),
            func.sum(col(Usage.characters)),
            func.sum(col(Usage.audio_ms)),
            func.sum(col(Usage.compute_ms)),
        )
        statement = select(*columns, *sums).where(col(Usage.day) >= query.from_day, col(Usage.day) <= query.to_day)
        if query.owner:
            statement = statement.where(col(Usage.owner) == query.owner)
        if query.key:
            statement = statement.where(col(Usage.key) == query.key)
        statement = statement.group_by(*columns).order_by(*columns).limit(MAX_ROWS)
        rows = await self._database.read(lambda session: session.execute(statement).all())
        names = [name for name in GROUPS if name in query.groups]
        return [
            UsageSum(dict(zip(names, row, strict=False)), row[-4], Used(*(int(amount or 0) for amount in row[-3:])))
            for row in rows
            if row[-4]
        ]


def _day(time_us: int) -> int:
    return time_us // (DAY_SECONDS * US)


def _before(known: Usage | None, reserved: Reservation | None, day: int) -> tuple[int, Used]:
    """The day and the amounts that a piece of work is counted with so far."""
    if known:
        return known.day, Used(known.characters, known.audio_ms)
    if reserved:
        return reserved.day, Used(reserved.characters, reserved.audio_ms)
    return day, Used(0, 0)


async def _count(session: AsyncSession, subject: str, day: int) -> DayCount:
    """The count of a subject's day, locked until the transaction ends."""
    row = await session.get(DayCount, (subject, day), with_for_update=True)
    if row is None:
        row = DayCount(subject=subject, day=day)
        session.add(row)
        await session.flush()
    return row


async def _check_streams(session: AsyncSession, item: WorkItem, limits: EffectiveLimits, now_us: int) -> None:
    limit = limits.get("concurrent_streams")
    if limit is None or item.kind == MODEL_DOWNLOAD:
        return
    of_key = limit.subject.startswith("keys/")
    mine = col(Reservation.key) == item.key if of_key else col(Reservation.owner) == item.owner
    running = await session.scalar(
        select(func.count()).select_from(Reservation).where(mine, col(Reservation.until_us) > now_us)
    )
    if (running or 0) >= limit.maximum:
        sentence = (
            f"{limit.maximum} pieces of speech, recognition and conversion run at once, which is the most for "
            f"{limit.subject}."
        )
        raise Exhausted("STREAMS_EXHAUSTED", sentence, RETRY_SECONDS)


def _check_day(kind: int, amounts: Used, counts: Sequence[DayCount], limits: EffectiveLimits, now_us: int) -> None:
    by_subject = {count.subject: count for count in counts}
    name, field, wanted, unit = {
        SPEECH: ("characters_per_day", "characters", amounts.characters, 1),
        RECOGNITION: ("audio_seconds_per_day", "audio_ms", amounts.audio_ms, 1000),
        CONVERSION: ("audio_seconds_per_day", "audio_ms", amounts.audio_ms, 1000),
        MODEL_DOWNLOAD: ("model_downloads_per_day", "downloads", 1, 1),
    }.get(kind, ("", "", 0, 1))
    limit = limits.get(name)
    if limit is None or wanted <= 0:
        return
    if getattr(by_subject[limit.subject], field) + wanted > limit.maximum * unit:
        left_seconds = DAY_SECONDS - now_us / US % DAY_SECONDS
        sentence = f"{limit.subject} has {name}={limit.maximum}, and not enough of it is left until midnight UTC."
        raise Exhausted("DAY_EXHAUSTED", sentence, left_seconds)


def _add(kind: int, amounts: Used, counts: Sequence[DayCount], downloads: int = 1) -> None:
    for count in counts:
        if kind == SPEECH:
            count.characters += amounts.characters
        elif kind in (RECOGNITION, CONVERSION):
            count.audio_ms += amounts.audio_ms
        elif kind == MODEL_DOWNLOAD:
            count.downloads += downloads


def _usage(item: WorkItem, model: str, used: Used, day: int, end_us: int, *, is_final: bool) -> Usage:
    return Usage(
        work_id=item.work_id,
        request_id=item.request_id,
        owner=item.owner,
        key=item.key,
        kind=item.kind,
        model=model,
        day=day,
        characters=used.characters,
        audio_ms=used.audio_ms,
        compute_ms=used.compute_ms,
        end_us=end_us,
        is_final=is_final,
    )
