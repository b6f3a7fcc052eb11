"""What is to be kept is in the catalog with its audio; what cannot be kept is answered all the same."""

import asyncio
import io
import uuid
from contextlib import aclosing
from dataclasses import dataclass, field

import numpy as np
import pytest
import soundfile
from google.api.httpbody_pb2 import HttpBody
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.asr.v1.asr_pb2 import RecognitionConfig, StreamingConfig, StreamingRecognizeRequest
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox_asr import app
from voicebox_asr.api.requests import to_recognition
from voicebox_asr.audio.resumable import Resumable
from voicebox_asr.audio.source import Pcm
from voicebox_asr.engine import SAMPLE_RATE_HZ
from voicebox_asr.records import recorder as keepers
from voicebox_asr.records.audio_copy import audio_copy
from voicebox_asr.records.disk_quota import Space
from voicebox_asr.records.record import Result
from voicebox_asr.results.warnings import Reason
from voicebox_audio.pcm import to_s16le
from voicebox_catalog.app import open_service as open_catalog

from .conftest import SENTENCES, CountingEngine, wav, word_errors, words

ANN = (("x-voicebox-principal", "ann"),)
SAID = words(" ".join(SENTENCES))


@pytest.fixture
async def catalog(start):
    return await start(open_catalog)


@pytest.fixture
async def stub(start, catalog):
    running = await start(app.open_service, CATALOG_ADDRESS=catalog.address, ASR_ENGINE="pocketsphinx")
    return asr_pb2_grpc.SpeechToTextServiceStub(running.channel)


async def kept(catalog, name: str) -> tuple[catalog_pb2.Transcription, bytes]:
    """A transcription of Ann's and its audio."""
    stub = catalog_pb2_grpc.CatalogServiceStub(catalog.channel)
    transcription = await stub.GetTranscription(catalog_pb2.GetTranscriptionRequest(name=name), metadata=ANN)
    pieces = stub.DownloadTranscriptionAudio(catalog_pb2.DownloadTranscriptionAudioRequest(name=name), metadata=ANN)
    return transcription, b"".join([piece.body.data async for piece in pieces])


async def test_a_file_is_kept_as_it_was_sent(stub, catalog, spoken) -> None:
    request_id = str(uuid.uuid4())
    config = RecognitionConfig(language="en", store=True, request_id=request_id, labels={"team": "games"})
    audio = wav(spoken)

    async def requests():
        yield asr_pb2.RecognizeUploadRequest(config=config, audio=HttpBody(data=audio[:10]))
        yield asr_pb2.RecognizeUploadRequest(audio=HttpBody(data=audio[10:]))

    answer = await stub.RecognizeUpload(requests(), metadata=ANN)
    assert answer.transcription == f"transcriptions/{request_id}"
    assert not answer.warnings
    assert not answer.utterances[0].words  # kept, not asked for
    record, stored = await kept(catalog, answer.transcription)
    assert stored == audio
    assert (record.text, record.engine, record.model) == (answer.transcript, "pocketsphinx", answer.model)
    assert (record.container, record.language, record.owner) == ("wav", "en-US", "ann")
    assert (record.labels, record.parameters) == ({"team": "games"}, {"language": "en"})
    assert [word.text for each in record.utterances for word in each.words] == answer.transcript.split()
    assert record.duration == answer.audio_duration


async def test_what_follows_the_sound_in_a_file_is_kept_too(stub, catalog, spoken) -> None:
    sound, tag = wav(spoken[: 2 * SAMPLE_RATE_HZ]), b"LIST" + (500_000).to_bytes(4, "little") + bytes(500_000)

    async def requests():
        yield asr_pb2.RecognizeUploadRequest(config=RecognitionConfig(store=True), audio=HttpBody(data=sound))
        for start in range(0, len(tag), 50_000):
            yield asr_pb2.RecognizeUploadRequest(audio=HttpBody(data=tag[start : start + 50_000]))

    answer = await stub.RecognizeUpload(requests(), metadata=ANN)
    _, stored = await kept(catalog, answer.transcription)
    assert stored == sound + tag


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


async def test_the_same_request_id_is_kept_once(stub, catalog, spoken) -> None:
    config = RecognitionConfig(store=True, request_id=str(uuid.uuid4()))
    request = asr_pb2.RecognizeRequest(config=config, audio=wav(spoken[: 3 * SAMPLE_RATE_HZ]))
    first = await stub.Recognize(request, metadata=ANN)
    again = await stub.Recognize(request, metadata=ANN)
    assert first.transcription == again.transcription != ""
    listed = await catalog_pb2_grpc.CatalogServiceStub(catalog.channel).ListTranscriptions(
        catalog_pb2.ListTranscriptionsRequest(), metadata=ANN
    )
    assert len(listed.transcriptions) == 1


