"""With TTS_ENGINE=auto the next engine takes the place of one that cannot be loaded, everywhere."""

import pytest
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit.errors import StartError
from voicebox_tts.app import open_service
from voicebox_tts.engines.flite.engine import FliteEngine

SENTENCE = "The library of flite is broken."


@pytest.fixture
async def running(start, tmp_path, monkeypatch):
    def load(engine: FliteEngine) -> None:
        raise StartError(SENTENCE)

    monkeypatch.setattr(FliteEngine, "load", load)
    return await start(
        open_service, VOICEBOX_MODELS=str(tmp_path / "none"), CATALOG_ADDRESS="127.0.0.1:1", ASR_ADDRESS="127.0.0.1:1"
    )


async def test_the_next_engine_speaks_when_no_voice_is_named(running) -> None:
    stub = tts_pb2_grpc.TextToSpeechServiceStub(running.channel)
    answer = await stub.Synthesize(tts_pb2.SynthesizeRequest(text="Hello."))
    assert answer.started.engine == "espeak"
    voices = (await stub.ListVoices(tts_pb2.ListVoicesRequest())).voices
    assert [voice.name.partition("/")[0] for voice in voices if voice.is_default] == ["espeak"]


async def test_the_broken_engine_is_listed_with_its_cause(running) -> None:
    stub = models_pb2_grpc.ModelServiceStub(running.channel)
    listed = {
        model.name.split("/")[1]: model for model in (await stub.ListModels(models_pb2.ListModelsRequest())).models
    }
    assert listed["flite"].state == models_pb2.MODEL_STATE_FAILED
    assert SENTENCE in listed["flite"].detail
    assert SENTENCE in listed["espeak"].detail
