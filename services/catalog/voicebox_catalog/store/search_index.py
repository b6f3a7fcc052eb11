"""The full-text index of a table: the one place with SQL of a single database, SQLite's FTS5 and PostgreSQL's tsvector.

It has a row for each row of the table, under the same key. Beside the words of the text stand scope tokens, one for
each value that a filter may compare with `=`, so that "this word, of this profile" is one intersection inside the
index.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Executable,
    FromClause,
    Select,
    SQLColumnExpression,
    TableClause,
    bindparam,
    column,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text
from sqlmodel import col
from voicebox_sql.search import class_of, is_word, scope_token, tokens_of

from .filters import Condition, FilterField
from .tables import Generation, Transcription

POSTGRES = "postgresql"
INDEXED_BEGINNINGS = 3
"""Letters: SQLite's index has the beginnings of words up to this length."""
COMPLETIONS = 64
LAST_CHARACTER = "\U0010ffff"

REBUILD_ROWS = 5000
"""Rows in one step while an index is rebuilt."""

_SCOPED: dict[type, tuple[FilterField, ...]] = {
    Generation: (
        FilterField.PROFILE,
        FilterField.VOICE,
        FilterField.ENGINE,
        FilterField.LANGUAGE,
        FilterField.STATUS,
        FilterField.FAVORITE,
    ),
    Transcription: (FilterField.ENGINE, FilterField.MODEL, FilterField.LANGUAGE, FilterField.FAVORITE),
}


class SearchIndex(Protocol):
    """The index of a table in one of the databases, as statements."""

    in_key_order: bool
    """Whether matches come in the order of their keys: then nothing is sorted, and a common word costs no more than a
    rare one.
    """

    @property
    def source(self) -> TableClause:
        """What a SELECT joins."""

    @property
    def key(self) -> SQLColumnExpression[int]:
        """The key of a row."""

    def creation(self, of: str) -> Sequence[str]:
        """Creates it for the table `of`."""

    def insertions(self, tokens: Mapping[int, Sequence[str]]) -> Sequence[tuple[Executable, list[dict[str, object]]]]:
        """Statements, with their parameters, that index rows, in the transaction that stores them."""

    def completions(self, begun: str) -> Select[str] | None:
        """Selects the words that begin so, of which at most COMPLETIONS are looked for one by one; None where that is
        no gain.
        """

    def delete(self, keys: Collection[int]) -> Delete:
        """Forgets rows, in the transaction that deletes them."""

    def matches(self, scope: Iterable[str], terms: Sequence[str], completed: Sequence[str] = ()) -> ColumnElement[bool]:
        """True for the rows that have all these tokens, the last of the terms perhaps only begun: or one of its
        completions instead.
        """


def index_of(table_class: type[Generation] | type[Transcription], dialect: str) -> SearchIndex:
    """The index of a table in a database of this kind."""
    name = "generation_search" if table_class is Generation else "transcription_search"
    return Tsvector(name) if dialect == POSTGRES else Fts5(name)


def tokens_of_row(table_class: type[Generation] | type[Transcription], row: Any) -> list[str]:
    """Everything that a row of a table is found by: its words, and tokens for its owner and for each of its values."""
    scope = [owner_token(row.owner), *(scope_token(field, getattr(row, field)) for field in _SCOPED[table_class])]
    labels = [scope_token(FilterField.LABELS, key, value) for key, value in row.labels.items()]
    return [*scope, *labels, *tokens_of(row.text)]


def owner_token(owner: str) -> str:
    """The token of all rows of an owner."""
    return scope_token("owner", owner)


def condition_token(condition: Condition) -> str:
    """The token of all rows that meet a condition with `=`."""
    parts = (condition.key,) if condition.field is FilterField.LABELS else ()
    return scope_token(condition.field, *parts, condition.value)


def rebuild(connection: Connection) -> None:
    """Rebuild both indexes from the rows."""
    for table_class in (Generation, Transcription):
        index = index_of(table_class, connection.dialect.name)
        for name in (index.source.name, f"{index.source.name}_words"):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
        for statement in index.creation(str(table_class.__tablename__)):
            connection.exec_driver_sql(statement)
        _fill(connection, table_class, index)


def _fill(connection: Connection, table_class: type[Generation] | type[Transcription], index: SearchIndex) -> None:
    names = ("key", "owner", "text", "labels", *_SCOPED[table_class])
    columns = [getattr(table_class, name) for name in names]
    after = -1
    while rows := connection.execute(
        sa.select(*columns).where(col(table_class.key) > after).order_by(col(table_class.key)).limit(REBUILD_ROWS)
    ).all():
        for statement, rows_of_it in index.insertions({row.key: tokens_of_row(table_class, row) for row in rows}):
            connection.execute(statement, rows_of_it)
        after = rows[-1].key


