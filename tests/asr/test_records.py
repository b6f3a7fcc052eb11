"""What is to be recorded is in the catalog with its audio, exactly as it was sent."""

import asyncio
import io
import uuid
from contextlib import aclosing

import pytest
import soundfile
from google.api.httpbody_pb2 import HttpBody
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.asr.v1.asr_pb2 import RecognitionConfig, StreamingConfig, StreamingRecognizeRequest
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox_asr import app
from voicebox_asr.audio.resumable import Resumable
from voicebox_asr.engine import SAMPLE_RATE_HZ
from voicebox_audio.pcm import to_s16le
from voicebox_catalog.app import open_service as open_catalog
from voicebox_outbox import outbox as outboxes

from tests.support.aio import aio_stub

from .conftest import SENTENCES, wav, word_errors, words

ANN = (("x-voicebox-principal", "ann"),)
SAID = words(" ".join(SENTENCES))


@pytest.fixture
async def catalog(start):
    return await start(open_catalog)


@pytest.fixture
async def stub(start, catalog, monkeypatch):
    monkeypatch.setattr(outboxes, "PROMPT_SECONDS", 60.0)  # a slow machine is no catalog that is away
    running = await start(app.open_service, CATALOG_ADDRESS=catalog.address, ASR_ENGINE="pocketsphinx")
    return aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, running.channel)


async def stored(catalog, name: str) -> tuple[catalog_pb2.Transcription, bytes]:
    """A transcription of Ann's and its audio."""
    stub = aio_stub(catalog_pb2_grpc.CatalogServiceStub, catalog.channel)
    transcription = await stub.GetTranscription(catalog_pb2.GetTranscriptionRequest(name=name), metadata=ANN)
    pieces = stub.DownloadTranscriptionAudio(catalog_pb2.DownloadTranscriptionAudioRequest(name=name), metadata=ANN)
    return transcription, b"".join([piece.body.data async for piece in pieces])


async def test_a_file_is_recorded_as_it_was_sent(stub, catalog, spoken) -> None:
    request_id = str(uuid.uuid4())
    config = RecognitionConfig(language="en", store=True, request_id=request_id, labels={"team": "games"})
    audio = wav(spoken)

    async def requests():
        yield asr_pb2.RecognizeUploadRequest(config=config, audio=HttpBody(data=audio[:10]))
        yield asr_pb2.RecognizeUploadRequest(audio=HttpBody(data=audio[10:]))

    answer = await stub.RecognizeUpload(requests(), metadata=ANN)
    assert answer.transcription == f"transcriptions/{request_id}"
    assert not answer.warnings
    assert not answer.utterances[0].words  # recorded, not asked for
    record, audio_stored = await stored(catalog, answer.transcription)
    assert audio_stored == audio
    assert (record.text, record.engine, record.model) == (answer.transcript, "pocketsphinx", answer.model)
    assert (record.container, record.language, record.owner) == ("wav", "en-US", "ann")
    assert dict(record.labels) == {"team": "games"}
    assert dict(record.parameters) == {"language": "en"}
    assert [word.text for each in record.utterances for word in each.words] == answer.transcript.split()
    assert record.duration == answer.audio_duration


async def test_what_follows_the_audio_in_a_file_is_recorded_too(stub, catalog, spoken) -> None:
    sound, tag = wav(spoken[: 2 * SAMPLE_RATE_HZ]), b"LIST" + (500_000).to_bytes(4, "little") + bytes(500_000)

    async def requests():
        yield asr_pb2.RecognizeUploadRequest(config=RecognitionConfig(store=True), audio=HttpBody(data=sound))
        for start in range(0, len(tag), 50_000):
            yield asr_pb2.RecognizeUploadRequest(audio=HttpBody(data=tag[start : start + 50_000]))

    answer = await stub.RecognizeUpload(requests(), metadata=ANN)
    _, audio_stored = await stored(catalog, answer.transcription)
    assert audio_stored == sound + tag


async def test_blocks_are_read_on_where_a_reader_stopped() -> None:
    gate = asyncio.Event()

    async def blocks():
        yield b"first"
        await gate.wait()
        yield b"second"

    source = blocks()
    async with aclosing(source), aclosing(Resumable(source)) as file:
        assert await anext(file) == b"first"
        waiting = asyncio.create_task(anext(file))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        gate.set()
        assert [block async for block in file] == [b"second"]


async def test_the_same_request_id_is_recorded_once(stub, catalog, spoken) -> None:
    config = RecognitionConfig(store=True, request_id=str(uuid.uuid4()))
    request = asr_pb2.RecognizeRequest(config=config, audio=wav(spoken[: 3 * SAMPLE_RATE_HZ]))
    first = await stub.Recognize(request, metadata=ANN)
    again = await stub.Recognize(request, metadata=ANN)
    assert first.transcription == again.transcription != ""
    listed = await aio_stub(catalog_pb2_grpc.CatalogServiceStub, catalog.channel).ListTranscriptions(
        catalog_pb2.ListTranscriptionsRequest(), metadata=ANN
    )
    assert len(listed.transcriptions) == 1


async def test_a_live_stream_is_recorded_as_flac_of_the_very_samples(stub, catalog, spoken) -> None:
    recognition = RecognitionConfig(
        encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=SAMPLE_RATE_HZ, store=True
    )
    sent = to_s16le(spoken)

    async def requests():
        yield StreamingRecognizeRequest(config=StreamingConfig(recognition=recognition))
        for start in range(0, len(sent), 6401):
            yield StreamingRecognizeRequest(audio=sent[start : start + 6401])

    answers = [answer async for answer in stub.StreamingRecognize(requests(), metadata=ANN)]
    finals = [answer.final.transcript for answer in answers if answer.HasField("final")]
    finished = answers[-1].finished
    record, audio_stored = await stored(catalog, finished.transcription)
    samples, rate = soundfile.read(io.BytesIO(audio_stored), dtype="int16")
    assert (rate, samples.tobytes()) == (SAMPLE_RATE_HZ, sent)
    assert (record.container, record.text) == ("flac", " ".join(finals))
    assert word_errors(SAID, words(record.text)) <= 4
    assert all(each.words for each in record.utterances)
    assert record.duration == finished.audio_duration


async def test_nothing_is_recorded_unless_it_is_requested(stub, catalog, spoken) -> None:
    answer = await stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(spoken)), metadata=ANN)
    assert answer.transcription == ""
    listed = await aio_stub(catalog_pb2_grpc.CatalogServiceStub, catalog.channel).ListTranscriptions(
        catalog_pb2.ListTranscriptionsRequest(), metadata=ANN
    )
    assert not listed.transcriptions
