"""Names that stand for voices, by TTS_VOICE_ALIASES."""

import json

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from voicebox.compat.openai.v1 import openai_pb2, openai_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit.errors import StartError
from voicebox_tts.app import open_service
from voicebox_tts.voices.aliases import VoiceAliases

from tests.support.aio import aio_stub


def test_names_are_found_whatever_their_case() -> None:
    aliases = VoiceAliases.parse(" af_bella=hibari/heart, Nova = default ,*=flite/rms", "X")
    assert [aliases.of(name) for name in ("AF_Bella", " nova ", "echo", "*", "")] == [
        "hibari/heart",
        "",
        None,
        None,
        None,
    ]
    assert aliases.of_any == "flite/rms"
    assert VoiceAliases.parse("", "X").of_any is None


@pytest.mark.parametrize("listed", ["bella", "bella=", "=flite/rms", "bella=rms", "bella=flite/", "bella=/rms"])
def test_what_is_no_alias_is_a_sentence_that_names_the_variable(listed: str) -> None:
    with pytest.raises(StartError, match="TTS_VOICE_ALIASES must be like af_bella=hibari/heart"):
        VoiceAliases.parse(listed, "TTS_VOICE_ALIASES")


async def speak(running, voice: str) -> str:
    """The voice that speaks when a name is asked for."""
    stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)
    config = tts_pb2.SynthesisConfig(voice=tts_pb2.VoiceSelection(voice=voice))
    answer = await stub.Synthesize(tts_pb2.SynthesizeRequest(text="Hello.", config=config))
    return str(answer.started.voice)


async def test_an_alias_speaks_and_any_other_name_has_its_own(start) -> None:
    running = await start(
        open_service, TTS_VOICE_ALIASES="af_bella=flite/rms,*=flite/awb", CATALOG_ADDRESS="127.0.0.1:1"
    )
    assert [await speak(running, name) for name in ("af_bella", "whoever", "flite/slt", "slt", "")] == [
        "flite/rms",
        "flite/awb",
        "flite/slt",
        "flite/slt",
        "flite/slt",
    ]


async def test_without_a_star_an_unknown_name_is_not_found_and_default_is_the_default_voice(start) -> None:
    running = await start(open_service, TTS_VOICE_ALIASES="af_bella=default", CATALOG_ADDRESS="127.0.0.1:1")
    assert await speak(running, "AF_BELLA") == "flite/slt"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await speak(running, "whoever")
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


async def test_an_alias_of_a_voice_that_is_not_here_names_that_voice(start) -> None:
    running = await start(open_service, TTS_VOICE_ALIASES="bella=flite/nobody,*=default", CATALOG_ADDRESS="127.0.0.1:1")
    with pytest.raises(grpc.aio.AioRpcError, match="flite/nobody"):
        await speak(running, "bella")


async def test_openais_clients_get_the_alias_and_then_what_there_is(start) -> None:
    running = await start(open_service, TTS_VOICE_ALIASES="nova=flite/awb,*=flite/rms", CATALOG_ADDRESS="127.0.0.1:1")
    stub = aio_stub(openai_pb2_grpc.OpenAiSpeechServiceStub, running.channel)

    async def samples(voice: str) -> int:
        body = json.dumps({"model": "tts-1", "voice": voice, "input": "Hello there.", "response_format": "pcm"})
        request = openai_pb2.CreateSpeechRequest(body=HttpBody(data=body.encode(), content_type="application/json"))
        return sum([len(answer.body.data) async for answer in stub.CreateSpeech(iter([request]))])

    lengths = {voice: await samples(voice) for voice in ("nova", "flite/awb", "af_sky", "rms", "alloy", "slt")}
    assert lengths["nova"] == lengths["flite/awb"]
    assert lengths["af_sky"] == lengths["rms"]
    assert lengths["alloy"] == lengths["slt"]
    assert len(set(lengths.values())) == 3


async def test_a_bare_name_is_found_in_every_engine(start) -> None:
    running = await start(open_service, VOICEBOX_EMBEDDED="full", CATALOG_ADDRESS="127.0.0.1:1")
    names = ("", "heart", "slt", "de", "flite/slt")
    assert [await speak(running, name) for name in names] == [
        "hibari/heart",
        "hibari/heart",
        "flite/slt",
        "espeak/de",
        "flite/slt",
    ]
