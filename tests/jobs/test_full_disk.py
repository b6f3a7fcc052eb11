"""A disk without room: what needs it fails by name, and everything goes on when there is room again."""

import json
import secrets
import shutil
import subprocess
from contextlib import contextmanager

import grpc
import pytest
from voicebox.jobs.v1 import jobs_pb2 as pb

from .conftest import open_platform, wave

BATCH = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="a" * 9000)] * 20)


@contextmanager
def filled(disk):
    """Without room for a byte while the block runs."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while free := shutil.disk_usage(disk).free:
            file.write(bytes(free))
    yield
    filler.unlink()


def large():
    """Texts that PostgreSQL cannot make much smaller: 360 kB."""
    return [secrets.token_hex(4500) for _ in range(40)]


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "full" in str(error.value.details())


@pytest.mark.parametrize("database", ["sqlite"])
async def test_inputs_and_results_that_find_no_room_fail_by_name(small_disk, env, tmp_path, trainers, nursery):
    async with open_platform(env | {"JOBS_BLOB_URL": str(small_disk / "blobs")}, tmp_path, nursery) as platform:
        await platform.start_worker()
        with filled(small_disk):
            await refused(platform.upload(wave(5)))
            job = await platform.ended(await platform.create(synthesize_batch=BATCH))
            assert (job.state, job.error.info.reason) == (pb.JOB_STATE_FAILED, "STORAGE_FULL")
        await platform.stub.RetryJob(pb.RetryJobRequest(name=job.name))
        await platform.events(job, after=job.sequence)
        job = await platform.get(job)
        assert (job.state, job.items_done) == (pb.JOB_STATE_SUCCEEDED, 20)
        assert await platform.upload(wave(5))


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_database_that_finds_no_room_refuses_and_loses_no_job(small_disk, env, tmp_path, trainers, nursery):
    # What DBOS writes ahead takes more than 4 MB.
    subprocess.run(["mount", "-o", "remount,size=24m", small_disk], check=True)
    data = small_disk / "data"
    shutil.copytree(tmp_path / "data", data)
    async with open_platform(env | {"VOICEBOX_DATA": str(data)}, tmp_path, nursery) as platform:
        kept = await platform.create(synthesize_batch=BATCH)
        with filled(small_disk):
            await refused(platform.create(synthesize_batch=BATCH))
        await platform.start_worker()
        assert (await platform.ended(kept)).state == pb.JOB_STATE_SUCCEEDED
        running = await platform.train(epochs=3, seconds=0.2)
        await platform.logged("epoch 0")
        with filled(small_disk):
            job = await platform.ended(running)
            assert (job.state, job.error.info.reason) == (pb.JOB_STATE_FAILED, "STORAGE_FULL")
        assert (await platform.ended(await platform.train())).state == pb.JOB_STATE_SUCCEEDED


@pytest.mark.parametrize("database", ["postgres"])
async def test_postgresql_that_finds_no_room_refuses_and_goes_on(
    small_disk, env, postgres_server, tmp_path, trainers, nursery
):
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    with postgres_server.on_disk(small_disk, env["JOBS_DATABASE_URL"]):
        async with open_platform(env, tmp_path, nursery) as platform:
            await platform.start_worker()
            assert (
                await platform.ended(await platform.train())
            ).state == pb.JOB_STATE_SUCCEEDED  # by now each table has a page with room for a row
            texts = await platform.upload("".join(json.dumps({"text": each}) + "\n" for each in large()).encode())
            with filled(small_disk):
                batch = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text=text) for text in large()])
                await refused(platform.create(synthesize_batch=batch))
                job = await platform.create(synthesize_batch=pb.SynthesizeBatch(input=texts.name))
                job = await platform.ended(job)  # its items are rows
                assert (job.state, job.error.info.reason) == (pb.JOB_STATE_FAILED, "STORAGE_FULL")
                assert "database's disk is full" in job.error.message
            await platform.stub.RetryJob(pb.RetryJobRequest(name=job.name))
            await platform.events(job, after=job.sequence)
            job = await platform.get(job)
            assert (job.state, job.items_done) == (pb.JOB_STATE_SUCCEEDED, 40)
