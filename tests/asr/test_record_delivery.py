"""A record that was acknowledged reaches the catalog exactly once: whatever is away, full, or killed meanwhile."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.asr.v1.asr_pb2 import RecognitionConfig, StreamingConfig, StreamingRecognizeRequest
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox_asr import app
from voicebox_asr.engine import SAMPLE_RATE_HZ, Options
from voicebox_asr.job import Job, RecordRequest
from voicebox_asr.records import recorder as recorders
from voicebox_asr.records.record import TranscriptionRecord
from voicebox_asr.results.transcript import Transcript
from voicebox_asr.results.warnings import WarningReason
from voicebox_audio.pcm import to_s16le
from voicebox_kit.disk_quota import DiskQuota
from voicebox_outbox import outbox as outboxes
from voicebox_outbox.outbox import Delivery

from bench.launch import platform
from tests.support.aio import aio_stub

from .conftest import CountingEngine, tone, wav

ANN = (("x-voicebox-principal", "ann"),)
GONE = "127.0.0.1:1"
"""Nobody listens there."""


class FakeCatalog(catalog_pb2_grpc.CatalogServiceServicer):
    """Remembers what it is sent; `failure` is what it answers instead while it is set."""

    def __init__(self) -> None:
        self.address = ""
        self.received: list[tuple[catalog_pb2.Transcription, bytes]] = []
        self.failure: grpc.StatusCode | None = None
        self.arrived = asyncio.Event()

    async def RecordTranscription(self, request_iterator, context):
        requests = [request async for request in request_iterator]  # first: an answer during a write may be lost
        if self.failure:
            await context.abort(self.failure, "as the test has it")
        self.received.append((requests[0].transcription, b"".join(request.audio for request in requests)))
        self.arrived.set()
        return requests[0].transcription


@pytest.fixture
async def catalog() -> AsyncIterator[FakeCatalog]:
    """A FakeCatalog with its `address`."""
    server, fake = grpc.aio.server(), FakeCatalog()
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield fake
    await server.stop(0)


@pytest.fixture
def open_asr(start, install):
    """Starts the service with the counting engine."""
    engine = CountingEngine()
    install(engine)

    async def open_asr(**env: str):
        return await start(app.open_service, ASR_ENGINE=engine.name, **env)

    return open_asr


def keeping() -> RecognitionConfig:
    return RecognitionConfig(store=True, request_id=str(uuid.uuid4()))


async def recognize(channel: grpc.aio.Channel) -> asr_pb2.RecognizeResponse:
    request = asr_pb2.RecognizeRequest(config=keeping(), audio=wav(tone(1.0)))
    return await aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, channel).Recognize(request, metadata=ANN)


async def stream(channel: grpc.aio.Channel) -> asr_pb2.StreamFinished:
    recognition = keeping()
    recognition.encoding, recognition.sample_rate_hz = asr_pb2.AUDIO_ENCODING_PCM_S16LE, SAMPLE_RATE_HZ

    async def requests():
        yield StreamingRecognizeRequest(config=StreamingConfig(recognition=recognition))
        yield StreamingRecognizeRequest(audio=to_s16le(tone(1.0)))

    events = aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, channel).StreamingRecognize(requests(), metadata=ANN)
    return [event async for event in events][-1].finished


def reasons(answer: asr_pb2.RecognizeResponse | asr_pb2.StreamFinished) -> list[str]:
    return [warning.reason for warning in answer.warnings]


def spooled(folder: Path, suffix: str = ".json") -> list[Path]:
    return list((folder / "asr" / "spool").glob(f"*{suffix}"))


@pytest.mark.parametrize("call", [recognize, stream])
async def test_a_record_that_the_catalog_takes_is_acknowledged_without_a_warning(
    open_asr, catalog, tmp_path, monkeypatch, call
):
    monkeypatch.setattr(outboxes, "PROMPT_SECONDS", 60.0)  # a slow machine is no catalog that is away
    answer = await call((await open_asr(CATALOG_ADDRESS=catalog.address)).channel)
    [(record, audio)] = catalog.received
    assert (record.name, record.owner, reasons(answer)) == (answer.transcription, "ann", [])
    assert audio
    assert not spooled(tmp_path)
    assert not spooled(tmp_path, ".data")


@pytest.mark.parametrize("call", [recognize, stream])
async def test_while_the_catalog_is_unavailable_the_record_is_named_and_waits_on_disk(open_asr, tmp_path, call):
    answer = await call((await open_asr(CATALOG_ADDRESS=GONE)).channel)
    assert answer.transcription.startswith("transcriptions/")
    assert reasons(answer) == ["RECORD_PENDING"]
    assert len(spooled(tmp_path)) == len(spooled(tmp_path, ".data")) == 1


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN])
async def test_a_catalog_that_comes_back_gets_what_waits(open_asr, catalog, tmp_path, monkeypatch, code):
    monkeypatch.setattr(outboxes, "RETRY_SECONDS", 0.01)
    catalog.failure = code
    running = await open_asr(CATALOG_ADDRESS=catalog.address)
    answers = [await recognize(running.channel) for _ in range(3)]
    assert [reasons(answer) for answer in answers] == [["RECORD_PENDING"]] * 3
    catalog.failure = None
    while spooled(tmp_path):
        await asyncio.sleep(0.001)
    assert sorted(record.name for record, _ in catalog.received) == sorted(each.transcription for each in answers)


async def test_what_the_catalog_rejects_is_set_aside_and_reported(open_asr, catalog, tmp_path, monkeypatch):
    monkeypatch.setattr(outboxes, "PROMPT_SECONDS", 60.0)
    catalog.failure = grpc.StatusCode.INVALID_ARGUMENT
    answer = await recognize((await open_asr(CATALOG_ADDRESS=catalog.address)).channel)
    assert (answer.transcription, reasons(answer)) == ("", ["RECORD_REJECTED"])
    assert sorted(path.suffix for path in (tmp_path / "asr/spool/rejected").iterdir()) == [".data", ".json"]


@pytest.mark.parametrize("call", [recognize, stream])
async def test_a_full_spool_costs_the_record_and_not_the_answer(open_asr, tmp_path, call):
    running = await open_asr(CATALOG_ADDRESS=GONE, ASR_SPOOL_BYTES="0")
    answer = await call(running.channel)
    assert (answer.transcription, reasons(answer)) == ("", ["NOT_STORED"])
    assert "spool is full" in answer.warnings[0].message
    assert not spooled(tmp_path, ".data")


async def test_a_disk_that_cannot_be_written_costs_the_record_and_not_the_answer(open_asr, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    running = await open_asr(CATALOG_ADDRESS=GONE)
    monkeypatch.setattr("voicebox_outbox.spool.sync_path", full)
    answer = await recognize(running.channel)
    assert (answer.transcription, reasons(answer)) == ("", ["NOT_STORED"])
    assert "The disk is full" in answer.warnings[0].message
    assert not spooled(tmp_path, ".data")


async def test_the_metrics_and_the_health_name_the_history(open_asr, tmp_path):
    running = await open_asr(CATALOG_ADDRESS=GONE)
    await recognize(running.channel)
    reader, writer = await asyncio.open_connection(*running.metrics_address.split(":"))
    writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
    page = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    assert "voicebox_asr_history_waiting 1.0" in page
    assert "voicebox_asr_history_delivered_total 0.0" in page
    assert 'voicebox_background_failing{task="history"} 0.0' in page


def test_a_record_survives_a_kill_after_it_was_acknowledged_and_is_delivered_once(tmp_path, spoken):
    """Real processes: the catalog is away, asr acknowledges and is killed with SIGKILL; both come back."""
    from voicebox_client import Client

    with platform(tmp_path, ("catalog",)) as catalog:
        address = catalog.catalog
    variables = {"CATALOG_ADDRESS": address, "ASR_ENGINE": "pocketsphinx"}
    audio = tmp_path / "spoken.wav"
    audio.write_bytes(wav(spoken))
    with platform(tmp_path, ("asr",), **variables) as asr, Client(asr.asr) as client:
        answer = client.transcribe(audio, store=True)
        asr.process.kill()
    assert [warning.reason for warning in answer.warnings] == ["RECORD_PENDING"]
    with platform(tmp_path, ("catalog",), CATALOG_ADDRESS=address), Client(address) as history:
        with platform(tmp_path, ("asr",), **variables):
            found: list[str] = []
            while not found or spooled(tmp_path):
                found = [each.name for each in history.list_transcriptions()]
        assert found == [answer.transcription]
        assert history.get_transcription(answer.transcription).text == answer.transcript


class ListOutbox:
    """Takes every record, or answers as the test sets it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.sizes, self.blocked = folder, list[int](), asyncio.Event()
        self.blocked.set()

    def reserve(self) -> Path:
        return self._folder / f"{uuid.uuid4()}.data"

    async def keep(self, audio: Path, record: TranscriptionRecord) -> Delivery:
        await self.blocked.wait()
        self.sizes.append(audio.stat().st_size)
        audio.unlink()
        return Delivery.DELIVERED


