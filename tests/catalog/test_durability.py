"""Kills, restarts, a full disk, a large upload: what was acknowledged stays, in bounded memory."""

import asyncio
import errno
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import obstore
import pytest
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_catalog import orphans
from voicebox_catalog.app import open_service
from voicebox_catalog.blobs import Blobs, open_local_blobs
from voicebox_kit.errors import Exhausted, InvalidField, StartError

SERVE = """
import asyncio, os, resource
if "FILE_BYTES" in os.environ:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["FILE_BYTES"]),) * 2)
from voicebox_catalog.app import open_service
from voicebox_kit.serve import serve
asyncio.run(serve([open_service], os.environ, lambda line: print(line, flush=True)))
"""
KILLS = 15
GONE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}


class Process:
    """A real catalog process."""

    def __init__(self, process, address):
        self._process = process
        self.address = address

    async def kill(self):
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    def resident_bytes(self):
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize()


@asynccontextmanager
async def running(env):
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVE, env=os.environ | env, stdout=asyncio.subprocess.PIPE)
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line, "the catalog did not start"
        yield Process(process, line.split()[-1].decode())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def connect(address):
    async with grpc.aio.insecure_channel(address) as channel:
        yield catalog_pb2_grpc.CatalogServiceStub(channel)


def audio_of(name):
    return name.encode() * 5000


