"""Jobs: from the request to the start, a thousand requests, a cancel, and what the service costs while nothing is
done. SQLite; the work is a batch of one text that nobody speaks.
"""

import time
import uuid
from pathlib import Path

import grpc
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox.jobs.v1 import jobs_pb2_grpc

from bench.figures import Figure, quantile
from bench.launch import cpu_seconds, platform

STARTS = 20
QUEUED = 1000
IDLE_SECONDS = 20.0
WARM_SECONDS = 5.0


def measure(folder: Path) -> list[Figure]:
    """A platform of jobs alone: tts is away, so that a job that started tries again until it is cancelled."""
    with platform(folder, ("jobs",)) as running, grpc.insecure_channel(running.jobs) as channel:
        stub = jobs_pb2_grpc.JobServiceStub(channel)
        _cancelled(stub, _create(stub))  # the worker is there
        starts, cancels = zip(*(_start_and_cancel(stub) for _ in range(STARTS)), strict=True)
        idle = _idle_cores(running.process.pid)
        began = time.perf_counter()
        for _ in range(QUEUED):
            _create(stub)
        queued = time.perf_counter() - began
    return [
        Figure("jobs: from the request to the start, p50", 1000 * quantile(starts, 0.5), "ms", 200),
        Figure("jobs: from the request to the start, p95", 1000 * quantile(starts, 0.95), "ms"),
        Figure("jobs: from a cancel to the end, the slowest", max(cancels), "s", 5),
        Figure(f"jobs: {QUEUED} are queued in", queued, "s", 10),
        Figure("jobs: cores of the idle service with its worker", idle, "", 0.1),
    ]


def _create(stub: jobs_pb2_grpc.JobServiceStub) -> pb.Job:
    batch = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Hello.")])
    request = pb.CreateJobRequest(job=pb.Job(synthesize_batch=batch), request_id=str(uuid.uuid4()))
    return stub.CreateJob(request)


def _start_and_cancel(stub: jobs_pb2_grpc.JobServiceStub) -> tuple[float, float]:
    """How long it took to start, by the service's own clock, and to end."""
    job = _create(stub)
    for event in stub.WatchJob(pb.WatchJobRequest(name=job.name)):
        if event.state == pb.JOB_STATE_PREPARING:
            break
    started = (event.time.ToNanoseconds() - job.create_time.ToNanoseconds()) / 1e9
    return started, _cancelled(stub, job)


def _cancelled(stub: jobs_pb2_grpc.JobServiceStub, job: pb.Job) -> float:
    for event in stub.WatchJob(pb.WatchJobRequest(name=job.name)):
        if event.state == pb.JOB_STATE_RUNNING:
            break
    began = time.perf_counter()
    stub.CancelJob(pb.CancelJobRequest(name=job.name))
    for _ in stub.WatchJob(pb.WatchJobRequest(name=job.name)):
        pass
    return time.perf_counter() - began


def _idle_cores(pid: int) -> float:
    time.sleep(WARM_SECONDS)
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return (cpu_seconds(pid) - before) / IDLE_SECONDS
