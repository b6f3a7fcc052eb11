"""Generations in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sqlalchemy import SQLColumnExpression, func
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_sql.database import Database
from voicebox_sql.keys import SLOTS

from .filters import FilterField
from .history import HistoryStore
from .history_pages import HistoryPages
from .history_query import Query
from .tables import Generation

COMPLETED = 1
DAY_US = 86_400_000_000
_INDEXED = frozenset(
    {FilterField.PROFILE, FilterField.VOICE, FilterField.ENGINE, FilterField.LANGUAGE, FilterField.STATUS}
)


class GroupBy(Enum):
    """How statistics are grouped."""

    PROFILE = auto()
    ENGINE = auto()
    DAY = auto()


@dataclass(frozen=True)
class GenerationStatistics:
    """What generations add up to. `key` is the profile, the engine, or the day counted from 1970; None for all of
    them.
    """

    key: str | int | None
    count: int
    duration_us: int
    size_bytes: int
    incomplete_count: int
    synthesis_us: int


_GROUPS: dict[GroupBy, SQLColumnExpression[Any]] = {
    GroupBy.PROFILE: col(Generation.profile),
    GroupBy.ENGINE: col(Generation.engine),
    GroupBy.DAY: col(Generation.key) // (SLOTS * DAY_US),
}
_COUNT = func.count()
_SUMS = (
    _COUNT,
    func.coalesce(func.sum(col(Generation.duration_us)), 0),
    func.coalesce(func.sum(col(Generation.size_bytes)), 0),
    func.count().filter(col(Generation.status) != COMPLETED),
    func.coalesce(func.sum(col(Generation.synthesis_time_us)), 0),
)


class GenerationStore(HistoryStore[Generation]):
    """The generations of all owners, each of whom sees their own."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "generation", HistoryPages(Generation, _INDEXED))

    async def sums(self, owner: str, query: Query) -> GenerationStatistics:
        """What all generations that meet a query add up to."""

        def work(session: Session) -> GenerationStatistics:
            matching, _ = self.found.matching(session, owner, query)
            return _sums(None, session.execute(matching.with_only_columns(*_SUMS)).one())

        return await self._database.read(work)

    async def grouped_sums(
        self, owner: str, query: Query, group: GroupBy, limit: int
    ) -> Sequence[GenerationStatistics]:
        """As `sums`, for at most `limit` groups: those with the most generations, or the latest days."""

        def work(session: Session) -> Sequence[GenerationStatistics]:
            matching, _ = self.found.matching(session, owner, query)
            key: SQLColumnExpression[Any] = _GROUPS[group].label("group_key")
            statement = matching.with_only_columns(key, *_SUMS).group_by(key)
            order = (key.desc(),) if group is GroupBy.DAY else (_COUNT.desc(), key)
            rows = session.execute(statement.order_by(*order).limit(limit)).all()
            return [_sums(row[0], row[1:]) for row in rows]

        return await self._database.read(work)


def _sums(key: str | int | None, numbers: Sequence[Any]) -> GenerationStatistics:
    return GenerationStatistics(key, *(int(number) for number in numbers))
