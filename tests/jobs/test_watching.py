"""Who watches sees every event in order, however late; one loop serves all."""

import asyncio

from voicebox.jobs.v1 import jobs_pb2 as pb

BATCH = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text=f"Text {number}.") for number in range(4)])


async def test_events_are_replayed_from_a_number_and_then_followed(platform):
    platform.tts.gate.clear()
    job = await platform.create(synthesize_batch=BATCH)
    early = asyncio.create_task(platform.events(job))
    await platform.events(job, {pb.JOB_STATE_RUNNING})
    late = asyncio.create_task(platform.events(job))
    platform.tts.gate.set()
    seen, replayed = await early, await late
    assert [event.sequence for event in seen] == [event.sequence for event in replayed]
    assert [event.sequence for event in seen] == sorted({event.sequence for event in seen})
    assert [event.progress for event in seen] == sorted(event.progress for event in seen)
    assert seen[0].state == pb.JOB_STATE_QUEUED
    assert seen[-1].state == pb.JOB_STATE_SUCCEEDED
    middle = seen[2].sequence
    assert [event.sequence for event in await platform.events(job, after=middle)] == [
        event.sequence for event in seen if event.sequence > middle
    ]
    nothing = platform.stub.WatchJob(pb.WatchJobRequest(name=job.name, after_sequence=seen[-1].sequence))
    assert [event async for event in nothing] == []


async def test_one_who_watches_all_sees_what_others_create(platform):
    seen = []

    async def watch():
        async for event in platform.stub.WatchJobs(pb.WatchJobsRequest(after_sequence=0)):
            seen.append((event.job, event.state))

    watching = asyncio.create_task(watch())
    jobs = [await platform.create(synthesize_batch=BATCH) for _ in range(3)]
    for job in jobs:
        await platform.ended(job)
    while not all((job.name, pb.JOB_STATE_SUCCEEDED) in seen for job in jobs):
        await asyncio.sleep(0.01)
    watching.cancel()


async def test_a_hundred_who_leave_disturb_nobody(platform):
    platform.tts.gate.clear()
    job = await platform.create(synthesize_batch=BATCH)
    calls = [platform.stub.WatchJob(pb.WatchJobRequest(name=job.name)) for _ in range(100)]
    for call in calls:
        await call.read()
    for call in calls:
        call.cancel()
    platform.tts.gate.set()
    assert (await platform.ended(job)).state == pb.JOB_STATE_SUCCEEDED


async def test_who_watches_from_a_number_that_was_not_given_yet_sees_what_comes(platform):
    platform.tts.gate.clear()
    job = await platform.create(synthesize_batch=BATCH)
    future = asyncio.create_task(platform.events(job, after=1 << 62))
    every = platform.stub.WatchJobs(pb.WatchJobsRequest(after_sequence=1 << 62))
    coming = asyncio.create_task(every.read())
    await platform.events(job, {pb.JOB_STATE_RUNNING})
    platform.tts.gate.set()
    assert (await future)[-1].state == pb.JOB_STATE_SUCCEEDED
    assert (await coming).job == job.name
    every.cancel()