async def work_until_killed(work):
    """Repeat `work` until the server is gone."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        while True:
            await work()
    assert caught.value.code() in GONE, caught.value


async def test_what_was_acknowledged_survives_kills(env, generation, record, upload, tone, bytes_of):
    acknowledged, samples = {}, {}
    wave = tone(0.2)
    for kill in range(KILLS):
        async with running(env) as process, connect(process.address) as catalog:
            profile = await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann")))

            async def record_one():
                sent = generation()
                kept = await record(catalog, sent, audio_of(sent.name))
                acknowledged[kept.name] = kept

            async def upload_one(profile=profile):
                kept = await upload(catalog, profile.name, wave)
                samples[kept.name] = kept

            target = len(acknowledged) + 1 + kill * 3
            work = [asyncio.create_task(work_until_killed(one)) for one in (record_one, record_one, record_one, upload_one)]
            while len(acknowledged) < target:
                await asyncio.sleep(0)
            await process.kill()
            await asyncio.gather(*work)
    async with running(env) as process, connect(process.address) as catalog:
        for name, kept in acknowledged.items():
            assert await catalog.GetGeneration(pb.GetGenerationRequest(name=name)) == kept
            assert await bytes_of(catalog.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=name))) == audio_of(name)
        for name, kept in samples.items():
            assert await catalog.GetSample(pb.GetSampleRequest(name=name)) == kept
            assert await bytes_of(catalog.DownloadSampleAudio(pb.DownloadSampleAudioRequest(name=name))) == wave
    assert len(acknowledged) > KILLS
    check_folder(Path(env["VOICEBOX_DATA"], "catalog"))


def check_folder(folder):
    """The database is whole, each row has its blob, and nothing is half written."""
    database = sqlite3.connect(folder / "catalog.sqlite")
    try:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        database.execute("INSERT INTO generation_search(generation_search) VALUES ('integrity-check')")
        rows = "SELECT blob, size_bytes FROM generations WHERE blob <> '' UNION ALL SELECT original_blob, size_bytes FROM samples"
        for blob, size_bytes in database.execute(rows):
            assert (folder / "blobs" / blob).stat().st_size == size_bytes
        for (blob,) in database.execute("SELECT normalized_blob FROM samples"):
            assert (folder / "blobs" / blob).exists()
        counts = "SELECT (SELECT count(*) FROM generations), (SELECT count(*) FROM generation_search)"
        generations, indexed = database.execute(counts).fetchone()
        assert generations == indexed
    finally:
        database.close()
    assert not [path for path in (folder / "blobs").rglob("*#*") if path.is_file()]


async def test_a_second_catalog_on_the_same_port_does_not_start(env, tmp_path):
    async with open_service(env) as serving:
        other = {"VOICEBOX_DATA": str(tmp_path / "other"), "CATALOG_ADDRESS": serving.endpoints[0].address}
        with pytest.raises(StartError, match="cannot listen"):
            async with open_service(env | other):
                pass


async def test_a_second_catalog_in_the_same_folder_does_not_start(env):
    async with open_service(env):
        with pytest.raises(StartError, match="Another catalog"):
            async with open_service(env):
                pass
    async with open_service(env):
        pass


@pytest.mark.parametrize("url", ["nonsense", "postgresql+asyncpg://localhost/x", "sqlite+aiosqlite:////nowhere/at/all.sqlite"])
async def test_a_database_that_cannot_be_used_is_a_start_error(env, url):
    with pytest.raises(StartError):
        async with open_service(env | {"CATALOG_DATABASE_URL": url}):
            pass


async def test_a_schema_of_another_version_is_a_start_error(env, opened):
    async with opened():
        pass
    database = sqlite3.connect(Path(env["VOICEBOX_DATA"], "catalog", "catalog.sqlite"))
    with database:
        database.execute("UPDATE schema_version SET version = 99")
    database.close()
    with pytest.raises(StartError, match="99"):
        async with opened():
            pass


async def test_a_folder_that_cannot_be_written_is_a_start_error(env, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StartError):
        async with open_service(env | {"VOICEBOX_DATA": str(tmp_path / "file")}):
            pass


async def test_a_file_that_the_system_refuses_is_storage_full(env, generation, record, refused, bytes_of):
    async with running(env | {"FILE_BYTES": "2000000"}) as process, connect(process.address) as catalog:
        for size_bytes in (3_000_000, 20_000_000):
            error = await refused(record(catalog, generation(), *[bytes(500_000)] * (size_bytes // 500_000)))
            assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
        kept = await record(catalog, generation(), b"small")
        listed = await catalog.ListGenerations(pb.ListGenerationsRequest())
        assert [generation.name for generation in listed.generations] == [kept.name]
        assert await bytes_of(catalog.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=kept.name))) == b"small"


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


async def test_a_full_disk(small_disk, env, opened, generation, record, refused, upload, tone, bytes_of):
    env["VOICEBOX_DATA"] = str(small_disk)
    async with opened() as catalog:
        profile = await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann")))
        kept = await record(catalog, generation(), b"small")
        for call in (
            record(catalog, generation(), *[bytes(1_000_000)] * 5),
            upload(catalog, profile.name, tone(60, sample_rate_hz=48_000)),  # the original does not fit
            upload(catalog, profile.name, tone(60, sample_rate_hz=8_000)),  # the decoded samples do not fit
        ):
            error = await refused(call)
            assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
        names = []
        with pytest.raises(grpc.aio.AioRpcError) as caught:  # until the database itself finds no place
            while True:
                names.append((await record(catalog, generation(text="x" * 90_000))).name)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await bytes_of(catalog.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=kept.name))) == b"small"
        for name in names:
            await catalog.GetGeneration(pb.GetGenerationRequest(name=name))
    check_folder(small_disk / "catalog")


async def blocks(*data):
    for block in data:
        yield block


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
async def test_a_writer_that_fails_keeps_nothing(tmp_path, monkeypatch, number):
    async def put(store, name, data, **_):
        [_ async for _ in data]
        raise obstore.exceptions.GenericError(f"Unable to copy data to file: no (os error {number})")

    monkeypatch.setattr(obstore, "put_async", put)
    with pytest.raises(Exhausted) as caught:
        await open_local_blobs(tmp_path).put("samples", blocks(b"abc"), 10)
    assert caught.value.reason == "STORAGE_FULL"


async def test_blobs(tmp_path):
    blobs = open_local_blobs(tmp_path)
    kept = await blobs.put("samples", blocks(b"abc", b"", b"def"), 6)
    assert (kept.size_bytes, kept.name[:8]) == (6, "samples/")
    assert b"".join([block async for block in blobs.read(kept.name)]) == b"abcdef"
    with pytest.raises(InvalidField):
        await blobs.put("samples", blocks(b"abc", b"defg"), 6)
    await blobs.delete(kept.name, kept.name)
    with pytest.raises(FileNotFoundError):
        [_ async for _ in blobs.read(kept.name)]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_an_empty_blob(tmp_path):
    blobs = open_local_blobs(tmp_path)
    kept = await blobs.put("samples", blocks(), 6)
    assert [block async for block in blobs.read(kept.name)] == []


async def test_half_written_files_are_swept_at_start(tmp_path):
    kept = await open_local_blobs(tmp_path).put("samples", blocks(b"abc"), 6)
    half = tmp_path / (kept.name + "#1")
    half.write_bytes(b"ab")
    blobs = open_local_blobs(tmp_path)
    assert not half.exists()
    assert b"".join([block async for block in blobs.read(kept.name)]) == b"abc"


async def test_blobs_without_a_row_are_swept_when_they_are_old(tmp_path, profile_store, generation_store, generation):
    from voicebox_catalog.messages import from_generation

    blobs: Blobs = open_local_blobs(tmp_path / "blobs")
    held, orphan = [await blobs.put("generations", blocks(b"abc"), 6) for _ in range(2)]
    row = from_generation(generation(name=f"generations/{uuid.uuid4()}"), "local")
    row.blob = held.name
    await generation_store.keep(row, 1)
    now = datetime.now(UTC)
    assert await orphans.sweep(blobs, profile_store, generation_store, now) == 0
    assert await orphans.sweep(blobs, profile_store, generation_store, now + timedelta(hours=2)) == 1
    assert (tmp_path / "blobs" / held.name).exists()
    assert not (tmp_path / "blobs" / orphan.name).exists()


async def test_memory_stays_flat_for_a_large_upload(env, upload, tone, bytes_of):
    small, large = tone(1), tone(160, sample_rate_hz=96_000, channels=2)  # 61 MB
    assert len(large) > 60_000_000
    async with running(env) as process, connect(process.address) as catalog:
        profile = await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann")))
        await upload(catalog, profile.name, small)
        before = most = process.resident_bytes()
        uploading = asyncio.create_task(upload(catalog, profile.name, large))
        while not uploading.done():
            most = max(most, process.resident_bytes())
            await asyncio.sleep(0.01)
        kept = await uploading
        assert kept.size_bytes == len(large)
        async for answer in catalog.DownloadSampleAudio(pb.DownloadSampleAudioRequest(name=kept.name)):
            assert len(answer.body.data) <= 1_000_000
            most = max(most, process.resident_bytes())
    assert most - before < 40_000_000
