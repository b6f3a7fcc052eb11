"""What the CronJobs of deploy/k8s/components/backup run: a copy of a service that works, a loss, and the way back."""

import asyncio
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from voicebox_blobs.mirror import mirror
from voicebox_blobs.stores import open_blobs

from .stores import postgres_programs
from .whole_catalog import fill, reported

COMPONENTS = Path(__file__).parents[2] / "deploy/k8s/components"


def commands(component, job):
    """The commands of a CronJob's containers in their order, with the scripts where they lie here."""
    documents = [
        document
        for file in ("copies.yaml", "restores.yaml")
        if (COMPONENTS / component / file).exists()
        for document in yaml.safe_load_all((COMPONENTS / component / file).read_text())
    ]
    [found] = [each for each in documents if each["kind"] == "CronJob" and each["metadata"]["name"] == job]
    pod = found["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        yield [word.replace("/scripts", str(COMPONENTS / component)) for word in container["command"]]


@pytest.fixture
def runs(tmp_path):
    """Runs the containers of a CronJob; returns what the last one printed."""
    programs = [Path(sys.executable).parent, postgres_programs(), os.environ["PATH"]]
    own = {"PATH": ":".join(map(str, programs)), "BACKUP_FOLDER": str(tmp_path / "backup"), "BACKUP_KEEP": "2"}

    async def run(component, job, env):
        out = b""
        for command in commands(component, job):
            pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
            process = await asyncio.create_subprocess_exec(*command, env=env | own, **pipes)
            out, err = await process.communicate()
            assert process.returncode == 0, err.decode()
        return out.decode()

    return run


class TestFolder:
    """SQLite and a folder."""

    @pytest.fixture
    def stores(self):
        return "sqlite"

    async def test_a_copy_of_a_working_catalog_is_restored(
        self, runs, open_at, local_env, generation, record, upload, tone
    ):
        def opened():
            return open_at(local_env)

        before = await fill(opened, generation, record, upload, tone)
        async with opened() as catalog:
            copy = Path((await runs("backup", "backup-catalog", local_env)).splitlines()[-1])
            await record(catalog, generation(text="after the copy"), b"lost")
        assert (copy / "catalog.sqlite").exists()
        damage = Path(local_env["VOICEBOX_DATA"]) / "catalog/catalog.sqlite"
        damage.write_bytes(b"not a database")
        out = await runs("backup", "restore-catalog", local_env)
        assert "Read" in out, "the copy was verified"
        async with opened() as catalog:
            assert await reported(catalog) == before

    async def test_the_newest_copies_are_kept_and_what_did_not_change_takes_no_room(self, runs, tmp_path, local_env):
        data = Path(local_env["VOICEBOX_DATA"]) / "jobs"
        data.mkdir(parents=True)
        (data / "blobs").mkdir()
        (data / "blobs/one").write_bytes(b"first")
        old = tmp_path / "backup/jobs/20000101T000000Z"
        older = tmp_path / "backup/jobs/19990101T000000Z"
        for each in (old, older):
            each.mkdir(parents=True)
        with closing(sqlite3.connect(data / "jobs.sqlite")) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE jobs (name)")
            database.execute("INSERT INTO jobs VALUES ('kept')")
            database.commit()  # it is in the file -wal, since the connection stays open
            copy = Path((await runs("backup", "backup-jobs", local_env)).splitlines()[-1])
            database.execute("INSERT INTO jobs VALUES ('lost')")
            database.commit()
        assert (old.exists(), older.exists()) == (True, False)
        assert (copy / "blobs/one").samefile(tmp_path / "backup/jobs/current/blobs/one")
        (data / "blobs/one").unlink()
        (data / "blobs/two").write_bytes(b"second")
        await runs("backup", "restore-jobs", local_env)
        assert [path.name for path in (data / "blobs").iterdir()] == ["one"]
        with closing(sqlite3.connect(data / "jobs.sqlite")) as database:
            assert database.execute("SELECT name FROM jobs").fetchall() == [("kept",)]
        [left] = data.parent.glob("jobs.before-*")
        assert (left / "blobs/two").exists(), "what a restore replaces is kept"


class TestShared:
    """PostgreSQL and S3."""

    @pytest.fixture
    def stores(self):
        return "postgres"

    async def test_a_copy_of_a_working_catalog_is_restored(
        self, runs, opened, open_at, env, generation, record, upload, tone, postgres_server, s3_server
    ):
        before = await fill(opened, generation, record, upload, tone)
        async with opened() as catalog:
            copy = Path((await runs("backup-shared", "backup-shared", env)).splitlines()[-1])
            await record(catalog, generation(text="after the copy"), b"lost")
        assert {path.name for path in copy.iterdir()} == {"CATALOG.dump", "CATALOG.files"}
        postgres_server.clear("migrated")
        s3_server.forget()
        shutil.rmtree(env["VOICEBOX_DATA"])
        moved = env | {"CATALOG_BLOB_URL": s3_server.make_bucket()}
        await runs("backup-shared", "restore-shared", moved)
        async with open_at(moved) as catalog:
            assert await reported(catalog) == before


async def test_a_file_that_is_not_what_its_name_says_is_not_copied(tmp_path):
    """A disk that returns wrong bytes must not replace good ones in the copy."""
    name = f"sample/ab/{'ab' * 32}-0123456789abcdef"
    damaged = tmp_path / "source" / name
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"other bytes")
    words = [sys.executable, "-m", "voicebox_blobs.mirror", str(tmp_path / "source"), str(tmp_path / "target")]
    process = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.PIPE)
    _, err = await process.communicate()
    assert (process.returncode, "is damaged" in err.decode()) == (1, True)
    assert not (tmp_path / "target" / name).exists()


async def test_a_mirror_has_what_the_store_has_now_where_it_is_pruned(tmp_path):
    async def put(blobs, content):
        async def blocks():
            yield content

        return (await blobs.put("sample", blocks(), 1000)).name

    with (
        open_blobs(str(tmp_path / "source"), {}, tmp_path, "SOURCE") as source,
        open_blobs(str(tmp_path / "target"), {}, tmp_path, "TARGET") as target,
    ):
        kept, gone = await put(source, b"kept"), await put(source, b"gone")
        assert await mirror(source, target) == (2, 0)
        await source.delete(gone)
        assert await mirror(source, target) == (0, 0), "without pruning, what the store has no more stays"
        assert await mirror(source, target, prune=True) == (0, 1)
        assert [each.name async for some in target.stored() for each in some] == [kept]
