"""Without pocketsphinx and without a Whisper model, asr starts, lists what it could fetch, and says so to every
caller.
"""

import sys

import grpc
import pytest
from google.api import httpbody_pb2
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.compat.google import speech_v1_pb2, speech_v1_pb2_grpc
from voicebox.compat.riva import riva_asr_pb2, riva_asr_pb2_grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox_asr.app import open_service

from tests.support.aio import aio_stub

from .conftest import tone, wav


@pytest.fixture
async def channel(start, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)  # as where it could not be installed
    monkeypatch.delitem(sys.modules, "voicebox_asr.engines.pocketsphinx.engine", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    return (await start(open_service)).channel


SOUND = wav(tone(1.0))


def upload(channel):
    request = asr_pb2.RecognizeUploadRequest(audio=httpbody_pb2.HttpBody(data=SOUND))
    return aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, channel).RecognizeUpload(iter([request]))


def recognize(channel):
    return aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, channel).Recognize(asr_pb2.RecognizeRequest(audio=SOUND))


def riva(channel):
    config = riva_asr_pb2.RecognitionConfig(language_code="en-US")
    return aio_stub(riva_asr_pb2_grpc.RivaSpeechRecognitionStub, channel).Recognize(
        riva_asr_pb2.RecognizeRequest(config=config, audio=SOUND)
    )


def google(channel):
    config = speech_v1_pb2.RecognitionConfig(language_code="en-US")
    audio = speech_v1_pb2.RecognitionAudio(content=SOUND)
    return aio_stub(speech_v1_pb2_grpc.SpeechStub, channel).Recognize(
        speech_v1_pb2.RecognizeRequest(config=config, audio=audio)
    )


@pytest.mark.parametrize("call", [upload, recognize, riva, google])
async def test_every_call_says_what_is_missing(channel, call):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(channel)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "Its files are not here" in str(refused.value.details())


async def test_a_live_stream_says_what_is_missing(channel):
    first = asr_pb2.StreamingRecognizeRequest(
        config=asr_pb2.StreamingConfig(recognition=asr_pb2.RecognitionConfig(encoding=1, sample_rate_hz=16000))
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, channel).StreamingRecognize(iter([first])):
            pass
    assert "Its files are not here" in str(refused.value.details())


async def test_the_models_that_could_be_fetched_are_listed(channel):
    listed = (
        await aio_stub(models_pb2_grpc.ModelServiceStub, channel).ListModels(models_pb2.ListModelsRequest())
    ).models
    assert listed[0].is_default
    assert {model.state for model in listed} == {models_pb2.MODEL_STATE_ABSENT}