def job() -> Job:
    request = RecordRequest(str(uuid.uuid4()), "ann", {}, {})
    return Job(None, Options(), False, None, request, False)


async def test_copies_share_the_disk_and_release_it(tmp_path):
    engine, outbox, quota = CountingEngine(), ListOutbox(tmp_path), DiskQuota(150_000)
    records = recorders.Records(outbox, quota)
    transcript = Transcript((), "en", 1.0)

    async def file():
        yield bytes(100_000)

    with records.recorder(job()) as first, records.recorder(job()) as second:
        for recorder in (first, second):
            assert sum([len(block) async for block in recorder.copied(file())]) == 100_000
        assert not (await first.record(transcript, engine)).warnings
        refused = await second.record(transcript, engine)
        assert (refused.name, [notice.reason for notice in refused.warnings]) == ("", [WarningReason.NOT_STORED])
        assert "space" in refused.warnings[0].sentence
    with records.recorder(job()) as third:
        assert sum([len(block) async for block in third.copied(file())]) == 100_000
        assert (await third.record(transcript, engine)).name
    assert outbox.sizes == [100_000, 100_000]
    assert not list(tmp_path.iterdir())
    quota.reserve(150_000)  # all of it is free again


async def test_a_record_is_written_to_its_end_when_its_caller_leaves(tmp_path):
    outbox = ListOutbox(tmp_path)
    outbox.blocked.clear()
    records = recorders.Records(outbox, DiskQuota(150_000))

    async def call() -> None:
        with records.recorder(job()) as recorder:
            await recorder.record(Transcript((), "en", 1.0), CountingEngine())

    caller = asyncio.create_task(call())
    while not records._writing:
        await asyncio.sleep(0)
    caller.cancel()
    idle = asyncio.create_task(records.idle())
    await asyncio.sleep(0)
    assert not idle.done()
    outbox.blocked.set()
    await idle
    assert len(outbox.sizes) == 1
    with pytest.raises(asyncio.CancelledError):
        await caller
