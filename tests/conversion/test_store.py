"""Voice models in the database: the migrations make the tables of the code, on both databases, and files outlive
their rows by an hour at most.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from voicebox_blobs.stores import open_blobs
from voicebox_catalog.store import opening as catalog
from voicebox_conversion.store import sweep
from voicebox_conversion.store.migrations import MIGRATIONS, VERSION_TABLE
from voicebox_conversion.store.opening import VARIABLE, open_database
from voicebox_conversion.store.tables import TABLES, VoiceModel
from voicebox_conversion.store.voice_models import VoiceModelStore
from voicebox_kit.errors import AlreadyExists, Exhausted, NotFound
from voicebox_sql import database
from voicebox_sql.clock import now_us
from voicebox_sql.database import Pool

from tests.catalog.stores import postgres

REQUEST = "7f3c2a10-9b1e-4c57-8d21-0a4be6f5c9d3"


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with postgres(fsync=False) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/conversion.sqlite"
        return
    server = request.getfixturevalue("server")
    with server.database() as name:
        yield server.url(name)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[VoiceModelStore]:
    async with open_database(database_url) as opened:
        yield VoiceModelStore(opened)


def voice(identity: str = "reader", owner: str = "ann", **columns: Any) -> VoiceModel:
    texts = dict.fromkeys(("display_name", "consent", "licence", "recordings_sha256", "sha256"), "x")
    given = {"blob": "voices/1", "engine": "world", **columns}
    return VoiceModel(
        key=0, owner=owner, id=identity, sample_rate_hz=24_000, metrics={"loss": 0.5}, size_bytes=1, **texts, **given
    )


def _is_ours(name: str | None) -> bool:
    return str(name).startswith("conversion_") and name != VERSION_TABLE


def _difference(connection: Any) -> list[Any]:
    options = {"version_table": VERSION_TABLE, "include_name": lambda name, kind, _: kind != "table" or _is_ours(name)}
    return compare_metadata(MigrationContext.configure(connection, opts=options), TABLES.metadata)


async def test_the_tables_are_those_of_the_code_beside_the_catalogs(database_url: str) -> None:
    async with catalog.open_database(database_url):
        pass
    url = database.database_url(database_url, VARIABLE)
    async with database.connected(url, Pool()) as (_, writers):
        assert await MIGRATIONS.upgrade(writers) == MIGRATIONS.revisions()
        assert await MIGRATIONS.upgrade(writers) == ()
        async with writers.begin() as connection:
            assert await connection.run_sync(_difference) == []


async def test_of_many_at_once_each_gets_a_name_of_its_own(store: VoiceModelStore) -> None:
    made = await asyncio.gather(*(store.create(voice(), now_us(), rename=True) for _ in range(5)))
    assert sorted(row.id for row in made) == ["reader", "reader-2", "reader-3", "reader-4", "reader-5"]
    with pytest.raises(AlreadyExists):
        await store.create(voice(), now_us(), rename=False)


async def test_a_request_that_is_repeated_at_the_same_time_makes_one(store: VoiceModelStore) -> None:
    rows = [voice(blob=f"voices/{number}", request_id=REQUEST) for number in range(4)]
    made = await asyncio.gather(*(store.create(row, now_us(), rename=True) for row in rows))
    assert len({row.blob for row in made}) == 1
    assert len(await store.page("ann", None, 10)) == 1


async def test_uses_at_the_same_time_are_all_counted(store: VoiceModelStore) -> None:
    await store.create(voice(), now_us(), rename=False)
    await asyncio.gather(*(store.used("ann", "reader", 1500, 7) for _ in range(10)))
    await store.used("ann", "gone", 1500, 7)
    row = await store.get("ann", "reader")
    assert (row.conversions, row.converted_ms, row.last_use_us) == (10, 15_000, 7)


async def test_a_deletion_can_be_retried_for_a_day(store: VoiceModelStore) -> None:
    await store.create(voice(), now_us(), rename=False)
    began = now_us()
    assert await store.delete("ann", "reader", REQUEST, began) == "voices/1"
    assert await store.delete("ann", "reader", REQUEST, began) is None
    await store.forget(began + 25 * 3600 * 1_000_000)
    with pytest.raises(NotFound):
        await store.delete("ann", "reader", REQUEST, began)


async def test_files_without_a_row_are_deleted_after_an_hour(store: VoiceModelStore, tmp_path: Path) -> None:
    async def once() -> AsyncIterator[bytes]:
        yield b"tensors"

    with open_blobs(str(tmp_path / "blobs"), {}, tmp_path, "CONVERSION_BLOB_URL") as blobs:
        kept, orphan = [await blobs.put("voices", once(), 100) for _ in range(2)]
        await store.create(voice(blob=kept.name), now_us(), rename=False)
        later_us = now_us() + round((sweep.AGE + timedelta(minutes=1)).total_seconds() * 1_000_000)
        assert await sweep.sweep(blobs, store, now_us()) == 0
        assert await sweep.sweep(blobs, store, later_us) == 1
        assert await blobs.size_bytes(kept.name) == 7
        with pytest.raises(FileNotFoundError):
            await blobs.size_bytes(orphan.name)


async def test_voice_models_that_do_not_fit_are_refused_one_after_another(store: VoiceModelStore) -> None:
    made = [store.create(voice(f"reader{number}"), number, rename=False, limit=2) for number in range(4)]
    found = await asyncio.gather(*made, return_exceptions=True)
    refused = [each.reason for each in found if isinstance(each, Exhausted)]
    assert refused == 2 * ["STORED_BYTES_EXHAUSTED"]
    assert (await store.count("ann"), await store.stored_bytes("ann")) == (2, 2)
    await store.create(voice("reader", "bob"), 9, rename=False, limit=1)
