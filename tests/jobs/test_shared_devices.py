"""Jobs on a device that services that answer calls use, too: the processor stands for one."""

import asyncio
import signal
import time
import uuid
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_jobs.devices.allowance import Allowance
from voicebox_jobs.devices.memory import device_bytes
from voicebox_models.device_leases.folder import DeviceLeases
from voicebox_models.device_leases.lease import Kind, Lease
from voicebox_tts.app import open_service as open_tts

from tests.support.aio import aio_stub

from .conftest import open_platform, wave

GB = 1_000_000_000
SHARED = {"VOICEBOX_LEASE_CPU": "1", "JOBS_DEVICE_MEMORY_BYTES": str(10 * GB)}
TTS = Lease("tts", Kind.SERVING, 4 * GB)
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
async def shared(env, tmp_path, trainers, nursery):
    """A platform without a worker, on a processor of 10 GB that is shared."""
    async with open_platform(env | SHARED, tmp_path, nursery) as platform:
        yield platform


@pytest.fixture
def tts(env):
    """A service on the same device, which holds 4 GB of it."""
    with DeviceLeases(Path(env["VOICEBOX_DATA"]) / "devices", "cpu").hold(TTS) as held:
        yield held


def waiting(platform):
    """The leases for which jobs wait."""
    leases = DeviceLeases(Path(platform.env["VOICEBOX_DATA"]) / "devices", "cpu")
    return [each for each in leases.others() if each.kind is Kind.WAITING]


def sized(gigabytes):
    return {"device_memory_bytes": gigabytes * GB}


async def test_jobs_run_beside_each_other_where_they_fit(shared, tts):
    await shared.start_worker()
    small = [await shared.train(f"small{number}", do="hang", job=sized(3)) for number in range(2)]
    for number in range(2):
        await shared.logged(f"small{number} begun")
    third = await shared.train("third", job=sized(2))
    stage = await shared.stage(third, "waits for")
    assert "2.0 GB of 10.0 GB on cpu" in stage
    assert "tts holds 4.0 GB" in stage
    await shared.stub.CancelJob(pb.CancelJobRequest(name=small[0].name))
    assert (await shared.ended(third)).state == pb.JOB_STATE_SUCCEEDED
    assert (await shared.get(small[1])).state == pb.JOB_STATE_RUNNING


@ON_SQLITE
async def test_a_request_id_of_a_job_of_another_size_is_refused(shared):
    given, identity = await shared.upload(wave()), str(uuid.uuid4())

    def request(gigabytes):
        voice = pb.TrainVoice(display_name="a", inputs=[given.name], engine="fake", consent="Ann agreed.")
        return pb.CreateJobRequest(job=pb.Job(train_voice=voice, **sized(gigabytes)), request_id=identity)

    assert len({(await shared.stub.CreateJob(request(1))).name for _ in range(2)}) == 1
    with pytest.raises(grpc.aio.AioRpcError, match="draw a new one"):
        await shared.stub.CreateJob(request(2))


@ON_SQLITE
async def test_a_job_of_unknown_size_waits_for_the_whole_device(shared, tts):
    await shared.start_worker()
    job = await shared.train("whole", job={"timeout": {"seconds": 5}})
    assert "waits for all of cpu: tts holds 4.0 GB" in await shared.stage(job, "waits")
    small = await shared.train("small", job=sized(1))
    assert "another job comes first" in await shared.stage(small, "waits")
    since = min(each.since_ns for each in waiting(shared))
    while time.time_ns() < since + 6_000_000_000:  # the wait takes nothing of the timeout
        await asyncio.sleep(0.02)
    tts.close()
    assert (await shared.ended(job)).state == pb.JOB_STATE_SUCCEEDED
    assert (await shared.ended(small)).state == pb.JOB_STATE_SUCCEEDED


@ON_SQLITE
async def test_all_jobs_may_have_a_usual_size(shared, tts):
    await shared.start_worker(JOBS_DEVICE_JOB_BYTES=str(6 * GB))
    assert (await shared.ended(await shared.train("usual"))).state == pb.JOB_STATE_SUCCEEDED


@ON_SQLITE
async def test_a_job_that_wants_more_than_there_is_fails_by_name(shared):
    await shared.start_worker()
    job = await shared.ended(await shared.train("large", job=sized(11)))
    assert (job.state, job.error.info.reason) == (pb.JOB_STATE_FAILED, "DEVICE_MEMORY")
    assert job.error.message == "It asks for 11.0 GB of cpu, which has 10.0 GB."
    job = await shared.ended(await shared.train("full", do="out of memory", job=sized(1)))
    assert (job.state, job.error.info.reason) == (pb.JOB_STATE_FAILED, "DEVICE_MEMORY")


