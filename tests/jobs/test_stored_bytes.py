"""Who may store so many bytes stores no more: neither inputs nor what jobs make of them."""

from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_kit import principal

from .conftest import ANN, wave

WAVE = wave()


def allow(count):
    principal.current.set(replace(ANN, stored_bytes=count))


def files(platform):
    return {path.name for path in (Path(platform.env["VOICEBOX_DATA"]) / "jobs/blobs").rglob("*") if path.is_file()}


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "may store" in str(error.value.details())


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_inputs_that_do_not_fit_are_refused_and_leave_nothing(guarded):
    allow(2 * len(WAVE))
    first = await guarded.upload(WAVE)
    await guarded.upload(WAVE)
    before = files(guarded)
    await refused(guarded.upload(WAVE))
    assert files(guarded) == before
    await guarded.stub.DeleteInput(pb.DeleteInputRequest(name=first.name))
    assert (await guarded.upload(WAVE)).size_bytes == len(WAVE)


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_job_whose_results_do_not_fit_fails_by_name(guarded):
    allow(2 * len(WAVE) + 100)  # its input, and the same once more, decoded
    await guarded.start_worker()
    job = await guarded.ended(await guarded.train())
    assert (job.state, job.error.info.reason) == (pb.JOB_STATE_FAILED, "STORED_BYTES_EXHAUSTED")
    allow(2 * len(WAVE))
    await refused(guarded.stub.CreateJob(pb.CreateJobRequest(job=pb.Job(train_voice=job.train_voice))))
    await guarded.stub.DeleteJob(pb.DeleteJobRequest(name=job.name))
    allow(None)
    assert (await guarded.ended(await guarded.train())).state == pb.JOB_STATE_SUCCEEDED


@pytest.mark.parametrize("database", ["sqlite"])
async def test_items_count_too(guarded):
    allow(1000)
    await guarded.start_worker()
    items = [pb.SynthesizeItem(text=99 * "a")] * 9
    job = await guarded.ended(await guarded.create(synthesize_batch=pb.SynthesizeBatch(items=items)))
    assert (job.items_done, job.error.info.reason) == (9, "STORED_BYTES_EXHAUSTED")
