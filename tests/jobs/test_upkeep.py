"""What is old goes; the tables are those of the code; a full disk fails by name."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_blobs.stores import open_blobs
from voicebox_jobs.state import State
from voicebox_jobs.store.inputs import Upkeep
from voicebox_jobs.store.jobs import JobStore
from voicebox_jobs.store.migrations import MIGRATIONS, VERSION_TABLE
from voicebox_jobs.store.opening import VARIABLE, open_database
from voicebox_jobs.store.tables import TABLES, Input, Job, Lease
from voicebox_jobs.upkeep.sweep import delete_orphans, sweep
from voicebox_sql import database as sql
from voicebox_sql.clock import now_us
from voicebox_sql.database import Pool
from voicebox_sql.leases import Leases

BATCH = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Hello.")])
DAY_US = 86_400 * 1_000_000


def difference(connection):
    options = {"version_table": VERSION_TABLE, "include_name": lambda name, kind, _: kind != "table" or is_ours(name)}
    return compare_metadata(MigrationContext.configure(connection, opts=options), TABLES.metadata)


def identity(job):
    return job.name.removeprefix("jobs/")


def is_ours(name):
    return name.startswith("job_") and name != VERSION_TABLE


@pytest.fixture
def url(env, tmp_path):
    return env.get("JOBS_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/data/jobs/jobs.sqlite")


async def test_the_tables_are_those_of_the_code(url):
    async with sql.connected(sql.database_url(url, VARIABLE), Pool()) as (_, writers):
        assert await MIGRATIONS.upgrade(writers) == ()
        async with writers.begin() as connection:
            assert await connection.run_sync(difference) == []


def new_job(number, state):
    return Job(
        key=0, place=0, id=f"{number:036d}", owner="ann", type="download_model", request={}, steps=["download"],
        timeout_us=1, state=state, queue="light", end_us=now_us() if state >= State.SUCCEEDED else None,
    )  # fmt: skip


async def test_what_is_older_than_the_retention_goes_but_for_what_waits(url, tmp_path):
    async with open_database(url) as database:
        clock = [now_us() - 40 * DAY_US]
        jobs = JobStore(database, lambda: clock[0])
        old = await jobs.create(new_job(1, State.QUEUED), [])
        waiting = await jobs.create(new_job(2, State.QUEUED), [])
        await jobs.cancel("ann", old.id)
        clock[0] = now_us()
        new = await jobs.create(new_job(3, State.SUCCEEDED), [])
        with open_blobs(str(tmp_path / "blobs"), {}, tmp_path, "JOBS_BLOB_URL", alone=False) as blobs:
            leases = Leases(database, Lease, "me", 60, now_us)
            await sweep(leases, Upkeep(database, now_us), blobs, 30 * DAY_US)
        left = {view.job.id for view in await jobs.page("ann", [], None, 10)}
        assert left == {waiting.id, new.id}


async def test_files_without_a_row_go_when_they_are_old(url, tmp_path):
    async def content():
        yield b"x"

    async with open_database(url) as database:
        with open_blobs(str(tmp_path / "blobs"), {}, tmp_path, "JOBS_BLOB_URL", alone=False) as blobs:
            kept, lost = await blobs.put("inputs", content(), 10), await blobs.put("inputs", content(), 10)

            async def add(session):
                session.add(
                    Input(
                        key=1,
                        id="1",
                        owner="ann",
                        file_name="",
                        container="text",
                        blob=kept.name,
                        size_bytes=1,
                        sha256="",
                    )
                )

            await database.write(add)
            upkeep, later = Upkeep(database, now_us), datetime.now(UTC) + timedelta(days=3)
            assert await delete_orphans(upkeep, blobs) == 0
            assert await delete_orphans(upkeep, blobs, later) == 1
            assert await blobs.size_bytes(kept.name) == 1
            with pytest.raises(FileNotFoundError):
                await blobs.size_bytes(lost.name)


@pytest.mark.parametrize("database", ["sqlite"])
async def test_what_the_queue_keeps_of_old_runs_goes(platform):
    old, new = [await platform.ended(await platform.create(synthesize_batch=BATCH)) for _ in range(2)]
    path = f"{platform.env['VOICEBOX_DATA']}/jobs/jobs.sqlite.queue"
    with closing(sqlite3.connect(path, timeout=30)) as queue:

        def runs():
            return {row[0].rpartition(".")[0] for row in queue.execute("SELECT workflow_uuid FROM workflow_status")}

        ended = "SELECT count(*) FROM workflow_status WHERE status = 'SUCCESS'"
        while queue.execute(ended).fetchone()[0] < 2:
            await asyncio.sleep(0.01)
        queue.execute("UPDATE workflow_status SET completed_at = 1 WHERE workflow_uuid LIKE ?", (f"{identity(old)}.%",))
        queue.commit()
        await platform.start_worker()
        while identity(old) in runs():
            await asyncio.sleep(0.01)
        assert identity(new) in runs()


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_full_disk_fails_a_job_by_name(platform):
    """The trainer finds no space."""
    job = await platform.ended(await platform.train(do="fill"))
    assert (job.state, job.error.info.reason) == (pb.JOB_STATE_FAILED, "STORAGE_FULL")
