"""Jobs: from the request to the start, a thousand requests, a cancel, and what the service costs while nothing is
done, on SQLite and on PostgreSQL. The work is a batch of one text that nobody speaks.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.duration_pb2 import Duration
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox.jobs.v1 import jobs_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

from bench.figures import Figure, quantile
from bench.launch import cpu_seconds, platform
from tests.catalog.stores import postgres
from tests.support.aio import aio_stub

STARTS = 20
QUEUED, CLIENTS = 1000, 16
ITEMS = (1000, 10_000)
IDLE_SECONDS = 20.0
WARM_SECONDS = 5.0
WATCHERS = 100
RECORDING = Path(__file__).parents[1] / "demo/ann.wav"


def measure(folder: Path) -> list[Figure]:
    """A platform of jobs alone: tts is away, so that a job that started tries again until it is cancelled."""
    figures = _of_database("SQLite", folder, {})
    with postgres(fsync=True) as server:
        server.query("postgres", "CREATE DATABASE jobs")
        figures += _of_database("PostgreSQL", folder / "server", {"JOBS_DATABASE_URL": server.url("jobs")})
    memory = {count: _memory(folder / str(count), count) for count in ITEMS}
    return figures + [
        Figure(f"jobs: memory of {name} after a batch of {count:,} texts, at its highest", mib, "MiB")
        for count, of_processes in memory.items()
        for name, mib in of_processes.items()
    ]


def _of_database(name: str, folder: Path, variables: Mapping[str, str]) -> list[Figure]:
    with platform(folder, ("jobs",), **variables) as running, grpc.insecure_channel(running.jobs) as channel:
        stub = jobs_pb2_grpc.JobServiceStub(channel)
        _cancelled(stub, _create(stub))  # the worker is there
        starts, cancels = zip(*(_start_and_cancel(stub) for _ in range(STARTS)), strict=True)
        recording = stub.UploadInput(iter([pb.UploadInputRequest(content=HttpBody(data=RECORDING.read_bytes()))])).name
        following = [_following(stub, recording) for _ in range(STARTS)]
        idle = _idle_cores(running.process.pid)
        _watch_and_leave(stub)
        left = _idle_cores(running.process.pid)
        alone = asyncio.run(_queued(running.jobs, 1))
        many = asyncio.run(_queued(running.jobs, CLIENTS))
    return [
        Figure(f"jobs, {name}: from the request to the start, p50", 1000 * quantile(starts, 0.5), "ms", 200),
        Figure(f"jobs, {name}: from the request to the start, p95", 1000 * quantile(starts, 0.95), "ms"),
        Figure(f"jobs, {name}: from a cancel to the end, the slowest", max(cancels), "s", 5),
        Figure(
            f"jobs, {name}: from the end of a cancelled job to the next one's start, the slowest",
            max(following),
            "s",
            1,
        ),
        Figure(f"jobs, {name}: {QUEUED} are queued by one client, one after the other, in", alone, "s"),
        Figure(f"jobs, {name}: {QUEUED} are queued by {CLIENTS} clients, in", many, "s", 10),
        Figure(f"jobs, {name}: cores of the idle service with its worker", idle, "", 0.1),
        Figure(f"jobs, {name}: the same after {WATCHERS} watchers have gone", left, "", 0.1),
    ]


class _FakeTts(tts_pb2_grpc.TextToSpeechServiceServicer):
    """Speaks a tenth of a second of silence at once."""

    def StreamSynthesize(self, request: Any, context: Any) -> Iterator[tts_pb2.StreamSynthesizeResponse]:
        yield tts_pb2.StreamSynthesizeResponse(started=tts_pb2.SynthesisStarted(voice="none/none"))
        yield tts_pb2.StreamSynthesizeResponse(chunk=tts_pb2.AudioChunk(audio=bytes(3200)))
        yield tts_pb2.StreamSynthesizeResponse(finished=tts_pb2.SynthesisFinished(duration=Duration(nanos=100_000_000)))


def _memory(folder: Path, count: int) -> Mapping[str, float]:
    """The highest resident memory of the service and of its worker, in MiB, after one batch of so many texts."""
    tts = grpc.server(ThreadPoolExecutor(4))
    tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(_FakeTts(), tts)  # type: ignore[abstract]
    address = f"127.0.0.1:{tts.add_insecure_port('127.0.0.1:0')}"
    tts.start()
    lines = "".join(json.dumps({"text": f"This is text number {number}."}) + "\n" for number in range(count)).encode()
    try:
        with (
            platform(folder, ("jobs",), TTS_ADDRESS=address) as running,
            grpc.insecure_channel(running.jobs) as channel,
        ):
            stub = jobs_pb2_grpc.JobServiceStub(channel)
            source = stub.UploadInput(iter([pb.UploadInputRequest(content=HttpBody(data=lines))]))
            job = pb.Job(synthesize_batch=pb.SynthesizeBatch(input=source.name))
            job = stub.CreateJob(pb.CreateJobRequest(job=job, request_id=str(uuid.uuid4())))
            for _ in stub.WatchJob(pb.WatchJobRequest(name=job.name)):
                pass
            done = stub.GetJob(pb.GetJobRequest(name=job.name))
            assert done.items_done == count, done.error
            service = running.process.pid
            return {"the service": _highest_mib(service), "the worker": _highest_mib(_worker_of(service))}
    finally:
        tts.stop(None)


def _worker_of(service: int) -> int:
    children = Path(f"/proc/{service}/task/{service}/children").read_text().split()
    return next(int(each) for each in children if b"jobs-worker" in Path(f"/proc/{each}/cmdline").read_bytes())


def _highest_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


async def _queued(address: str, clients: int) -> float:
    """How long it takes until QUEUED jobs are on the disk, in seconds."""
    left = iter(range(QUEUED))
    async with grpc.aio.insecure_channel(address) as channel:
        stub = aio_stub(jobs_pb2_grpc.JobServiceStub, channel)

        async def client() -> None:
            for _ in left:
                await stub.CreateJob(_request())

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        return time.perf_counter() - began


def _create(stub: jobs_pb2_grpc.JobServiceStub) -> pb.Job:
    return stub.CreateJob(_request())


def _request(**work: Any) -> pb.CreateJobRequest:
    batch = pb.SynthesizeBatch(items=[pb.SynthesizeItem(text="Hello.")])
    return pb.CreateJobRequest(job=pb.Job(**work or {"synthesize_batch": batch}), request_id=str(uuid.uuid4()))


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


def _following(stub: jobs_pb2_grpc.JobServiceStub, recording: str) -> float:
    """How long after the end of a cancelled training the next one starts on its device, by the service's own clock."""
    first, second = (stub.CreateJob(_request(train_voice=_training(recording))) for _ in range(2))
    _cancelled(stub, first)
    ended = stub.GetJob(pb.GetJobRequest(name=first.name)).end_time.ToNanoseconds()
    for event in stub.WatchJob(pb.WatchJobRequest(name=second.name)):
        if event.state == pb.JOB_STATE_PREPARING:
            break
    _cancelled(stub, second)
    return (event.time.ToNanoseconds() - ended) / 1e9


def _training(recording: str) -> pb.TrainVoice:
    return pb.TrainVoice(display_name="reader", consent="I agree.", engine="world", inputs=[recording])


def _watch_and_leave(stub: jobs_pb2_grpc.JobServiceStub) -> None:
    """Many watch all jobs, and cut their connections."""
    watches = [stub.WatchJobs(pb.WatchJobsRequest()) for _ in range(WATCHERS)]
    time.sleep(WARM_SECONDS)
    for watch in watches:
        watch.cancel()  # type: ignore[no-untyped-call]


def _idle_cores(pid: int) -> float:
    time.sleep(WARM_SECONDS)
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return (cpu_seconds(pid) - before) / IDLE_SECONDS