async def test_a_live_stream_is_kept_as_flac_of_the_very_samples(stub, catalog, spoken) -> None:
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
    record, stored = await kept(catalog, finished.transcription)
    samples, rate = soundfile.read(io.BytesIO(stored), dtype="int16")
    assert (rate, samples.tobytes()) == (SAMPLE_RATE_HZ, sent)
    assert (record.container, record.text) == ("flac", " ".join(finals))
    assert word_errors(SAID, words(record.text)) <= 4
    assert all(each.words for each in record.utterances)
    assert record.duration == finished.audio_duration


async def test_nothing_is_kept_unless_it_is_asked_for(stub, catalog, spoken) -> None:
    answer = await stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(spoken)), metadata=ANN)
    assert answer.transcription == ""
    listed = await catalog_pb2_grpc.CatalogServiceStub(catalog.channel).ListTranscriptions(
        catalog_pb2.ListTranscriptionsRequest(), metadata=ANN
    )
    assert not listed.transcriptions


async def test_without_a_catalog_the_answer_comes_with_a_warning(start, spoken) -> None:
    running = await start(app.open_service, CATALOG_ADDRESS="127.0.0.1:1", ASR_ENGINE="pocketsphinx")
    stub = asr_pb2_grpc.SpeechToTextServiceStub(running.channel)
    config = RecognitionConfig(store=True)
    answer = await stub.Recognize(asr_pb2.RecognizeRequest(config=config, audio=wav(spoken)))
    assert answer.transcript
    assert answer.transcription == ""
    (warning,) = answer.warnings
    assert warning.reason == "NOT_STORED"
    assert "UNAVAILABLE" in warning.message
    assert not warning.HasField("start_offset")


@dataclass
class FakeCatalog:
    """Remembers the sizes of what it took."""

    sizes: list[int] = field(default_factory=list)

    async def record(self, transcription: catalog_pb2.Transcription, audio, timeout_seconds: float) -> str:
        assert 10.0 <= timeout_seconds < 11.0
        self.sizes.append(len(audio.read()))
        return transcription.name


class NoDeadline:
    """A call's context that says nothing."""

    def time_remaining(self) -> None:
        return None

    def invocation_metadata(self) -> tuple:
        return ()


async def test_copies_share_the_disk_and_give_it_back() -> None:
    config = RecognitionConfig(store=True)
    engine, catalog, space = CountingEngine(), FakeCatalog(), Space(150_000)
    keeping = keepers.Keeping(catalog, space)
    result = Result((), "en", 1.0)

    async def file():
        yield bytes(100_000)

    recognition = to_recognition(config, engine, "config")
    with (
        keeping.keeper(recognition, config, NoDeadline()) as first,
        keeping.keeper(recognition, config, NoDeadline()) as second,
    ):
        for keeper in (first, second):
            assert sum([len(block) async for block in keeper.copied(file())]) == 100_000
        assert not (await first.keep(result, engine)).notices
        refused = await second.keep(result, engine)
        assert (refused.name, [notice.reason for notice in refused.notices]) == ("", [Reason.NOT_STORED])
        assert "space" in refused.notices[0].sentence
    with keeping.keeper(recognition, config, NoDeadline()) as third:
        assert sum([len(block) async for block in third.copied(file())]) == 100_000
        assert (await third.keep(result, engine)).name
    assert catalog.sizes == [100_000, 100_000]
    space.take(150_000)  # all of it is free again


def test_headerless_samples_of_any_rate_and_channels_are_copied_exactly() -> None:
    sent = np.random.default_rng(7).integers(-32768, 32767, (5000, 3)).astype("<i2")
    with audio_copy(Pcm(44_100, 3)) as copy:
        for start in range(0, sent.nbytes, 1001):
            copy.write(sent.tobytes()[start : start + 1001])
        file, container, size = copy.finish()
        data = file.read()
    assert (container, size) == ("flac", len(data))
    samples, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate == 44_100
    assert np.array_equal(samples, sent)


def test_a_copy_that_gets_too_large_fails_at_its_end() -> None:
    with audio_copy(None, max_bytes=1000) as copy:
        for _ in range(20):
            copy.write(bytes(100))
        with pytest.raises(OSError, match="more than 1000 bytes"):
            copy.finish()


def test_a_disk_that_cannot_be_written_fails_at_the_end(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with audio_copy(None) as copy:
        copy.write(b"x")
        with pytest.raises(OSError, match="No such file"):
            copy.finish()


async def test_a_copy_may_be_closed_while_a_thread_writes() -> None:
    with audio_copy(Pcm(16_000, 1)) as copy:
        writing = [asyncio.create_task(asyncio.to_thread(copy.write, bytes(100_000))) for _ in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*writing)
