"""Generations in the database."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from voicebox_kit.errors import NotFound

from . import search
from .database import Database
from .filters import Condition, Field, Operator
from .keys import draw_key, first_key
from .tables import Generation

_EQUALITIES = {
    Field.PROFILE: col(Generation.profile),
    Field.VOICE: col(Generation.voice),
    Field.ENGINE: col(Generation.engine),
    Field.LANGUAGE: col(Generation.language),
    Field.STATUS: col(Generation.status),
}


class GenerationStore:
    """Every method sees the generations of one owner only; another's are NotFound."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, row: Generation, time_us: int) -> Generation:
        """Keep a generation that was spoken at `time_us`, and answer it; or answer the one that is kept under its id already.

        The row's key is drawn here.
        """

        async def work(session: AsyncSession) -> Generation:
            kept = await _find(session, row.owner, row.id)
            if kept:
                return kept
            row.key = await _free_key(session, time_us)
            session.add(row)
            await session.flush()
            await search.add(session, [row])
            return row

        return await self._database.write(work)

    async def find(self, owner: str, identity: str) -> Generation | None:
        """The generation `generations/{identity}`, or None."""
        async with self._database.reading() as session:
            return await _find(session, owner, identity)

    async def get(self, owner: str, identity: str) -> Generation:
        """The generation `generations/{identity}`, or NotFound."""
        row = await self.find(owner, identity)
        if row is None:
            raise NotFound("generation", f"generations/{identity}")
        return row

    async def page(
        self, owner: str, conditions: Sequence[Condition], words: tuple[str, ...], before: int | None, limit: int
    ) -> Sequence[Generation]:
        """At most `limit` generations, newest first, older than the key `before`, that meet all conditions and have all words."""
        statement = page_statement(owner, conditions, words, before, limit)
        async with self._database.reading() as session:
            return (await session.scalars(statement)).all()

    async def delete(self, owner: str, identity: str) -> Generation:
        """Delete a generation, and answer what it was. NotFound when there is none."""

        async def work(session: AsyncSession) -> Generation:
            row = await _find(session, owner, identity)
            if row is None:
                raise NotFound("generation", f"generations/{identity}")
            await session.execute(delete(Generation).where(col(Generation.key) == row.key))
            await search.remove(session, row.key)
            return row

        return await self._database.write(work)

    async def blobs_in_use(self, names: Sequence[str]) -> set[str]:
        """Those of the blobs that a generation holds."""
        async with self._database.reading() as session:
            return set((await session.scalars(select(col(Generation.blob)).where(col(Generation.blob).in_(names)))).all())


def page_statement(
    owner: str, conditions: Sequence[Condition], words: tuple[str, ...], before: int | None, limit: int
) -> Select[Generation]:
    """The SELECT of GenerationStore.page."""
    equalities = [condition for condition in conditions if search.is_equality(condition)]
    statement = select(Generation)
    key: SQLColumnExpression[int] = col(Generation.key)
    # One equality has an index of its own; several are intersected by the search index, in 5 ms at 100,000 rows, where
    # one index and a look at each of its rows took 60.
    if words or len(equalities) > 1:
        key = search.INDEX.c.rowid
        statement = statement.join(search.INDEX, key == col(Generation.key)).where(search.matches(owner, equalities, words))
    else:
        statement = statement.where(col(Generation.owner) == owner, *(_equality(condition) for condition in equalities))
    for condition in conditions:
        statement = statement.where(*_bounds(condition, key))
    if before is not None:
        statement = statement.where(key < before)
    return statement.order_by(key.desc()).limit(limit)


async def _find(session: AsyncSession, owner: str, identity: str) -> Generation | None:
    statement = select(Generation).where(col(Generation.owner) == owner, col(Generation.id) == identity)
    return (await session.scalars(statement)).one_or_none()


async def _free_key(session: AsyncSession, time_us: int) -> int:
    attempt = 0
    while await session.get(Generation, key := draw_key(time_us, attempt)):
        attempt += 1
    return key


def _equality(condition: Condition) -> ColumnElement[bool]:
    return _EQUALITIES[condition.field] == condition.value


def _bounds(condition: Condition, key: SQLColumnExpression[int]) -> list[ColumnElement[bool]]:
    """What a condition with an order asks of the columns; keys order by creation time, so its bounds are bounds of the key."""
    value = condition.value
    match condition.field, value:
        case Field.CREATE_TIME, int():
            return _time_bounds(condition.operator, value, key)
        case Field.DURATION, int():
            return [_compared(condition.operator, col(Generation.duration_us), value)]
        case _:
            return []


def _time_bounds(operator: Operator, time_us: int, key: SQLColumnExpression[int]) -> list[ColumnElement[bool]]:
    begin, end = first_key(time_us), first_key(time_us + 1)
    match operator:
        case Operator.EQUAL:
            return [key >= begin, key < end]
        case Operator.LESS:
            return [key < begin]
        case Operator.AT_MOST:
            return [key < end]
        case Operator.MORE:
            return [key >= end]
        case Operator.AT_LEAST:
            return [key >= begin]


def _compared(operator: Operator, column: SQLColumnExpression[int], value: int) -> ColumnElement[bool]:
    match operator:
        case Operator.EQUAL:
            return column == value
        case Operator.LESS:
            return column < value
        case Operator.AT_MOST:
            return column <= value
        case Operator.MORE:
            return column > value
        case Operator.AT_LEAST:
            return column >= value
