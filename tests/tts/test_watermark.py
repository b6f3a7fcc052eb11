"""The service with a watermark: all speech gets it, ListModels shows it, and DetectWatermark looks for it."""

import asyncio
import io
from functools import partial

import grpc
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from google.api.httpbody_pb2 import HttpBody
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_client.async_client import AsyncClient
from voicebox_client.command import main
from voicebox_kit.errors import StartError
from voicebox_tts.app import open_service

from tests.support.aio import aio_stub
from tests.support.tiny_audioseal import write_tiny_audioseal

from .test_servicer import reason_of

PCM = tts_pb2.SynthesisConfig(seed=1, audio=tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE))


@pytest.fixture
async def marking(start, catalog, tmp_path):
    write_tiny_audioseal(tmp_path / "models" / "audioseal" / "streaming")
    return await start(
        open_service, CATALOG_ADDRESS=catalog.address, TTS_WATERMARK="audioseal",
        VOICEBOX_MODELS=str(tmp_path / "models"),
    )  # fmt: skip


def tts_of(running):
    return aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)


def upload(*blocks):
    return iter([tts_pb2.DetectWatermarkRequest(audio=HttpBody(data=block)) for block in blocks])


async def test_all_speech_is_watermarked_and_says_so(start, catalog, marking, tmp_path):
    plain = await start(open_service, CATALOG_ADDRESS=catalog.address, VOICEBOX_DATA=str(tmp_path / "plain"))
    request = tts_pb2.SynthesizeRequest(text="Hello there. Again.", config=PCM)
    without, made = await tts_of(plain).Synthesize(request), await tts_of(marking).Synthesize(request)
    assert (without.started.provenance.watermark, made.started.provenance.watermark) == ("", "audioseal")
    assert made.finished.sample_count == without.finished.sample_count
    assert len(made.audio) == len(without.audio)
    assert made.audio != without.audio
    streamed = tts_of(marking).StreamSynthesize(tts_pb2.StreamSynthesizeRequest(text=request.text, config=PCM))
    assert b"".join([event.chunk.audio async for event in streamed]) == made.audio
    _, stored = catalog.records[made.finished.generation]
    assert np.array_equal(soundfile.read(io.BytesIO(stored), dtype="int16")[0], np.frombuffer(made.audio, "<i2"))


async def test_it_is_listed_with_its_licence(marking):
    models = aio_stub(models_pb2_grpc.ModelServiceStub, marking.channel)
    listed = (await models.ListModels(models_pb2.ListModelsRequest())).models
    own = next(model for model in listed if model.name == "models/audioseal/streaming")
    assert (own.engine, own.licence, own.state) == ("audioseal", "MIT", models_pb2.MODEL_STATE_LOADED)
    assert await models.GetModel(models_pb2.GetModelRequest(name=own.name)) == own


async def test_a_file_is_looked_at(marking):
    made = await tts_of(marking).Synthesize(tts_pb2.SynthesizeRequest(text="Hello there."))
    half = len(made.audio) // 2
    found = await tts_of(marking).DetectWatermark(upload(made.audio[:half], made.audio[half:]))
    assert (found.watermark, len(found.message)) == ("audioseal", 16)
    assert found.duration.ToMilliseconds() == pytest.approx(made.finished.duration.ToMilliseconds(), abs=1)


async def test_client_and_command_look_for_it(marking, tmp_path):
    async with AsyncClient(marking.address) as client:
        spoken = await tts_of(marking).Synthesize(tts_pb2.SynthesizeRequest(text="Hello there."))
        found = await client.detect_watermark(spoken.audio)
    path = tmp_path / "hello.wav"
    path.write_bytes(spoken.audio)
    run = partial(CliRunner().invoke, main, ["--server", marking.address, "detect", str(path)])
    shown = await asyncio.to_thread(run)
    assert shown.exit_code == 0, shown.output
    assert f"(audioseal, {found.share:.0%} of the samples)" in shown.output


async def test_what_is_no_audio_is_refused_by_its_field(marking):
    for blocks, reason in (((b"not audio",), "AUDIO_FORMAT_REFUSED"), ((), "AUDIO_EMPTY")):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await tts_of(marking).DetectWatermark(upload(*blocks))
        assert (refused.value.code(), reason_of(refused.value)) == (grpc.StatusCode.INVALID_ARGUMENT, reason)


async def test_a_file_that_is_too_large_is_refused_while_it_is_sent(marking):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await tts_of(marking).DetectWatermark(upload(*[bytes(1 << 20)] * 17))
    assert reason_of(refused.value) == "AUDIO_TOO_LARGE"


async def test_without_a_watermark_detection_is_refused(start, catalog):
    running = await start(open_service, CATALOG_ADDRESS=catalog.address)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await tts_of(running).DetectWatermark(upload(b"RIFF"))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(refused.value) == "WATERMARK_NOT_SERVED"


async def test_an_unknown_watermark_stops_the_start(start):
    with pytest.raises(StartError, match=r"no watermark 'audiosael'\. Did you mean audioseal"):
        await start(open_service, TTS_WATERMARK="audiosael")
