"""The jobs service with workers in processes of their own, on either database; the other services are fakes."""

import asyncio
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from voicebox.accounts.v1 import accounts_pb2, accounts_pb2_grpc
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.conversion.v1 import conversion_pb2, conversion_pb2_grpc
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox.jobs.v1 import jobs_pb2_grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_jobs.app import open_service
from voicebox_kit.authentication import Authentication
from voicebox_kit.channels import open_channel
from voicebox_kit.principal import Principal
from voicebox_kit.signing_keys import SigningKeys, create

from tests.catalog.stores import postgres, postgres_programs
from tests.support.aio import aio_stub

TRAINERS = Path(__file__).parent / "trainers"
# A worker takes 3 s to import: it is imported once, and forked. A line is its variables; the answer is its process.
NURSERY = """
import asyncio, json, os, signal, sys
from voicebox_jobs.worker_app import open_service
from voicebox_kit import logs
from voicebox_kit.serve import serve
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    child = os.fork()
    if child:
        print(child, flush=True)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    asked = json.loads(line)
    os.dup2(os.open(asked["LOG"], os.O_WRONLY | os.O_CREAT, 0o600), 2)
    os.environ.update(asked)
    sys.path.insert(0, asked["PYTHONPATH"])
    logs.configure(os.environ)
    asyncio.run(serve([open_service], os.environ, lambda line: None))
    os._exit(0)
"""
SERVING = "runs jobs"
ENDED = {pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_FAILED, pb.JOB_STATE_CANCELLED, pb.JOB_STATE_DEAD}
LEASE_SECONDS = 3.0
NOBODY = Authentication()
ANN = Principal("ann", frozenset({"admin", "manage", "read"}), "anns-key")


class FakeTts(tts_pb2_grpc.TextToSpeechServiceServicer, models_pb2_grpc.ModelServiceServicer):
    """Speaks the text itself, as bytes; a text with `refused` is refused, and others while it is `away`."""

    def __init__(self):
        self.spoken, self.styles, self.is_away, self.gate = [], [], False, asyncio.Event()
        self.adapters, self.refused = {}, "wrong"
        self.gate.set()

    async def StreamSynthesize(self, request, context):
        await self.gate.wait()
        if self.is_away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        if self.refused in request.text:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "That cannot be said.")
        self.spoken.append(request.text)
        self.styles.append(request.config.style)
        yield tts_pb2.StreamSynthesizeResponse(started=tts_pb2.SynthesisStarted(voice="flite/slt"))
        yield tts_pb2.StreamSynthesizeResponse(chunk=tts_pb2.AudioChunk(audio=request.text.encode()))
        yield tts_pb2.StreamSynthesizeResponse(finished=tts_pb2.SynthesisFinished(duration=Duration(seconds=1)))

    async def DownloadModel(self, request, context):
        for done in (10, 100):
            yield models_pb2.DownloadModelResponse(bytes_done=done, bytes_total=100, done=done == 100)

    async def ImportAdapter(self, request_iterator, context):
        requests = [request async for request in request_iterator]
        identity = requests[0].adapter_id
        self.adapters[identity] = b"".join(request.archive.data for request in requests)
        return models_pb2.Adapter(name=f"adapters/whisper/{identity}", model=f"models/whisper/{identity}")


class FakeAsr(asr_pb2_grpc.SpeechToTextServiceServicer):
    """Hears how many bytes there are; with word times, a word each third of a second. Counts its calls."""

    def __init__(self):
        self.calls = 0

    async def RecognizeUpload(self, request_iterator, context):
        self.calls += 1
        requests = [request async for request in request_iterator]
        count = sum(len(request.audio.data) for request in requests)
        answer = asr_pb2.RecognizeResponse(transcript=f"{count} bytes", audio_duration=Duration(seconds=1))
        if requests[0].config.word_offsets:
            utterance = answer.utterances.add()
            for third in range(300):
                begin, end = ((third + part) * 333_333_333 for part in (0, 1))
                word = utterance.words.add(word="word", confidence=0.9, speaker="speaker-1")
                word.start_offset.FromNanoseconds(begin)
                word.end_offset.FromNanoseconds(end)
        return answer


class FakeAccounts(accounts_pb2_grpc.UsageServiceServicer, accounts_pb2_grpc.KeyServiceServicer):
    """Keeps what it is told of usage; while it is `away` it keeps it, too, and the answer is lost."""

    def __init__(self):
        self.records, self.is_away = [], False

    async def FindInvalidKeys(self, request, context):
        return accounts_pb2.FindInvalidKeysResponse()

    async def RecordUsage(self, request, context):
        self.records.append(request.record)
        if self.is_away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return Empty()

    async def recorded(self, count):
        """Wait for so many records."""
        while len(self.records) < count:
            await asyncio.sleep(0.01)
        return self.records