class Fts5:
    """SQLite's."""

    in_key_order = True

    def __init__(self, name: str) -> None:
        self.source = sa.table(name, column("rowid"), column("words"), column(name))
        self.key: SQLColumnExpression[int] = self.source.c.rowid
        self._stored = sa.table(f"{name}_content", column("id"), column("c0"))
        self._words = sa.table(f"{name}_words", column("word"))

    def creation(self, of: str) -> Sequence[str]:
        # The tokenizer takes every letter that is not ASCII for part of a word, as our tokens want it. The beginnings
        # of 1 to 3
        # letters have an index of their own: "a*" would otherwise merge thousands of words. Where in a text a word
        # stands is not kept.
        options = "words, tokenize = 'ascii', detail = none, columnsize = 0, prefix = '1 2 3'"
        return (
            f"CREATE VIRTUAL TABLE {self.source.name} USING fts5({options})",
            f"CREATE TABLE {self.source.name}_words (word TEXT PRIMARY KEY) WITHOUT ROWID",
        )

    def insertions(self, tokens: Mapping[int, Sequence[str]]) -> Sequence[tuple[Executable, list[dict[str, object]]]]:
        rows: list[dict[str, object]] = [{"row": key, "tokens": f" {' '.join(each)} "} for key, each in tokens.items()]
        words: list[dict[str, object]] = [
            {"words": json.dumps([token for each in tokens.values() for token in each if is_word(token)])}
        ]
        values = func.json_each(bindparam("words")).table_valued("value")
        known = sa.insert(self._words).prefix_with("OR IGNORE").from_select(["word"], sa.select(values.c.value))
        return (
            (sa.insert(self.source).values(rowid=bindparam("row"), words=bindparam("tokens")), rows),
            (known, words),
        )

    def completions(self, begun: str) -> Select[str] | None:
        """The index merges the lists of all words that begin so before its first answer: for a common word 150 ms of a
        million rows.
        """
        if len(begun) <= INDEXED_BEGINNINGS:
            return None
        word: SQLColumnExpression[str] = self._words.c.word
        return sa.select(word).where(word >= begun, word < begun + LAST_CHARACTER).limit(COMPLETIONS + 1)

    def delete(self, keys: Collection[int]) -> Delete:
        return sa.delete(self.source).where(self.key.in_(keys))

    def matches(self, scope: Iterable[str], terms: Sequence[str], completed: Sequence[str] = ()) -> ColumnElement[bool]:
        parts = [f'"{token}"' for token in (*scope, *terms[:-1])]
        if completed:
            parts.append("(" + " OR ".join(f'"{token}"' for token in completed) + ")")
        elif terms:
            parts.append(f'"{terms[-1]}" *')
        return self.source.c[self.source.name].bool_op("MATCH")(" AND ".join(parts))

    def stored(self) -> tuple[TableClause, SQLColumnExpression[int]]:
        """What it keeps of each row, and the row's key: for looking at rows one by one in an order that the index does
        not have.
        """
        return self._stored, self._stored.c.id

    def stored_matches(self, scope: Iterable[str], terms: Sequence[str]) -> ColumnElement[bool]:
        """As `matches`, for one row of `stored`, 1 µs each."""
        whole = [f" {token} " for token in (*scope, *terms[:-1])]
        begun = [f" {token}" for token in terms[-1:]]
        return sa.and_(*(func.instr(self._stored.c.c0, part) > 0 for part in (*whole, *begun)))


@contextmanager
def row_by_row(session: Session) -> Iterator[None]:
    """In this block PostgreSQL reads an index in its order, and never fetches all matches of a search first: for what
    stops early.
    """
    session.execute(sa.text("SET LOCAL enable_bitmapscan = off"))
    yield
    session.execute(sa.text("SET LOCAL enable_bitmapscan = on"))


class Tsvector:
    """PostgreSQL's. It returns all matches at once, in no order: common words are better searched row by row
    (HistoryStore).
    """

    in_key_order = False

    def __init__(self, name: str) -> None:
        self.source = sa.table(name, column("key"), column("relevance"), column("words"))
        self.relevance: SQLColumnExpression[int] = self.source.c.relevance
        self.key: SQLColumnExpression[int] = self.source.c.key

    def creation(self, of: str) -> Sequence[str]:
        name = self.source.name
        return (
            f"CREATE TABLE {name} (key BIGINT PRIMARY KEY REFERENCES {of} (key) ON DELETE CASCADE, "
            "relevance SMALLINT NOT NULL, words TSVECTOR NOT NULL)",
            # Negative classes: then the most relevant and the newest are both the last.
            f"CREATE INDEX {name}_by_relevance ON {name} (relevance, key)",
            # Without fastupdate no search has to read a pile of rows that are not in the index yet.
            f"CREATE INDEX {name}_by_words ON {name} USING gin (words) WITH (fastupdate = off)",
        )

    def insertions(self, tokens: Mapping[int, Sequence[str]]) -> Sequence[tuple[Executable, list[dict[str, object]]]]:
        words = func.array_to_tsvector(bindparam("tokens", type_=ARRAY(Text)))
        rows: list[dict[str, object]] = [
            {"row": key, "rank": -class_of(each), "tokens": list(each)} for key, each in tokens.items()
        ]
        return ((sa.insert(self.source).values(key=bindparam("row"), relevance=bindparam("rank"), words=words), rows),)

    def completions(self, begun: str) -> Select[str] | None:
        return None

    def delete(self, keys: Collection[int]) -> Delete:
        return sa.delete(self.source).where(self.key.in_(keys))

    def matches(
        self,
        scope: Iterable[str],
        terms: Sequence[str],
        completed: Sequence[str] = (),
        source: FromClause | None = None,
    ) -> ColumnElement[bool]:
        query = " & ".join(f"'{token}'" for token in (*scope, *terms)) + (":*" if terms else "")
        words: ColumnElement[str] = (self.source if source is None else source).c.words
        return words.bool_op("@@")(sa.cast(query, TSQUERY))
