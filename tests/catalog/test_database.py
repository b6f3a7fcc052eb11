"""Transactions: side by side or together, whole or not at all, and errors while the database is unavailable."""

import asyncio

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from sqlmodel import select
from voicebox_catalog.store.opening import open_database
from voicebox_catalog.store.profiles import ProfileStore
from voicebox_catalog.store.tables import Lease, Profile
from voicebox_kit.errors import AlreadyExists, Exhausted, TooSlow, Unavailable
from voicebox_sql import errors
from voicebox_sql.database import Pool

from .stores import postgres

CLIENTS = 64


def lease(name, holder="me"):
    return Lease(name=name, holder=holder, until_us=0)


def profile(identity="ann", request_id=None):
    return Profile(
        key=0,
        owner="local",
        id=identity,
        display_name="Ann",
        language="",
        description="",
        labels={},
        consent_statement="",
        update_time_us=0,
        etag="",
        request_id=request_id,
        request_digest="same",
    )


async def names(database):
    async with database.reading() as session:
        return sorted((await session.scalars(select(Lease.name))).all())


def adding(*rows):
    async def work(session):
        session.add_all([lease(row) for row in rows])

    return work


async def test_many_create_the_same_name(database):
    store = ProfileStore(database)
    done = await asyncio.gather(*(store.create(profile(), (), 1) for _ in range(CLIENTS)), return_exceptions=True)
    assert sum(isinstance(answer, Profile) for answer in done) == 1
    assert sum(isinstance(answer, AlreadyExists) for answer in done) == CLIENTS - 1


async def test_many_send_the_same_request(database):
    store = ProfileStore(database)
    kept = await asyncio.gather(*(store.create(profile(f"p{number}", "once"), (), 1) for number in range(CLIENTS)))
    assert {row.id for row in kept} == {kept[0].id}


async def test_many_change_the_same_row(database):
    """No change is lost."""
    await database.write(adding("counter"))

    async def count(session):
        row = await session.get(Lease, "counter", with_for_update=True)
        row.until_us += 1

    await asyncio.gather(*(database.write(count) for _ in range(CLIENTS)))
    async with database.reading() as session:
        assert (await session.get(Lease, "counter")).until_us == CLIENTS


async def test_a_deadlock_is_resolved(database):
    """Two that take two rows in opposite orders both come through."""
    await database.write(adding("a", "b"))
    met = asyncio.Barrier(2)

    def taking(first, second):
        tries = 0

        async def work(session):
            nonlocal tries
            tries += 1
            await session.get(Lease, first, with_for_update=True)
            if session.get_bind().dialect.name == "postgresql" and tries == 1:
                await met.wait()
            row = await session.get(Lease, second, with_for_update=True)
            row.until_us += 1

        return work

    await asyncio.gather(database.write(taking("a", "b")), database.write(taking("b", "a")))
    async with database.reading() as session:
        assert [row.until_us for row in await session.scalars(sa.select(Lease))] == [1, 1]


async def test_one_that_fails_undoes_nothing_of_the_others(database):
    async def failing(session):
        await adding("lost")(session)
        await session.flush()
        raise LookupError

    works = [failing if number % 3 == 0 else adding(f"{number:02}") for number in range(30)]
    done = await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
    assert [isinstance(answer, LookupError) for answer in done] == [number % 3 == 0 for number in range(30)]
    assert await names(database) == [f"{number:02}" for number in range(30) if number % 3]


async def test_a_unique_violation_that_stays_is_reported(database):
    await database.write(adding("a"))
    with pytest.raises(sa.exc.IntegrityError):
        await database.write(adding("b", "a"))
    assert await names(database) == ["a"]


async def test_works_are_timed_by_kind(database):
    registry = CollectorRegistry()
    database.measure(registry)
    await database.write(adding("a"))
    await names(database)
    async with database.reading() as session:
        await session.execute(sa.text("SELECT 1"))
        in_use = registry.get_sample_value("voicebox_database_connections")
    counted = {
        work: registry.get_sample_value("voicebox_database_seconds_count", {"work": work}) or 0
        for work in ("connect", "read", "write")
    }
    assert counted["write"] == 1
    assert counted["connect"] >= 1
    assert counted["read"] >= 1
    assert in_use == 1
    assert registry.get_sample_value("voicebox_database_connections") == 0


async def test_a_commit_that_fails_acknowledges_nothing(tmp_path, small_disk):
    """Many write at once until the disk is full: each either fails, or its row is there."""
    url = f"sqlite+aiosqlite:///{small_disk}/catalog.sqlite"
    done = []
    async with open_database(url) as database:
        while not any(isinstance(answer, Exception) for answer in done):
            rows = [lease(f"{len(done) + number:06}", "x" * 20_000) for number in range(16)]
            done += await asyncio.gather(*(database.write(_adding_row(row)) for row in rows), return_exceptions=True)
        reported = [answer for answer in done if isinstance(answer, Exception)]
        assert {(type(error), getattr(error, "reason", "")) for error in reported} == {(Exhausted, "STORAGE_FULL")}
        assert await names(database) == [f"{number:06}" for number, answer in enumerate(done) if answer is None]


