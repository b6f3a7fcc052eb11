"""Restarts, a full disk, a large upload: what was acknowledged stays, in bounded memory."""

import asyncio
import os
import resource
import shutil
import sys
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_catalog.app import NAME, open_service
from voicebox_catalog.store import blob_rows
from voicebox_catalog.upkeep import orphans, storage_check
from voicebox_kit.errors import StartError

from .folders import check_folder

SERVE = """
import asyncio, os, resource
if "FILE_BYTES" in os.environ:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["FILE_BYTES"]),) * 2)
from voicebox_catalog.app import open_service
from voicebox_kit.serve import serve
asyncio.run(serve([open_service], os.environ, lambda line: print(line, flush=True)))
"""


class Process:
    """A real catalog process."""

    def __init__(self, process, address):
        self._process = process
        self.address = address

    def resident_bytes(self):
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize()


@asynccontextmanager
async def running(env):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, env=os.environ | env, stdout=asyncio.subprocess.PIPE
    )
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


async def test_a_second_catalog_on_the_same_port_does_not_start(env, tmp_path):
    async with open_service(env) as serving:
        other = {"VOICEBOX_DATA": str(tmp_path / "other"), "CATALOG_ADDRESS": serving.endpoints[0].address}
        with pytest.raises(StartError, match="Another program listens on"):
            async with open_service(env | other):
                pass


async def test_a_second_catalog_in_the_same_folder_does_not_start(local_env):
    async with open_service(local_env):
        with pytest.raises(StartError, match="Another catalog"):
            async with open_service(local_env):
                pass
    async with open_service(local_env):
        pass


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://localhost/x",
        "sqlite+aiosqlite:////nowhere/at/all.sqlite",
        "postgresql://nobody@127.0.0.1:{free_port}/x",
        "postgresql://nobody@127.0.0.1:{free_port}/x?nonsense=1",
    ],
)
async def test_a_database_that_cannot_be_used_is_a_start_error(local_env, url, free_port):
    once = {"CATALOG_DATABASE_CONNECT_SECONDS": "0", "CATALOG_DATABASE_URL": url.format(free_port=free_port)}
    with pytest.raises(StartError):
        async with open_service(local_env | once):
            pass


async def test_a_database_that_is_not_there_is_a_start_error_at_once(local_env, postgres_server):
    with pytest.raises(StartError, match="does not exist"):
        async with open_service(local_env | {"CATALOG_DATABASE_URL": postgres_server.url("absent")}):
            pass


async def test_a_folder_that_cannot_be_written_is_a_start_error(local_env, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StartError):
        async with open_service(local_env | {"VOICEBOX_DATA": str(tmp_path / "file")}):
            pass


async def test_a_file_that_the_system_refuses_is_storage_full(local_env, generation, record, refused, bytes_of):
    async with running(local_env | {"FILE_BYTES": "2000000"}) as process, connect(process.address) as catalog:
        for size_bytes in (3_000_000, 20_000_000):
            error = await refused(record(catalog, generation(), *[bytes(500_000)] * (size_bytes // 500_000)))
            assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
        kept = await record(catalog, generation(), b"small")
        listed = await catalog.ListGenerations(pb.ListGenerationsRequest())
        assert [generation.name for generation in listed.generations] == [kept.name]
        assert (
            await bytes_of(catalog.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=kept.name)))
            == b"small"
        )


async def test_a_full_disk(small_disk, local_env, generation, record, refused, upload, tone, bytes_of):
    async with (
        open_service(local_env | {"VOICEBOX_DATA": str(small_disk)}) as serving,
        connect(serving.endpoints[0].address) as catalog,
    ):
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
        assert (
            await bytes_of(catalog.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=kept.name)))
            == b"small"
        )
        for name in names:
            await catalog.GetGeneration(pb.GetGenerationRequest(name=name))
    check_folder(small_disk / "catalog")


async def test_a_full_disk_still_deletes(small_disk, local_env, generation, record):
    async with (
        open_service(local_env | {"VOICEBOX_DATA": str(small_disk)}) as serving,
        connect(serving.endpoints[0].address) as catalog,
    ):
        profile = await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann")))
        names = []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while True:
                names.append((await record(catalog, generation(), bytes(200_000))).name)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free))
        await catalog.DeleteProfile(pb.DeleteProfileRequest(name=profile.name))
        for name in names:
            await catalog.DeleteGeneration(pb.DeleteGenerationRequest(name=name))
        await record(catalog, generation(), bytes(200_000))
    check_folder(small_disk / "catalog")


@pytest.fixture
def watched_closely(monkeypatch):
    monkeypatch.setattr(storage_check, "SECONDS", 0.02)