class FakeConversion(conversion_pb2_grpc.ConversionServiceServicer, conversion_pb2_grpc.VoiceModelServiceServicer):
    """Keeps archives by their request ids; converts to the same bytes."""

    def __init__(self):
        self.archives = {}

    async def ImportVoiceModel(self, request_iterator, context):
        requests = [request async for request in request_iterator]
        self.archives[requests[0].request_id] = b"".join(request.archive.data for request in requests)
        return conversion_pb2.VoiceModel(name="voiceModels/reader")

    async def ConvertSpeech(self, request_iterator, context):
        yield conversion_pb2.ConvertSpeechResponse(started=conversion_pb2.ConversionStarted(warnings=["approximate"]))
        async for request in request_iterator:
            yield conversion_pb2.ConvertSpeechResponse(audio=HttpBody(data=request.audio.data))
        yield conversion_pb2.ConvertSpeechResponse(finished=conversion_pb2.ConversionFinished())


@dataclass(frozen=True)
class Worker:
    """A worker's process."""

    pid: int
    log: Path

    @property
    def is_gone(self):
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    async def end(self, number):
        """Send a signal, and wait until the process is gone."""
        os.kill(self.pid, number)
        while not self.is_gone:
            await asyncio.sleep(0.01)


class Nursery:
    """Starts workers."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    async def start(self, env, log):
        self._process.stdin.write(json.dumps(env | {"LOG": str(log), "PYTHONPATH": str(TRAINERS)}) + "\n")
        self._process.stdin.flush()
        worker = Worker(int(await asyncio.to_thread(self._process.stdout.readline)), log)
        while not log.exists() or SERVING not in log.read_text():
            assert not worker.is_gone, log.read_text()
            await asyncio.sleep(0.01)
        return worker

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@dataclass
class Platform:
    """The service, its variables, the fakes beside it, and its workers."""

    stub: "jobs_pb2_grpc.JobServiceAsyncStub"
    env: dict
    tts: FakeTts
    asr: FakeAsr
    conversion: FakeConversion
    folder: Path
    nursery: "Nursery"
    accounts: FakeAccounts
    workers: list = field(default_factory=list)

    async def start_worker(self, **variables):
        """A worker in a process of its own, once it runs jobs."""
        worker = await self.nursery.start(self.env | variables, self.folder / f"worker{len(self.workers)}.log")
        self.workers.append(worker)
        return worker

    async def create(self, **work):
        job = pb.Job(**work)
        return await self.stub.CreateJob(pb.CreateJobRequest(job=job, request_id=str(uuid.uuid4())))

    async def train(self, name="reader", *, job=None, **options):
        source = await self.upload(wave())
        training = pb.TrainVoice(
            display_name=name, consent="I agree.", engine="fake", inputs=[source.name],
            options={key: str(value) for key, value in options.items()} | {"log": str(self.folder / "log")},
        )  # fmt: skip
        return await self.create(train_voice=training, **(job or {}))

    async def stage(self, job, words):
        """Wait until it says this."""
        while words not in (stage := (await self.get(job)).stage):
            assert (await self.get(job)).state not in ENDED, stage
            await asyncio.sleep(0.02)
        return stage

    async def upload(self, content, **fields):
        async def requests():
            yield pb.UploadInputRequest(**fields)
            for start in range(0, len(content), 60_000):
                yield pb.UploadInputRequest(content=HttpBody(data=content[start : start + 60_000]))

        return await self.stub.UploadInput(requests())

    async def get(self, job):
        return await self.stub.GetJob(pb.GetJobRequest(name=job.name))

    async def events(self, job, until=ENDED, after=0):
        """The events up to the first of these states."""
        found = []
        call = self.stub.WatchJob(pb.WatchJobRequest(name=job.name, after_sequence=after))
        async for event in call:
            found.append(event)
            if event.state in until:
                call.cancel()
                break
        return found

    async def ended(self, job):
        await self.events(job)
        return await self.get(job)

    async def result(self, job, name):
        request = pb.DownloadResultRequest(name=f"{job.name}/results/{name}")
        return b"".join([answer.body.data async for answer in self.stub.DownloadResult(request)])

    def log(self):
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    async def logged(self, line):
        """Wait for a line that a trainer writes."""
        while not any(line in each for each in self.log()):
            await asyncio.sleep(0.01)


def wave(seconds=0.5, rate=16_000):
    file = io.BytesIO()
    soundfile.write(file, 0.1 * np.sin(np.arange(int(seconds * rate)) / 20), rate, format="WAV")
    return file.getvalue()


@pytest.fixture(scope="session")
def postgres_server():
    assert postgres_programs(), "PostgreSQL is not installed: apt-get install postgresql"
    with postgres(fsync=False) as server:
        yield server


@pytest.fixture(scope="session")
def nursery():
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory, postgres_server, nursery):
    """A folder of SQLite's files, and a database of PostgreSQL, in which all tables are made, those of DBOS too."""
    folder = tmp_path_factory.mktemp("migrated")
    postgres_server.query("postgres", "CREATE DATABASE jobs_template")
    env = {"JOBS_WORKER_METRICS_ADDRESS": "127.0.0.1:0", "VOICEBOX_DATA": str(folder), "LOG_LEVEL": "INFO"}
    asyncio.run(_migrate(nursery, env, folder / "log"))
    url = postgres_server.url("jobs_template")
    asyncio.run(_migrate(nursery, env | {"JOBS_DATABASE_URL": url}, folder / "log.postgres"))
    return folder


