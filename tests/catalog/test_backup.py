"""Backup while the catalog works, restore, and verify."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_catalog.app import open_service
from voicebox_catalog.upkeep.backup import CatalogFolders, back_up, restore
from voicebox_kit.errors import StartError

from .folders import check_folder
from .whole_catalog import reported


@pytest.fixture(params=["sqlite"])
def stores(request):
    """Backup is for SQLite and a folder."""
    return request.param


@pytest.fixture
def home(local_env):
    folder = Path(local_env["VOICEBOX_DATA"]) / "catalog"
    return CatalogFolders(folder / "catalog.sqlite", folder / "blobs")


def report(_line):
    """Nobody listens."""


async def test_a_backup_is_restored_and_serves_the_same(
    command, open_at, local_env, generation, record, upload, tone, tmp_path
):
    async with open_at(local_env) as catalog:
        profile = await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann")))
        await upload(catalog, profile.name, tone(3))
        for number in range(5):
            await record(catalog, generation(text=f"common word{number}"), bytes([number]) * 1000)
        code, out, err = await command(local_env, "backup", str(tmp_path / "copy"))
        assert (code, out) == (0, "Backed up 7 files, 7 of them new.\n"), err
        before = await reported(catalog)
        await record(catalog, generation(), b"later")
    moved = local_env | {"VOICEBOX_DATA": str(tmp_path / "restored")}
    code, out, err = await command(moved, "restore", str(tmp_path / "copy"))
    assert (code, out) == (0, "Restored 7 files.\n"), err
    async with open_at(moved) as catalog:
        assert await reported(catalog) == before
    check_folder(tmp_path / "restored" / "catalog")
    code, _, err = await command(moved, "restore", str(tmp_path / "copy"))
    assert (code, "already" in err) == (1, True)


async def test_a_backup_under_writes_and_deletes_has_every_file_of_every_row(
    local_env, generation, record, home, tmp_path
):
    async with open_service(local_env) as serving, grpc.aio.insecure_channel(serving.endpoints[0].address) as channel:
        catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
        for _ in range(20):
            await record(catalog, generation(), b"early" * 1000)
        stop = asyncio.Event()

        async def work():
            while not stop.is_set():
                kept = await record(catalog, generation(), b"audio" * 1000)
                await record(catalog, generation(), b"stays" * 1000)
                await catalog.DeleteGeneration(pb.DeleteGenerationRequest(name=kept.name))

        working = [asyncio.create_task(work()) for _ in range(4)]
        for _ in range(3):
            copied = await asyncio.to_thread(back_up, home, tmp_path / "copy", report)
            assert not copied.missing
            check_copy(tmp_path / "copy")
        stop.set()
        await asyncio.gather(*working)
    assert copied.new_blobs < copied.blobs


def check_copy(folder):
    (folder / "blobs" / "staged").mkdir(exist_ok=True)
    check_folder(folder)
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as database:
        held = {blob for (blob,) in database.execute("SELECT blob FROM generations")}
    assert held == {str(path.relative_to(folder / "blobs")) for path in (folder / "blobs" / "generations").rglob("*-*")}


async def kept_in(env, generation, record):
    async with open_service(env) as serving, grpc.aio.insecure_channel(serving.endpoints[0].address) as channel:
        for number in range(3):
            await record(catalog_pb2_grpc.CatalogServiceStub(channel), generation(), bytes([number]) * 1000)


async def test_a_damaged_backup_is_not_restored(local_env, generation, record, home, tmp_path):
    await kept_in(local_env, generation, record)
    back_up(home, tmp_path / "copy", report)
    next((tmp_path / "copy" / "blobs").rglob("*-*")).write_bytes(b"x")
    target = CatalogFolders(tmp_path / "new" / "catalog.sqlite", tmp_path / "new" / "blobs")
    with pytest.raises(StartError, match="1 files of the backup are missing or damaged"):
        restore(tmp_path / "copy", target, report)
    assert not target.database.exists()
    assert not target.blobs.exists()


async def test_verify_names_what_is_missing_and_damaged(command, local_env, generation, record, home):
    await kept_in(local_env, generation, record)
    code, out, _ = await command(local_env, "verify")
    assert code == 0
    assert "Read 3 generations," in out
    assert "; 3 files of 3000 bytes; 0 files without a row" in out
    gone, flipped, _ = sorted((home.blobs / "generations").rglob("*-*"))
    gone.unlink()
    flipped.write_bytes(flipped.read_bytes()[:-1] + b"x")
    code, out, err = await command(local_env, "verify")
    assert code == 1
    assert f"missing: {gone.relative_to(home.blobs)}" in out
    assert f"damaged: {flipped.relative_to(home.blobs)}" in out
    assert "2 faults" in err


@pytest.mark.parametrize("name", ["verify", "migrate"])
async def test_a_command_in_the_wrong_folder_makes_no_catalog(command, name, local_env, tmp_path):
    code, _, err = await command(local_env | {"VOICEBOX_DATA": str(tmp_path / "wrong")}, name)
    assert (code, "There is no catalog" in err) == (1, True)
    assert not (tmp_path / "wrong" / "catalog" / "catalog.sqlite").exists()


async def test_other_stores_are_refused_with_a_hint_to_their_own_tools(command, local_env, tmp_path):
    code, _, err = await command(local_env | {"CATALOG_DATABASE_URL": "postgresql://h/d"}, "backup", str(tmp_path))
    assert (code, "pg_dump" in err) == (1, True)