@pytest.mark.usefixtures("watched_closely")
async def test_nothing_is_acknowledged_into_a_database_that_was_taken_away(
    local_env, generation, record, refused, tmp_path
):
    file = Path(local_env["VOICEBOX_DATA"]) / "catalog" / "catalog.sqlite"
    async with open_service(local_env) as serving, connect(serving.endpoints[0].address) as catalog:
        await record(catalog, generation(), b"kept")
        file.rename(tmp_path / "elsewhere")
        for _ in range(2):
            error = await refused(record(catalog, generation(), b"lost"))
            assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "STORAGE_BROKEN")
            file.touch()  # a new file in its place is not the database either
        await becomes(serving, health_pb2.HealthCheckResponse.NOT_SERVING)


@pytest.mark.usefixtures("watched_closely")
async def test_a_folder_of_files_that_was_taken_away_ends_health(local_env, tmp_path):
    async with open_service(local_env) as serving:
        await becomes(serving, health_pb2.HealthCheckResponse.SERVING)
        (Path(local_env["VOICEBOX_DATA"]) / "catalog" / "blobs").rename(tmp_path / "elsewhere")
        await becomes(serving, health_pb2.HealthCheckResponse.NOT_SERVING)


async def becomes(serving, status):
    """Waits until the catalog's health is this."""
    async with grpc.aio.insecure_channel(serving.endpoints[0].address) as channel:
        async for answer in health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=NAME)):
            if answer.status == status:
                return


def overwritten(file):
    """Pages in the middle hold something else, as after a disk failed."""
    data = bytearray(file.read_bytes())
    data[8192 : len(data) // 2] = os.urandom(len(data) // 2 - 8192)
    file.write_bytes(data)


async def test_a_damaged_database_is_a_start_error(local_env, generation, record):
    file = Path(local_env["VOICEBOX_DATA"]) / "catalog" / "catalog.sqlite"
    async with open_service(local_env) as serving, connect(serving.endpoints[0].address) as catalog:
        await record(catalog, generation(), b"kept")
    overwritten(file)
    with pytest.raises(StartError, match=r"damaged|malformed"):
        async with open_service(local_env):
            pass


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    "damage", [flipped, cut, lambda path: path.write_bytes(b"")], ids=["flipped", "cut", "emptied"]
)
@pytest.mark.parametrize("size_bytes", [1_000, 9_000_000])
async def test_a_damaged_file_is_never_given_as_good(
    damage, size_bytes, local_env, generation, record, refused, bytes_of
):
    async with open_service(local_env) as serving, connect(serving.endpoints[0].address) as catalog:
        whole = await record(catalog, generation(), *[b"whole" * 100_000] * 2)
        kept = await record(catalog, generation(), *[os.urandom(size_bytes // 10)] * 10)
        sick = Path(local_env["VOICEBOX_DATA"]) / "catalog" / "blobs" / "generations"
        damage(next(path for path in sick.rglob("*-*") if path.stat().st_size == size_bytes))
        for call in (
            catalog.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=kept.name)),
            catalog.ExportGenerations(pb.ExportGenerationsRequest()),
        ):
            assert (await refused(bytes_of(call))).code == grpc.StatusCode.DATA_LOSS
        assert (
            len(await bytes_of(catalog.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=whole.name))))
            == 1_000_000
        )


async def blocks(*data):
    for block in data:
        yield block


async def test_blobs_without_a_row_are_swept_when_they_are_old(blobs, database, generation_store, generation):
    from voicebox_catalog.api.generation_messages import from_generation

    held, _ = [await blobs.put("generations", blocks(b"abc"), 6) for _ in range(2)]
    row = from_generation(generation(name=f"generations/{uuid.uuid4()}"), "local")
    row.blob = held.name
    await generation_store.add(row, 1)
    now = datetime.now(UTC)
    assert await orphans.sweep(blobs, database, now) == 0
    assert await orphans.sweep(blobs, database, now + timedelta(hours=2)) == 1
    assert [file.name async for files in blobs.stored() for file in files] == [held.name]


def test_every_table_with_blobs_is_requested_before_one_is_swept():
    assert {str(column) for column in blob_rows.COLUMNS} == {
        "profiles.avatar_blob",
        "samples.original_blob",
        "samples.normalized_blob",
        "generations.blob",
        "transcriptions.blob",
    }


async def test_memory_stays_flat_for_a_large_upload(env, upload, tone, bytes_of):
    first, large = (tone(seconds, sample_rate_hz=96_000, channels=2) for seconds in (40, 160))  # 15 MB and 61 MB
    assert len(large) > 60_000_000
    async with running(env) as process, connect(process.address) as catalog:
        profile = await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann")))
        await upload(catalog, profile.name, first)
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
    assert most - before < 0.9 * len(large)  # the file as a whole was never held; the allocator keeps some 30 to 50 MB
