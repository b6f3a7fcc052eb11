"""Fills a catalog's database with a history of any length, as fast as each database takes it."""

import json
import random
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from types import SimpleNamespace

import asyncpg
from sqlalchemy import Table
from sqlalchemy.engine import make_url
from voicebox_catalog.store.search_index import tokens_of_row
from voicebox_catalog.store.tables import Generation
from voicebox_sql.keys import SLOTS, first_key
from voicebox_sql.search import is_word, relevance_class

FIRST_US = 1_767_225_600_000_000
STEP_US = 1_000_000
AT_ONCE = 20_000
WORDS = [f"w{number}" for number in range(5000)]

TABLE: Table = Generation.__table__  # type: ignore[attr-defined]  # SQLModel has no type for it
NAMES = [column.name for column in TABLE.columns]
INDEXES = [index.name for index in TABLE.indexes if index.name]


def rows(count: int) -> Iterator[SimpleNamespace]:
    """Texts of 1 to 36 words out of 5,000; every second one has the word `common`, every hundredth `some`, every
    ten-thousandth `rare`.
    """
    draw = random.Random(1)
    for number in range(count):
        words = draw.choices(WORDS, k=draw.randint(1, 36))
        words += ["common"] * (number % 2) + ["some"] * (number % 100 == 7) + ["rare"] * (number % 10_000 == 5)
        yield SimpleNamespace(  # a Generation takes 80 µs to make
            key=first_key(FIRST_US + number * STEP_US) + draw.randrange(SLOTS),
            owner="local",
            id=str(uuid.UUID(int=draw.getrandbits(128), version=4)),
            text=" ".join(words),
            profile=f"profiles/p{number % 50}",
            voice="flite/slt",
            engine=("flite", "espeak")[number % 2],
            model="flite/slt",
            language="en-US",
            seed=number,
            speed=1.0,
            pitch_semitones=0.0,
            container="flac",
            sample_rate_hz=24_000,
            duration_us=draw.randrange(10_000_000),
            size_bytes=100_000,
            time_to_first_chunk_us=10_000,
            synthesis_time_us=100_000,
            status=3 if number % 100 == 0 else 1,
            warnings=[],
            blob="",
            model_revision="",
            parameters={},
            favorite=False,
            labels={"team": "games"} if number % 1000 == 3 else {},
            word_error_rate=None,
            etag="1",
        )


def key_of(number: int) -> int:
    """Before the keys of all rows from this number on."""
    return first_key(FIRST_US + number * STEP_US)


async def fill(url: str, count: int) -> None:
    """Add the rows to an empty database of today's tables; indexes are made at the end."""
    if url.startswith("sqlite"):
        _fill_sqlite(make_url(url).database or "", count)
    else:
        await _fill_postgres(url.replace("+asyncpg", ""), count)


def _fill_sqlite(path: str, count: int) -> None:
    values = ", ".join(f":{name}" for name in NAMES)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        made = [
            sql
            for name in INDEXES
            for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,))
        ]
        connection.execute("BEGIN")
        for name in INDEXES:
            connection.execute(f"DROP INDEX {name}")
        for part in _parts(count):
            connection.executemany(f"INSERT INTO generations ({', '.join(NAMES)}) VALUES ({values})", map(_plain, part))
            words = [(row.key, f" {' '.join(tokens_of_row(Generation, row))} ") for row in part]
            connection.executemany("INSERT INTO generation_search(rowid, words) VALUES (?, ?)", words)
            known = {(word,) for _, each in words for word in each.split() if is_word(word)}
            connection.executemany("INSERT OR IGNORE INTO generation_search_words(word) VALUES (?)", known)
        for sql in made:
            connection.execute(sql)
        connection.execute("COMMIT")


async def _fill_postgres(url: str, count: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET maintenance_work_mem = '512MB'; SET synchronous_commit = off")
        names = [*INDEXES, "generation_search_by_words", "generation_search_by_relevance"]
        made = [
            await connection.fetchval("SELECT indexdef FROM pg_indexes WHERE indexname = $1", name) for name in names
        ]
        for name in names:
            await connection.execute(f"DROP INDEX {name}")
        for part in _parts(count):
            records = [tuple(map(_plain(row).__getitem__, NAMES)) for row in part]
            await connection.copy_records_to_table("generations", records=records, columns=NAMES)
            lines = [
                f"{row.key}\t{-relevance_class(row.text)}\t{_quoted(tokens_of_row(Generation, row))}\n".encode()
                for row in part
            ]
            await connection.copy_to_table(
                "generation_search", source=_source(lines), columns=["key", "relevance", "words"], format="text"
            )
        for sql in made:
            await connection.execute(sql)
        await connection.execute("VACUUM ANALYZE")  # as the server does by itself, some time after so many rows
    finally:
        await connection.close()


async def _source(lines: Sequence[bytes]) -> AsyncIterator[bytes]:
    yield b"".join(lines)


def _quoted(tokens: Sequence[str]) -> str:
    return " ".join(f"'{token}'" for token in tokens)


def _parts(count: int) -> Iterator[list[SimpleNamespace]]:
    all_rows = rows(count)
    while part := list(islice(all_rows, AT_ONCE)):
        yield part


def _plain(row: SimpleNamespace) -> dict[str, object]:
    """A row's values as both drivers take them; JSON is text to them."""
    return {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in vars(row).items()}