@ON_SQLITE
async def test_a_training_gives_way_to_calls_and_goes_on(shared, tts):
    await shared.start_worker()
    job = await shared.train("reader", epochs=30, seconds=0.05, job=sized(1) | {"timeout": {"seconds": 60}})
    await shared.logged("epoch 2")
    tts.change(replace(TTS, is_busy=True))
    await shared.stage(job, "gives way to tts")
    done = shared.log()
    assert done[-1] == "reader saved"
    batch = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Hello.")])
    assert (await shared.ended(await shared.create(synthesize_batch=batch))).state == pb.JOB_STATE_SUCCEEDED
    assert shared.log() == done
    tts.change(TTS)
    assert (await shared.ended(job)).state == pb.JOB_STATE_SUCCEEDED
    epochs = [line for line in shared.log() if "epoch" in line]
    assert epochs == [f"reader epoch {number}" for number in range(30)]


@ON_SQLITE
async def test_a_stream_of_tts_makes_a_training_give_way(shared, start):
    data = {"VOICEBOX_DATA": shared.env["VOICEBOX_DATA"], "CATALOG_ADDRESS": "127.0.0.1:1"}
    running = await start(open_tts, VOICEBOX_LEASE_CPU="1", TTS_DEVICE_BYTES=str(4 * GB), **data)
    await shared.start_worker()
    large = await shared.train("large", job=sized(7))
    assert "tts holds 4.0 GB" in await shared.stage(large, "waits")
    await shared.stub.CancelJob(pb.CancelJobRequest(name=large.name))
    job = await shared.train("reader", epochs=30, seconds=0.05, job=sized(6))
    await shared.logged("epoch 2")
    request = tts_pb2.StreamSynthesizeRequest(text="This is a long text. " * 50)
    call = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel).StreamSynthesize(request)
    await anext(aiter(call))
    await shared.stage(job, "gives way to tts")
    assert shared.log()[-1] == "reader saved"
    call.cancel()
    assert (await shared.ended(job)).state == pb.JOB_STATE_SUCCEEDED
    epochs = [line for line in shared.log() if "epoch" in line]
    assert epochs == [f"reader epoch {number}" for number in range(30)]


@ON_SQLITE
async def test_calls_without_end_do_not_hold_a_training_up_for_ever(shared, tts):
    tts.change(replace(TTS, is_busy=True))
    await shared.start_worker(JOBS_YIELD_SECONDS="0.2")
    job = await shared.ended(await shared.train("reader", epochs=5, seconds=0.05, job=sized(1)))
    assert job.state == pb.JOB_STATE_SUCCEEDED
    assert "reader saved" in shared.log()


@ON_SQLITE
async def test_a_killed_worker_leaves_the_device_to_the_next_job(shared):
    worker = await shared.start_worker()
    await shared.train("hanging", do="hang")
    await shared.logged("hanging begun")
    leases = DeviceLeases(Path(shared.env["VOICEBOX_DATA"]) / "devices", "cpu")
    assert [(each.kind, each.memory_bytes) for each in leases.others()] == [(Kind.JOB, 0)]
    await worker.end(signal.SIGKILL)
    while leases.others():
        await asyncio.sleep(0.01)


@ON_SQLITE
async def test_a_device_that_is_not_shared_is_a_warning_and_nothing_else(idle):
    await idle.start_worker()
    job = await idle.ended(await idle.train("reader", job=sized(11)))
    assert job.state == pb.JOB_STATE_SUCCEEDED
    assert "device_memory_bytes is ignored: cpu is not shared here." in job.warnings
    assert not (Path(idle.env["VOICEBOX_DATA"]) / "devices").exists()
    batch = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Hello.")])
    job = await idle.create(synthesize_batch=batch, **sized(1))
    assert list(job.warnings) == ["device_memory_bytes is ignored: this work needs no device of its own."]


def test_an_allowance_stands_still_while_it_is_paused():
    now = [0.0]
    allowance = Allowance(10.0, lambda: now[0])
    now[0] = 4.0
    with allowance.paused():
        now[0] = 100.0
        assert allowance.seconds == 6.0
    assert allowance.seconds == 6.0
    now[0] = 107.0
    assert allowance.seconds == 0.0


class Driver:
    """NVIDIA's, for two devices."""

    def cuInit(self, flags):
        return 0

    def cuDeviceGet(self, handle, number):
        handle._obj.value = number
        return 0 if number < 2 else 101

    def cuDeviceTotalMem_v2(self, size, handle):
        size._obj.value = (handle.value + 1) * GB
        return 0


def test_the_driver_says_how_much_memory_a_device_has():
    load = lambda name: Driver()  # noqa: E731
    assert [device_bytes(f"cuda:{number}", load) for number in range(3)] == [GB, 2 * GB, 0]
    assert device_bytes("cpu", load) == 0


def test_without_a_driver_nothing_is_known():
    def load(name):
        raise OSError(name)

    assert device_bytes("cuda:0", load) == 0
