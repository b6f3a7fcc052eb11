"""How jobs wait, run, end and die, on both databases."""

import asyncio
import os
import signal
import time

import pytest
from voicebox.jobs.v1 import jobs_pb2 as pb

from .conftest import ENDED, LEASE_SECONDS, open_platform

KILLS = max(2, int(os.environ.get("KILLS", "20")) // 10)
"""Of a worker with kill -9, on each database; the acceptance is 20."""
DATABASE_KILLS = KILLS
"""Of PostgreSQL, whose processes all end at once, without a checkpoint."""


async def test_one_job_at_a_time_on_each_device(idle):
    for _ in range(2):
        await idle.start_worker(JOBS_DEVICES="cuda:0,cuda:1")
    jobs = [await idle.train(f"job{number}", seconds=0.3, epochs=2) for number in range(3)]
    for job in jobs:
        assert (await idle.ended(job)).state == pb.JOB_STATE_SUCCEEDED
    running = set()
    for line in idle.log():  # all are of the one device of the service's own settings
        name, what, *_ = line.split()
        if what == "begun":
            assert not running
            running.add(name)
        elif what == "ended":
            running.remove(name)


async def test_two_devices_run_a_job_each_and_never_two(env, tmp_path, trainers, nursery):
    async with open_platform(env | {"JOBS_DEVICES": "cuda:0,cuda:1"}, tmp_path, nursery) as platform:
        for _ in range(2):
            await platform.start_worker()
        first, second = [await platform.train(f"job{number}", do="hang") for number in range(2)]
        third = await platform.train("third")
        assert [job.device for job in (first, second, third)] == ["cuda:0", "cuda:1", "cuda:0"]
        for name in ("job0", "job1"):
            await platform.logged(f"{name} begun")
        assert (await platform.get(third)).state == pb.JOB_STATE_QUEUED
        await platform.stub.CancelJob(pb.CancelJobRequest(name=first.name))
        assert (await platform.ended(third)).state == pb.JOB_STATE_SUCCEEDED
        assert (await platform.get(second)).state == pb.JOB_STATE_RUNNING


async def test_a_cancelled_job_ends_and_the_next_one_starts(platform):
    hanging, waiting = await platform.train("hanging", do="hang"), await platform.train("next")
    await platform.logged("hanging begun")
    pid = int(platform.log()[0].split()[-1])
    assert (await platform.get(waiting)).queue_place == 1
    began = time.monotonic()
    await platform.stub.CancelJob(pb.CancelJobRequest(name=hanging.name))
    assert (await platform.ended(hanging)).state == pb.JOB_STATE_CANCELLED
    print(f"cancelled after {time.monotonic() - began:.2f} s")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (await platform.ended(waiting)).state == pb.JOB_STATE_SUCCEEDED


async def test_jobs_that_are_cancelled_at_a_steps_boundary_block_no_device(platform):
    """DBOS's issue 805: a queue of concurrency 1 stood still after that."""
    for number in range(4):
        job = await platform.train(f"job{number}", epochs=2 * number + 3, seconds=0.2)
        await platform.logged(f"job{number} epoch {number}" if number else "job0 begun")
        await platform.stub.CancelJob(pb.CancelJobRequest(name=job.name))
        assert (await platform.ended(job)).state == pb.JOB_STATE_CANCELLED
    assert (await platform.ended(await platform.train("next"))).state == pb.JOB_STATE_SUCCEEDED


async def test_a_job_that_waits_is_cancelled_at_once(idle):
    job = await idle.train()
    assert (await idle.stub.CancelJob(pb.CancelJobRequest(name=job.name))).state == pb.JOB_STATE_CANCELLED
    await idle.start_worker()
    assert (await idle.ended(await idle.train("other"))).state == pb.JOB_STATE_SUCCEEDED
    assert not any("reader" in line for line in idle.log())


async def test_a_job_that_kills_its_process_is_dead_after_four_attempts(platform):
    job = await platform.ended(await platform.train(do="die"))
    assert (job.state, job.attempt, job.error.info.reason) == (pb.JOB_STATE_DEAD, 4, "JOB_DEAD")
    assert len(platform.log()) == 4
    assert (await platform.ended(await platform.train("next"))).state == pb.JOB_STATE_SUCCEEDED


async def test_a_timeout_ends_a_job_by_name(platform):
    job = await platform.train(do="hang", job={"timeout": {"seconds": 2}})
    assert (await platform.ended(job)).error.info.reason == "JOB_TIMEOUT"


async def test_killed_workers_lose_no_step_and_block_no_device(idle):
    job = await idle.train(epochs=KILLS + 2, seconds=0.2)
    worker = await idle.start_worker()
    for kill in range(KILLS):
        await idle.logged(f"epoch {kill}" if kill else "begun")
        await worker.end(signal.SIGKILL)
        worker = await idle.start_worker()
        if kill % 3 == 2:  # a job is dead after four deaths; the kills are about more than that
            cancelled = await idle.stub.CancelJob(pb.CancelJobRequest(name=job.name))
            await idle.events(job, after=cancelled.sequence - 1)
            await idle.stub.RetryJob(pb.RetryJobRequest(name=job.name))
    await idle.events(job, until={pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_FAILED, pb.JOB_STATE_DEAD})
    done = await idle.get(job)
    assert done.state == pb.JOB_STATE_SUCCEEDED, done.error
    epochs = [line for line in idle.log() if "epoch" in line]
    assert len(epochs) == len(set(epochs)) == KILLS + 2
    began = time.monotonic()
    assert (await idle.ended(await idle.train("next"))).state == pb.JOB_STATE_SUCCEEDED
    print(f"the next job took {time.monotonic() - began:.1f} s, with a lease of {LEASE_SECONDS:g} s")


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_killed_database_loses_no_step(idle, postgres_server):
    epochs = 4 * DATABASE_KILLS
    job = await idle.train(epochs=epochs, seconds=0.3)
    await idle.start_worker()
    for kill in range(DATABASE_KILLS):
        await idle.logged(f"epoch {4 * kill}")
        await asyncio.to_thread(postgres_server.stop, "immediate")
        await asyncio.to_thread(postgres_server.start)
    while (await idle.get(job)).state not in ENDED:
        await asyncio.sleep(0.05)
    done = await idle.get(job)
    assert done.state == pb.JOB_STATE_SUCCEEDED, done.error
    lines = [line for line in idle.log() if "epoch" in line]
    assert len(lines) == len(set(lines)) == epochs
    assert (await idle.ended(await idle.train("next"))).state == pb.JOB_STATE_SUCCEEDED


async def test_items_that_are_done_are_not_done_again(idle):
    texts = [f"Text {number}." for number in range(6)]
    items = [pb.SynthesizeItem(text=text) for text in texts]
    first = await idle.start_worker()
    job = await idle.create(synthesize_batch=pb.SynthesizeBatch(items=items))
    while (await idle.get(job)).items_done < 2:
        await asyncio.sleep(0.01)
    idle.tts.gate.clear()
    await first.end(signal.SIGKILL)
    done = (await idle.get(job)).items_done
    idle.tts.gate.set()
    await idle.start_worker()
    job = await idle.ended(job)
    assert (job.state, job.items_done) == (pb.JOB_STATE_SUCCEEDED, 6)
    assert set(idle.tts.spoken) == set(texts)
    assert all(idle.tts.spoken.count(text) == 1 for text in texts[:done])


async def test_a_worker_that_is_stopped_gives_its_jobs_back(idle):
    worker = await idle.start_worker()
    job = await idle.train(do="hang")
    await idle.logged("begun")
    await worker.end(signal.SIGTERM)
    stopped = await idle.get(job)
    assert (stopped.state, stopped.attempt) == (pb.JOB_STATE_QUEUED, 1)
    await idle.start_worker()
    await idle.events(job, {pb.JOB_STATE_RUNNING}, after=stopped.sequence)
    assert (await idle.get(job)).attempt == 2


async def test_higher_priorities_start_first(idle):
    for name, priority in (("usual", 0), ("low", -5), ("high", 5)):
        await idle.train(name, job={"priority": priority})
    jobs = (await idle.stub.ListJobs(pb.ListJobsRequest())).jobs
    assert [(job.train_voice.display_name, job.queue_place) for job in jobs] == [("high", 1), ("low", 3), ("usual", 2)]
    await idle.start_worker()
    for job in jobs:
        await idle.ended(job)
    assert next(line.split()[0] for line in idle.log() if "begun" in line) == "high"


async def test_the_oldest_start_first(idle):
    jobs = [await idle.train(f"job{number}") for number in range(5)]  # within the same second
    await idle.start_worker()
    for job in jobs:
        await idle.ended(job)
    assert [line.split()[0] for line in idle.log() if "begun" in line] == [f"job{number}" for number in range(5)]


async def test_what_may_pass_is_tried_again(platform):
    platform.tts.is_away = True
    job = await platform.create(synthesize_batch=pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Hello.")]))
    await platform.events(job, {pb.JOB_STATE_RUNNING})
    platform.tts.is_away = False
    assert (await platform.ended(job)).state == pb.JOB_STATE_SUCCEEDED
