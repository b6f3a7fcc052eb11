"""Migrations: every earlier revision's database, with data in it, becomes today's; one process does it, and readers go
on.
"""

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlmodel import SQLModel
from voicebox_catalog.store import history_query, search_index
from voicebox_catalog.store.generations import GenerationStore
from voicebox_catalog.store.migrations import MIGRATIONS
from voicebox_catalog.store.opening import connected, open_database
from voicebox_kit.errors import StartError
from voicebox_sql.database import Pool

REVISIONS = MIGRATIONS.revisions()
ROWS = 1200
"""More than the index is rebuilt from at a time."""


async def make(url, revision):
    """A database as that revision left it, with a profile, its sample, and generations."""
    async with connected(url, Pool()) as (_, writers):
        await MIGRATIONS.upgrade(writers, revision)
        async with writers.begin() as connection:
            tables = await connection.run_sync(reflected)
            await connection.execute(
                tables["profiles"].insert(), filled(tables["profiles"], 1, labels={"tone": "warm"})
            )
            await connection.execute(tables["samples"].insert(), filled(tables["samples"], 1, profile_key=1))
            rows = [
                filled(tables["generations"], key, text=f"word{key} common", warnings=["late"])
                for key in range(1, ROWS + 1)
            ]
            await connection.execute(tables["generations"].insert(), rows)
            if revision == "0001":
                await connection.execute(sa.text("DROP TABLE alembic_version"))  # it was made without Alembic
            if revision == REVISIONS[-1]:
                await connection.run_sync(search_index.rebuild)


def reflected(connection):
    metadata = sa.MetaData()
    metadata.reflect(connection, only=["profiles", "samples", "generations"])
    return metadata.tables


def filled(table, key, **given):
    """A row with something in every column."""
    row: dict[str, object] = {}
    for column in table.columns:
        if isinstance(column.type, sa.String):
            row[column.name] = f"{column.name}-{key}"
        elif isinstance(column.type, sa.JSON):
            row[column.name] = {}
        elif isinstance(column.type, sa.Boolean):
            row[column.name] = False
        else:
            row[column.name] = key
    return row | {name: "local" for name in ("owner",) if name in row} | given


async def rows_of(url):
    async with connected(url, Pool()) as (_, writers), writers.begin() as connection:
        tables = await connection.run_sync(reflected)
        return {
            name: (await connection.execute(sa.select(table).order_by("key"))).mappings().all()
            for name, table in tables.items()
        }


@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_database_of_each_revision_keeps_its_data(empty_url, revision):
    await make(empty_url, revision)
    before = await rows_of(empty_url)
    async with open_database(empty_url) as database:
        for words, expected in (("common", ROWS), ("word77", 1), ("word12", 1), (f"word{ROWS}", 1), ("absent", 0)):
            query = history_query.parse(frozenset(), "", f"{words} common")
            assert len(await GenerationStore(database).page("local", query, None, ROWS + 1)) == expected
    after = await rows_of(empty_url)
    for name, rows in before.items():
        assert [{column: row[column] for column in rows[0]} for row in after[name]] == rows
    assert [len(rows) for rows in after.values()] == [1, 1, ROWS]


async def test_the_revisions_make_the_tables_of_the_program(empty_url):
    async with open_database(empty_url), connected(empty_url, Pool()) as (_, writers), writers.connect() as connection:
        assert await connection.run_sync(differences) == []


def differences(connection):
    """What Alembic would still change. The search indices are no tables of ours: search_index.py makes them."""
    own = {"include_object": lambda item, name, kind, *_: "_search" not in name, "compare_type": True}
    return compare_metadata(MigrationContext.configure(connection, opts=own), SQLModel.metadata)


async def test_a_newer_database_is_a_start_error(empty_url):
    async with open_database(empty_url), connected(empty_url, Pool()) as (_, writers), writers.begin() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StartError, match="9999"):
        async with open_database(empty_url):
            pass


async def test_many_at_once_migrate_one_after_another(empty_url):
    """Each migrates, or finds that another did."""
    await make(empty_url, "0001")

    async def migrate():
        async with connected(empty_url, Pool()) as (_, writers):
            return await MIGRATIONS.upgrade(writers)

    done = await asyncio.gather(*(migrate() for _ in range(4)))
    assert sorted(done, key=len) == [(), (), (), REVISIONS[1:]]


async def test_a_migration_that_fails_leaves_the_old_database(empty_url):
    await make(empty_url, "0001")

    def broken(connection):
        raise OSError("the disk is gone")

    async with connected(empty_url, Pool()) as (_, writers):
        with pytest.raises(OSError, match="gone"):
            await replace(MIGRATIONS, rebuild=broken).upgrade(writers)
    async with connected(empty_url, Pool()) as (_, writers):
        assert await MIGRATIONS.upgrade(writers) == REVISIONS[1:]


async def test_a_reader_goes_on_during_a_migration(empty_url):
    """What it read before, it reads until its transaction ends, and then the migrated rows."""
    await make(empty_url, "0001")
    count = sa.text("SELECT count(*) FROM samples")
    async with connected(empty_url, Pool()) as (database, _), connected(empty_url, Pool()) as (_, writers):
        async with database.reading() as session:
            before = await session.scalar(count)
            migrating = asyncio.create_task(MIGRATIONS.upgrade(writers))
            assert await session.scalar(count) == before
        assert await migrating == REVISIONS[1:]
        async with database.reading() as session:
            assert await session.scalar(count) == before
