"""Moving a catalog into other stores, both ways: everything is there, proven by counts and checksums."""

import uuid
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import sqlalchemy as sa
from voicebox_blobs.stores import open_blobs
from voicebox_catalog.store import table_rows
from voicebox_catalog.store.migrations import MIGRATIONS
from voicebox_catalog.store.opening import connected
from voicebox_catalog.store.tables import Generation
from voicebox_catalog.upkeep import store_copy
from voicebox_catalog.upkeep.store_copy import CatalogStores
from voicebox_kit.errors import StartError
from voicebox_sql.database import Pool

from .whole_catalog import GENERATIONS, fill, reported


@pytest.fixture
def target(stores, request, tmp_path):
    """The other kind of stores, empty: (database URL, blob URL)."""
    if stores == "postgres":
        yield f"sqlite+aiosqlite:///{tmp_path}/moved.sqlite", str(tmp_path / "moved")
        return
    with request.getfixturevalue("postgres_server").database() as name:
        yield request.getfixturevalue("postgres_server").url(name), request.getfixturevalue("s3_server").make_bucket()


async def test_everything_is_moved_and_served(command, opened, open_at, env, target, generation, record, upload, tone):
    before = await fill(opened, generation, record, upload, tone)
    code, out, err = await command(env, "move", "--to-database", target[0], "--to-blobs", target[1])
    assert code == 0, err
    assert "1 profiles" in out
    assert f"{GENERATIONS} generations" in out
    moved = env | {
        "CATALOG_DATABASE_URL": target[0],
        "CATALOG_BLOB_URL": target[1],
        "VOICEBOX_DATA": env["VOICEBOX_DATA"] + "2",
    }
    async with open_at(moved) as catalog:
        assert await reported(catalog) == before
    code, _, err = await command(env, "move", "--to-database", target[0], "--to-blobs", target[1])
    assert (code, "not empty" in err) == (1, True)


async def test_migrate(command, env):
    for _ in range(2):
        assert (await command(env, "migrate"))[:2] == (0, "Nothing to do.\n")
    empty = env | {"CATALOG_DATABASE_URL": f"sqlite+aiosqlite:///{env['VOICEBOX_DATA']}.sqlite"}
    code, out, err = await command(empty, "migrate")
    assert (code, out, "There is no catalog" in err) == (1, "", True)


async def test_an_old_database_is_migrated(command, env, empty_url):
    old = env | {"CATALOG_DATABASE_URL": empty_url}
    async with connected(empty_url, Pool()) as (_, writers):
        await MIGRATIONS.upgrade(writers, MIGRATIONS.revisions()[0])
    assert (await command(old, "migrate"))[:2] == (0, f"Ran {', '.join(MIGRATIONS.revisions()[1:])}.\n")


@asynccontextmanager
async def at(database_url, blob_url, keys, scratch):
    async with AsyncExitStack() as stack:
        blobs = stack.enter_context(open_blobs(blob_url, keys, scratch, "CATALOG_BLOB_URL"))
        database, writers = await stack.enter_async_context(connected(database_url, Pool()))
        await MIGRATIONS.upgrade(writers)
        yield CatalogStores(database, writers, blobs)


@pytest.fixture
async def sides(database_url, blob_url, target, env, tmp_path, monkeypatch):
    """A source with three batches of generations, each with a blob, and a target."""
    monkeypatch.setattr(table_rows, "ROWS", 20)
    database, blobs = target
    async with at(database_url, blob_url, env, tmp_path) as source, at(database, blobs, env, tmp_path) as empty:
        names = [(await source.blobs.put("generations", blocks(b"%d" % number), 9)).name for number in range(5)]
        row = {
            column.name: 0 if isinstance(column.type, sa.Integer | sa.Float) else ""
            for column in sa.inspect(Generation).columns
        }
        row |= {"owner": "local", "warnings": [], "parameters": {}, "labels": {}, "favorite": False}
        rows = [
            row | {"key": key, "id": str(uuid.uuid4()), "blob": names[key % 5]}
            for key in range(1, 2 * table_rows.ROWS + 8)
        ]

        async def work(session):
            await session.execute(sa.insert(Generation), rows)

        await source.database.write(work)
        yield source, empty


async def blocks(*data):
    for block in data:
        yield block


async def test_a_move_that_is_interrupted_goes_on(sides, monkeypatch):
    source, target = sides
    copied = store_copy._copy_blob
    count = 0

    async def failing(*arguments):
        nonlocal count
        count += 1
        if count > table_rows.ROWS + 3:
            raise LookupError
        await copied(*arguments)

    with monkeypatch.context() as patched, pytest.raises(LookupError):
        patched.setattr(store_copy, "_copy_blob", failing)
        await store_copy.move(source, target, "here", [].append)
    with pytest.raises(StartError, match="unfinished"):
        await store_copy.refuse_unfinished(target.database)
    with pytest.raises(StartError, match="not empty"):
        await store_copy.move(source, target, "elsewhere", [].append)
    moved = await store_copy.move(source, target, "here", [].append)
    assert (moved.rows["generations"], moved.blobs) == (2 * table_rows.ROWS + 7, 2 * table_rows.ROWS + 7)
    await store_copy.refuse_unfinished(target.database)


async def test_a_blob_that_changed_on_its_way_is_found(sides, monkeypatch):
    source, target = sides
    put_as = target.blobs.put_as

    async def changing(name, data):
        return await put_as(name, blocks(b"other"))

    monkeypatch.setattr(target.blobs, "put_as", changing)
    with pytest.raises(StartError, match="differs"):
        await store_copy.move(source, target, "here", [].append)


async def test_a_row_that_changed_on_its_way_is_found(sides, monkeypatch):
    source, target = sides
    copied = store_copy._copy

    async def changing(session, table, blobs, target):
        await copied(session, table, blobs, target)

        async def work(session):
            await session.execute(
                sa.update(Generation).where(Generation.key == table_rows.ROWS + 3).values(text="other")
            )

        await target.database.write(work)

    monkeypatch.setattr(store_copy, "_copy", changing)
    with pytest.raises(StartError, match=f"differ after {table_rows.ROWS}"):
        await store_copy.move(source, target, "here", [].append)


async def test_a_blob_that_is_missing_is_reported(sides):
    source, target = sides
    name, *_ = [file.name async for files in source.blobs.stored() for file in files]
    await source.blobs.delete(name)
    with pytest.raises(StartError, match=name):
        await store_copy.move(source, target, "here", [].append)