def _adding_row(row):
    async def work(session):
        session.add(row)

    return work


async def test_a_reader_sees_one_moment(database):
    await database.write(adding("a"))
    async with database.reading() as session:
        assert (await session.scalars(select(Lease.name))).all() == ["a"]
        await database.write(adding("b"))
        assert (await session.scalars(select(Lease.name))).all() == ["a"]
    assert await names(database) == ["a", "b"]


async def test_a_reader_cannot_write(postgres_server):
    postgres_server.clear("migrated")
    async with open_database(postgres_server.url("migrated")) as database, database.reading() as session:
        with pytest.raises(sa.exc.DBAPIError, match="read-only"):
            await session.execute(sa.delete(Lease))


async def test_cancelled_callers_leave_whole_transactions(database):
    writes = [asyncio.create_task(database.write(adding(f"{number:02}", f"{number:02}-too"))) for number in range(20)]
    await asyncio.sleep(0)
    for write in writes[::2]:
        write.cancel()
    await asyncio.gather(*writes, return_exceptions=True)
    kept = await names(database)
    assert {name for name in kept if name.endswith("too")} == {
        f"{name}-too" for name in kept if not name.endswith("too")
    }
    assert len(kept) >= 20


async def test_a_statement_that_takes_too_long(postgres_server):
    postgres_server.clear("migrated")
    async with open_database(postgres_server.url("migrated"), Pool(statement_seconds=0.1)) as database:
        with pytest.raises(TooSlow) as caught:
            async with database.reading() as session:
                await session.execute(sa.text("SELECT pg_sleep(60)"))
        assert caught.value.reason == "DATABASE_TOO_SLOW"
        assert await names(database) == []


async def test_no_connection_is_free(postgres_server, monkeypatch):
    monkeypatch.setattr("voicebox_sql.postgres.POOL_SECONDS", 0.1)
    async with (
        open_database(postgres_server.url("migrated"), Pool(connections=1)) as database,
        database.reading() as session,
    ):
        await session.connection()
        with pytest.raises(Unavailable) as caught:
            await database.write(adding("a"))
        assert caught.value.reason == "DATABASE_BUSY"


async def test_lost_connections_are_unavailable_and_then_made_anew(postgres_server):
    postgres_server.clear("migrated")
    async with open_database(postgres_server.url("migrated")) as database:
        with pytest.raises(Unavailable) as caught:
            async with database.reading() as session:
                await session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert (caught.value.reason, caught.value.retry_seconds) == ("DATABASE_UNAVAILABLE", 1.0)

        async def suicidal(session):
            await adding("a")(session)
            await session.flush()
            await session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

        with pytest.raises(Unavailable):
            await database.write(suicidal)
        assert await names(database) == []


async def test_a_server_that_stops_and_comes_back():
    """What was acknowledged is there; in between, callers get a retryable error, and none of them waits for ever."""
    with postgres(fsync=True) as server:
        server.query("postgres", "CREATE DATABASE catalog")
        async with open_database(server.url("catalog"), Pool(connections=4)) as database:
            await database.write(adding("before"))
            server.stop("immediate")
            for call in (
                database.write(adding("lost")),
                names(database),
                *(database.write(adding("lost")) for _ in range(8)),
            ):
                with pytest.raises(Unavailable) as caught:
                    await call
                assert caught.value.reason == "DATABASE_UNAVAILABLE"
            server.start()
            await database.write(adding("after"))
            assert await names(database) == ["after", "before"]


async def test_a_server_that_is_still_starting_is_waited_for():
    with postgres(fsync=False) as server:
        server.query("postgres", "CREATE DATABASE catalog")
        server.stop()
        opening = asyncio.create_task(_names_at(server.url("catalog")))
        await asyncio.sleep(0.1)
        assert not opening.done()
        await asyncio.to_thread(server.start)
        assert await opening == []


async def _names_at(url):
    async with open_database(url) as database:
        return await names(database)


class OfDriver(Exception):
    def __init__(self, sqlstate, sentence=""):
        super().__init__(sentence)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        (OfDriver("53100", "could not extend file"), Exhausted),
        (OfDriver(None, "database or disk is full"), Exhausted),
        (OfDriver(None, "database is locked"), Unavailable),
        (OfDriver("53300", "too many clients"), Unavailable),
        (OfDriver("25006", "a standby only reads"), Unavailable),
        (OfDriver("40P01", "deadlock"), Unavailable),
        (OfDriver("57014", "canceled"), TooSlow),
        (OfDriver("42601", "syntax"), sa.exc.DBAPIError),
    ],
)
def test_errors_as_a_caller_sees_them(error, reported):
    assert isinstance(errors.translated(sa.exc.DBAPIError("SELECT", {}, error)), reported)
