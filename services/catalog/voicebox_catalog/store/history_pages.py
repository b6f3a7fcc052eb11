"""How generations and transcriptions are found in the database: by filter, search and order, a page at a time."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    Subquery,
    TableClause,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_sql.keys import first_key
from voicebox_sql.paging import Cursor
from voicebox_sql.search import RELEVANCE_CLASSES, relevance_class, relevance_token

from .filters import Condition, FilterField, Operator
from .history_query import Order, Query
from .search_index import COMPLETIONS, Fts5, SearchIndex, Tsvector, condition_token, index_of, owner_token, row_by_row
from .tables import Generation, Transcription

Row = TypeVar("Row", Generation, Transcription)

NEAR = 2000
FURTHER = 12_000
"""Rows, each looked at in 2 µs: the first are enough for what every fortieth row has, the second for every
two-hundredth.
"""

FEW = 5000
"""So many matches are fetched and sorted in 20 ms; of more, each walked row is one with enough probability."""


@dataclass(frozen=True)
class HistoryPages(Generic[Row]):
    """The pages of a table.

    `indexed` are the fields with an index of their own in the table: one equality of these needs no search index.
    `left_out` names the columns that pages do not read.
    """

    table: type[Row]
    indexed: frozenset[FilterField]
    left_out: tuple[str, ...] = ()

    def page(self, session: Session, owner: str, query: Query, after: Cursor | None, limit: int) -> Sequence[Row]:
        """At most `limit` rows of the query after a cursor."""
        query = self._completed(session, query)
        if query.order is Order.RELEVANCE:
            return self._by_relevance(session, owner, query, after, limit)
        if self._searches(query) and not self.index(session).in_key_order:
            near = self._near(session, owner, query, after, limit)
            if near is not None:
                return near
        return self._page(session, owner, query, after, limit)

    def cursor(self, query: Query, row: Row) -> Cursor:
        """Where a row stands in the list of a query."""
        match query.order:
            case Order.LONGEST | Order.SHORTEST:
                return Cursor(row.key, row.duration_us)
            case Order.RELEVANCE:
                return Cursor(row.key, relevance_class(row.text))
            case _:
                return Cursor(row.key)

    def index(self, session: Session) -> SearchIndex:
        """The table's search index in the session's database."""
        return index_of(self.table, session.get_bind().dialect.name)

    def _page(
        self, session: Session, owner: str, query: Query, after: Cursor | None, limit: int, scope: Sequence[str] = ()
    ) -> Sequence[Row]:
        """As `page`, for the orders that columns have, of the rows that also have the tokens `scope`."""
        return self._rows(session, self.statement(session, owner, query, after, limit, scope))

    def _near(
        self, session: Session, owner: str, query: Query, after: Cursor | None, limit: int
    ) -> Sequence[Row] | None:
        """The rows of a page if they are among the next ones of the owner's, else None.

        An index that gives all matches at once is slow for what many rows have, and a walk past all rows for what few
        have: this finds what many have, and costs little when it does not. It goes FURTHER where the first rows promise
        enough.
        """
        keys: Sequence[int] = ()
        for count in (NEAR, FURTHER):
            if count == FURTHER and len(keys) * FURTHER < limit * NEAR:
                return None
            near, matching = self._next(session, owner, query, after, count)
            # What few rows have is found at once by its index; of what these promise, it would fetch all first.
            with row_by_row(session) if count == FURTHER else nullcontext():
                keys = session.scalars(matching.limit(limit)).all()
            if len(keys) == limit or (session.scalar(select(func.count()).select_from(near)) or 0) < count:
                key, duration = col(self.table.key), col(self.table.duration_us)
                return self._rows(session, _ordered(self._pages().where(key.in_(keys)), query, duration, key, None))
        return None

    def _next(
        self, session: Session, owner: str, query: Query, after: Cursor | None, count: int
    ) -> tuple[Subquery, Select[Any]]:
        """The owner's next rows, up to a number, and the keys of those that match."""
        index, key, duration = self.index(session), col(self.table.key), col(self.table.duration_us)
        rows = select(key).add_columns(duration).where(col(self.table.owner) == owner, *self._bounds(query, key))
        near = _ordered(rows, query, duration, key, after).limit(count).subquery()
        tokens = tuple(map(condition_token, query.equalities))
        matching = (
            select(near.c.key).join(index.source, index.key == near.c.key).where(index.matches(tokens, query.terms))
        )
        return near, _ordered(matching, query, near.c.duration_us, near.c.key, None)

    def _completed(self, session: Session, query: Query) -> Query:
        completions = self.index(session).completions(query.terms[-1]) if query.terms else None
        if completions is None:
            return query
        words = session.scalars(completions).all()
        return replace(query, completed=tuple(words) if len(words) <= COMPLETIONS else ())

    def _pages(self) -> Select[Any]:
        return select(*self._columns())

    def _columns(self) -> list[ColumnElement[Any]]:
        """Those that pages read. Plain rows of columns are loaded in half the time of objects that could be changed."""
        return [
            column
            for column in self.table.metadata.tables[str(self.table.__tablename__)].columns
            if column.name not in self.left_out
        ]

    def _rows(self, session: Session, statement: Select[Any]) -> Sequence[Row]:
        return cast(Sequence[Row], session.execute(statement).all())

    def statement(
        self, session: Session, owner: str, query: Query, after: Cursor | None, limit: int, scope: Sequence[str] = ()
    ) -> Select[Any]:
        """The SELECT of a page."""
        matching, key = self.matching(session, owner, query, scope)
        index = self.index(session)
        if (
            isinstance(index, Fts5)
            and query.by_duration
            and self._searches(query)
            and self._are_many(session, matching)
        ):
            matching, key = self._walking(index, owner, query), col(self.table.key)
        statement = matching.with_only_columns(*self._columns())
        # After a walk past the next rows PostgreSQL would expect to meet enough matches soon on a longer one: `+ 0` has
        # no index.
        walked = self._searches(query) and not index.in_key_order and not scope
        return _ordered(statement, query, col(self.table.duration_us), key, after, unindexed=walked).limit(limit)

    def _by_relevance(
        self, session: Session, owner: str, query: Query, after: Cursor | None, limit: int
    ) -> Sequence[Row]:
        """One class after another, each of them newest first: so nothing is ever sorted, however many texts have the
        word.
        """
        index = self.index(session)
        if isinstance(index, Tsvector):
            keys = self._relevant_keys(session, index, owner, query, after, limit, near=True)
            if len(keys) < limit and self._is_common(session, owner, query, limit):
                keys = self._keys_by_class(session, index, owner, query, after, limit)
            elif len(keys) < limit:
                keys = self._relevant_keys(session, index, owner, query, after, limit, near=False)
            rows = self._rows(session, self._pages().where(col(self.table.key).in_(keys)))
            return sorted(rows, key=lambda row: (relevance_class(row.text), -row.key))
        found: list[Row] = []
        newest = replace(query, order=Order.NEWEST)
        for number in RELEVANCE_CLASSES[after.rank - 1 if after else 0 :]:
            begin = after if after and after.rank == number else None
            found += self._page(session, owner, newest, begin, limit - len(found), (relevance_token(number),))
            if len(found) == limit:
                break
        return found

    def _is_common(self, session: Session, owner: str, query: Query, limit: int) -> bool:
        """Whether a page full of the newest rows matches."""
        _, matching = self._next(session, owner, replace(query, order=Order.NEWEST), None, NEAR)
        with row_by_row(session):
            return len(session.scalars(matching.limit(limit)).all()) == limit

    def _keys_by_class(
        self, session: Session, index: Tsvector, owner: str, query: Query, after: Cursor | None, limit: int
    ) -> Sequence[int]:
        """The keys of a page by relevance, of what many rows have: nearly every class has enough among its first
        rows.
        """
        found: list[int] = []
        for number in RELEVANCE_CLASSES[after.rank - 1 if after else 0 :]:
            begin = after if after and after.rank == number else None
            wanted = limit - len(found)
            keys = self._relevant_keys(session, index, owner, query, begin, wanted, near=True, number=number)
            if len(keys) < wanted:
                keys = self._relevant_keys(session, index, owner, query, begin, wanted, near=False, number=number)
            found += keys
            if len(found) == limit:
                break
        return found

    def _relevant_keys(
        self,
        session: Session,
        index: Tsvector,
        owner: str,
        query: Query,
        after: Cursor | None,
        limit: int,
        *,
        near: bool,
        number: int | None = None,
    ) -> Sequence[int]:
        """The keys of a page by relevance: among the NEAR texts that come next in that order, or among all; of one
        class, or of all.
        """
        source: TableClause | Subquery = index.source
        cursor = tuple_(-after.rank, after.key) if after else None
        if near:
            texts = select(index.source).where(
                tuple_(index.relevance, index.key) < cursor if cursor is not None else true()
            )
            if number is not None:
                texts = texts.where(index.relevance == -number)
            source = texts.order_by(index.relevance.desc(), index.key.desc()).limit(NEAR).subquery()
        key, relevance = source.c.key, source.c.relevance
        classes: tuple[str, ...] = () if number is None else (relevance_token(number),)
        tokens = (owner_token(owner), *classes, *map(condition_token, query.equalities))
        statement = select(key).join(self.table, col(self.table.key) == key)
        statement = statement.where(index.matches(tokens, query.terms, source=source), *self._bounds(query, key))
        if cursor is not None:
            statement = statement.where(tuple_(relevance, key) < cursor)
        return (session.scalars(statement.order_by((relevance + 0).desc(), (key + 0).desc()).limit(limit))).all()

    def matching(
        self, session: Session, owner: str, query: Query, scope: Sequence[str] = ()
    ) -> tuple[Select[int], SQLColumnExpression[int]]:
        """The keys of the rows that meet a query, and the column that has their order."""
        index = self.index(session)
        key: SQLColumnExpression[int] = col(self.table.key)
        statement = select(key)
        if scope or self._searches(query):
            tokens = (owner_token(owner), *map(condition_token, query.equalities), *scope)
            statement = statement.join(index.source, index.key == key).where(
                index.matches(tokens, query.terms, query.completed)
            )
            if index.in_key_order:
                key = index.key
            else:
                statement = statement.where(col(self.table.owner) == owner)
        else:
            statement = statement.where(col(self.table.owner) == owner, *map(self._equality, query.equalities))
        return statement.where(*self._bounds(query, key)), key

    def _walking(self, index: Fts5, owner: str, query: Query) -> Select[int]:
        """As `_matching`, by looking at each row in the order of durations."""
        key = col(self.table.key)
        stored, stored_key = index.stored()
        statement = select(key).join(stored, stored_key == key)
        has_tokens = index.stored_matches(map(condition_token, query.equalities), query.terms)
        return statement.where(col(self.table.owner) == owner, has_tokens, *self._bounds(query, key))

    def _are_many(self, session: Session, matching: Select[int]) -> bool:
        some = matching.limit(FEW + 1).subquery()
        return (session.scalar(select(func.count()).select_from(some)) or 0) > FEW

    def _searches(self, query: Query) -> bool:
        """Whether the search index answers it: words, values without an index of their own, or several equalities.

        Those are intersected by it in 5 ms at 100,000 rows, where one index and a look at each of its rows took 60.
        """
        fields = [each.field for each in query.equalities]
        return bool(query.terms) or len(fields) > 1 or not self.indexed.issuperset(fields)

    def _equality(self, condition: Condition) -> ColumnElement[bool]:
        column: SQLColumnExpression[Any] = getattr(self.table, condition.field)
        return column == condition.value

    def _bounds(self, query: Query, key: SQLColumnExpression[int]) -> list[ColumnElement[bool]]:
        """The conditions with an order; keys order by creation time, so its bounds are bounds of the key."""
        found: list[ColumnElement[bool]] = []
        for condition in query.bounds:
            if condition.field is FilterField.CREATE_TIME:
                found += _time_bounds(condition.operator, int(condition.value), key)
            else:
                found.append(_compared(condition.operator, col(self.table.duration_us), int(condition.value)))
        return found


def _ordered(
    statement: Select[Any],
    query: Query,
    duration: SQLColumnExpression[int],
    key: SQLColumnExpression[int],
    after: Cursor | None,
    *,
    unindexed: bool = False,
) -> Select[Any]:
    if after:
        here = tuple_(duration, key) if query.by_duration else key
        last = tuple_(after.rank, after.key) if query.by_duration else literal(after.key)
        statement = statement.where(here < last if query.order.descends else here > last)
    columns = [column + 0 if unindexed else column for column in ([duration, key] if query.by_duration else [key])]
    return statement.order_by(*(column.desc() if query.order.descends else column.asc() for column in columns))


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
