"""A list of voices beside an engine that is broken: the others are listed, and what is missing is said, by every
API.
"""

import grpc
import pytest
from voicebox.compat.google import texttospeech_v1_pb2 as google
from voicebox.compat.google import texttospeech_v1_pb2_grpc
from voicebox.compat.riva import riva_tts_pb2, riva_tts_pb2_grpc
from voicebox.models.v1 import models_pb2
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit.errors import StartError
from voicebox_tts.app import open_service
from voicebox_tts.engines.espeak.engine import EspeakEngine

SENTENCE = "The library of espeak is broken."


@pytest.fixture
async def channel(start, tmp_path, monkeypatch):
    def load(engine: EspeakEngine) -> None:
        raise StartError(SENTENCE)

    monkeypatch.setattr(EspeakEngine, "load", load)
    running = await start(
        open_service, TTS_ENGINE="flite", VOICEBOX_MODELS=str(tmp_path / "none"), CATALOG_ADDRESS="127.0.0.1:1"
    )
    return running.channel


async def reported(call):
    return [value for key, value in await call.trailing_metadata() if key == "x-voicebox-warnings"]


async def test_the_native_list_has_a_warning_and_reports_each_voices_model(channel):
    answer = await tts_pb2_grpc.TextToSpeechServiceStub(channel).ListVoices(tts_pb2.ListVoicesRequest())
    assert {(voice.engine, voice.model_state) for voice in answer.voices} == {("flite", models_pb2.MODEL_STATE_LOADED)}
    [warning] = answer.warnings
    assert SENTENCE in warning


async def test_googles_list_goes_on(channel):
    call = texttospeech_v1_pb2_grpc.TextToSpeechStub(channel).ListVoices(google.ListVoicesRequest())
    assert {voice.name.partition("/")[0] for voice in (await call).voices} == {"flite"}
    [warning] = await reported(call)
    assert SENTENCE in warning


async def test_nvidias_list_goes_on(channel):
    call = riva_tts_pb2_grpc.RivaSpeechSynthesisStub(channel).GetRivaSynthesisConfig(
        riva_tts_pb2.RivaSynthesisConfigRequest()
    )
    assert {config.parameters["voice_name"] for config in (await call).model_config} == {"flite"}
    [warning] = await reported(call)
    assert SENTENCE in warning


@pytest.mark.parametrize(
    ("name", "is_fetched"),
    [("nobody", False), ("hibari/nobody", False), ("hibari/emma", True), ("kokoro/af_heart", True)],
)
async def test_only_a_voice_of_a_model_that_is_not_here_is_said_to_be_fetched(start, tmp_path, name, is_fetched):
    running = await start(
        open_service, VOICEBOX_EMBEDDED="full", VOICEBOX_MODELS=str(tmp_path / "none"), CATALOG_ADDRESS="127.0.0.1:1"
    )
    request = tts_pb2.SynthesizeRequest(text="Hello", config={"voice": {"voice": name}})
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await tts_pb2_grpc.TextToSpeechServiceStub(running.channel).Synthesize(request)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert ("fetches them" in (refused.value.details() or "")) == is_fetched


async def test_a_text_in_letters_that_the_voice_does_not_know_says_how_to_have_it_spoken(start, tmp_path):
    running = await start(open_service, VOICEBOX_MODELS=str(tmp_path / "none"), CATALOG_ADDRESS="127.0.0.1:1")
    stub = tts_pb2_grpc.TextToSpeechServiceStub(running.channel)
    with pytest.raises(grpc.aio.AioRpcError, match="or `auto`"):
        await stub.Synthesize(tts_pb2.SynthesizeRequest(text="שלום"))
    answer = await stub.Synthesize(tts_pb2.SynthesizeRequest(text="Привет"))
    assert "or `auto`" in answer.finished.warnings[0]


@pytest.mark.parametrize("name", ["kokoro/af_heart*0", "kokoro/af_heart+nobody", "kokoro/af_heart*nan+af_bella"])
async def test_what_is_no_blend_says_how_blends_are_named(start, tiny_kokoro, name):
    running = await start(open_service, VOICEBOX_MODELS=str(tiny_kokoro), CATALOG_ADDRESS="127.0.0.1:1")
    request = tts_pb2.SynthesizeRequest(text="Hello", config={"voice": {"voice": name}})
    with pytest.raises(grpc.aio.AioRpcError, match=r"A blend is named as in af_heart\*0\.6\+af_bella\*0\.4"):
        await tts_pb2_grpc.TextToSpeechServiceStub(running.channel).Synthesize(request)