async def _migrate(nursery, env, log):
    worker = await nursery.start(env, log)
    await worker.end(signal.SIGTERM)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request):
    return request.param


@pytest.fixture
def env(database, migrated, postgres_server, tmp_path):
    """A service of its own, without a worker."""
    data = tmp_path / "data"
    usual = {
        "VOICEBOX_DATA": str(data),
        "JOBS_ADDRESS": "127.0.0.1:0",
        "JOBS_METRICS_ADDRESS": "127.0.0.1:0",
        "JOBS_WORKER_METRICS_ADDRESS": "127.0.0.1:0",
        "JOBS_WORKER": "0",
        "JOBS_LEASE_SECONDS": str(LEASE_SECONDS),
        "VOICEBOX_GRACE_SECONDS": "1",
        "LOG_LEVEL": "INFO",
    }
    if database == "sqlite":
        (data / "jobs").mkdir(parents=True)
        for path in (migrated / "jobs").glob("jobs.sqlite*"):
            shutil.copy(path, data / "jobs" / path.name)
        yield usual
        return
    name = f"jobs_{uuid.uuid4().hex}"
    postgres_server.query("postgres", f"CREATE DATABASE {name} TEMPLATE jobs_template")
    yield usual | {"JOBS_DATABASE_URL": postgres_server.url(name)}
    postgres_server.query("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def trainers(monkeypatch):
    """The fake trainer is installed."""
    monkeypatch.syspath_prepend(str(TRAINERS))


@asynccontextmanager
async def fakes():
    tts, asr, conversion, accounts = FakeTts(), FakeAsr(), FakeConversion(), FakeAccounts()
    server = grpc.aio.server()
    tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(tts, server)
    models_pb2_grpc.add_ModelServiceServicer_to_server(tts, server)
    asr_pb2_grpc.add_SpeechToTextServiceServicer_to_server(asr, server)
    conversion_pb2_grpc.add_ConversionServiceServicer_to_server(conversion, server)
    conversion_pb2_grpc.add_VoiceModelServiceServicer_to_server(conversion, server)
    accounts_pb2_grpc.add_UsageServiceServicer_to_server(accounts, server)
    accounts_pb2_grpc.add_KeyServiceServicer_to_server(accounts, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        addresses = {f"{name}_ADDRESS": address for name in ("TTS", "ASR", "CONVERSION", "ACCOUNTS")}
        yield tts, asr, conversion, accounts, addresses
    finally:
        await server.stop(None)


@asynccontextmanager
async def open_platform(env, folder, nursery, authentication=NOBODY):
    async with fakes() as (tts, asr, conversion, accounts, addresses):
        env = env | addresses
        async with open_service(env) as serving, open_channel(serving.endpoints[0].address, authentication) as channel:
            stub = aio_stub(jobs_pb2_grpc.JobServiceStub, channel)
            platform = Platform(stub, env, tts, asr, conversion, folder, nursery, accounts)
            try:
                yield platform
            finally:
                for worker in platform.workers:
                    if not worker.is_gone:
                        await worker.end(signal.SIGKILL)


@pytest.fixture
async def idle(env, tmp_path, trainers, nursery):
    """A platform without a worker."""
    async with open_platform(env, tmp_path, nursery) as platform:
        yield platform


@pytest.fixture
async def guarded(env, tmp_path, trainers, nursery):
    """A platform that authenticates, without a worker."""
    keys = tmp_path / "signing.keys"
    create(keys)
    env = env | {"VOICEBOX_AUTH": "keys", "VOICEBOX_SIGNING_KEYS": str(keys)}
    async with open_platform(env, tmp_path, nursery, Authentication(SigningKeys(keys))) as platform:
        yield platform


@pytest.fixture
async def platform(idle):
    """A platform with one worker."""
    await idle.start_worker()
    return idle


def lines(content):
    return [json.loads(line) for line in content.splitlines()]
