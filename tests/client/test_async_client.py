"""The asyncio client, method by method."""

import asyncio
import inspect

import pytest
from voicebox.asr.v1 import asr_pb2
from voicebox.catalog.v1 import catalog_pb2
from voicebox.models.v1 import models_pb2
from voicebox.tts.v1 import tts_pb2
from voicebox_client import VoiceboxClientError
from voicebox_client.aio_calls import AioCalls
from voicebox_client.async_client import AsyncClient
from voicebox_client.client import Client
from voicebox_client.retry import NEVER


@pytest.fixture
async def aio(platform):
    async with AsyncClient(platform.address) as client:
        yield client


async def given(*pieces):
    for piece in pieces:
        yield piece


async def gathered(items):
    return [item async for item in items]


def test_both_clients_have_the_same_methods_with_the_same_parameters():
    def methods(kind):
        found = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(method).parameters) for name, method in found if not name.startswith("_")}

    assert methods(Client) == methods(AsyncClient)


async def test_speech(aio, platform, tmp_path):
    speech = aio.say("Hello", encoding="pcm")
    assert [event.WhichOneof("event") async for event in speech] == ["started", "chunk", "chunk", "finished"]
    assert speech.started.voice == "flite/slt"
    finished = await aio.say("Hello").save(tmp_path / "speech.wav")
    assert finished.duration.ToMilliseconds() == 200
    assert (tmp_path / "speech.wav").read_bytes() == await aio.say("Hello").read()


async def test_speech_without_its_end_is_an_error_and_leaves_no_file(aio, platform, tmp_path):
    platform.cut_speech = True
    with pytest.raises(VoiceboxClientError, match="cut short"):
        await aio.say("Hello").save(tmp_path / "speech.wav")
    assert list(tmp_path.iterdir()) == []


async def test_leaving_speech_cancels_it(aio, platform):
    platform.silent_speech = True
    async for event in aio.say("Hello"):
        if event.HasField("chunk"):
            break
    del event
    await aio.list_voices()
    assert platform.cancelled.wait(10)


async def test_a_conversation(aio, platform):
    assert await aio.converse(given("Hello ", tts_pb2.CONVERSE_CONTROL_FLUSH), encoding="pcm").read() == platform.spoken
    assert [message.text for message in platform.requested["ConverseSynthesize"]] == ["Hello ", ""]


async def test_recognition(aio, platform, recording):
    assert (await aio.transcribe(recording)).transcript == "hello world"
    assert platform.uploaded == recording.read_bytes()
    events = await gathered(aio.listen(given(b"ab", asr_pb2.STREAM_CONTROL_END_UTTERANCE), sample_rate_hz=16000))
    assert [event.WhichOneof("event") for event in events] == ["interim", "interim", "final", "finished"]
    platform.cut_speech = True
    with pytest.raises(VoiceboxClientError, match="cut short"):
        await gathered(aio.listen(given(b"ab"), sample_rate_hz=16000))


async def test_a_profile_lives(aio, recording):
    profile = await aio.create_profile("Ann", "ann", language="en-GB")
    assert await aio.get_profile("ann") == profile
    assert (await aio.update_profile("ann", description="A voice.")).description == "A voice."
    sample = await aio.add_sample("ann", recording, "Some words.")
    assert [found.name for found in await gathered(aio.list_samples("ann"))] == [sample.name]
    assert b"".join(await gathered(aio.sample_audio(sample.name, catalog_pb2.SAMPLE_FORM_ORIGINAL))) == b"sample"
    await aio.delete_sample(sample.name)
    await aio.delete_profile("ann")
    assert await gathered(aio.list_profiles()) == []


async def test_the_history(aio, platform):
    assert len(await gathered(aio.list_generations("words", page_size=2))) == 5
    assert (await aio.get_generation("g3")).text == "The words of number 3."
    assert b"".join(await gathered(aio.generation_audio("g3"))) == platform.wav_header + platform.spoken
    await aio.delete_generation("g3")
    with pytest.raises(VoiceboxClientError, match="no generation"):
        await aio.get_generation("g3")


async def test_models_and_voices(aio, platform):
    assert (await aio.list_voices())[0].is_default
    assert [voice.seed for voice in await aio.design_voice("an old man", "Hello.", seed=3, count=2)] == [3, 4]
    assert (await aio.list_models("asr"))[0].state == models_pb2.MODEL_STATE_AVAILABLE
    assert (await aio.load_model("tts", "flite/2.2")).state == models_pb2.MODEL_STATE_LOADED
    assert (await aio.unload_model("tts", "flite/2.2")).state == models_pb2.MODEL_STATE_AVAILABLE
    assert [step.done async for step in aio.download_model("asr", "flite/2.2")] == [False, True]
    assert platform.hosts == ["asr", "tts", "tts", "asr"]


async def test_health(gateway):
    async with AsyncClient(gateway(200, {"services": {"tts": "SERVING"}})) as client:
        assert (await client.health()).serving


async def test_a_document(aio, platform, recording):
    assert await aio.transcribe_as(recording, "srt", language="de", max_line_count=1) == "héllo world\n"
    (request,) = platform.requested["Transcribe"]
    assert (request.config.language, request.subtitles.max_line_count) == ("de", 1)
    assert platform.uploaded == recording.read_bytes()


async def test_a_server_that_is_lost_is_an_error_and_no_cancellation():
    async def never_slept(seconds):
        raise AssertionError(seconds)

    def lost(_):
        call = asyncio.get_running_loop().create_future()
        call.cancel()  # as grpc.aio reports a server that dies while it is written to
        return call

    calls = AioCalls(sleep=never_slept)
    with pytest.raises(VoiceboxClientError) as caught:
        await calls.unary(lost, 30, NEVER)
    assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "NO_ANSWER")
    waiting = asyncio.create_task(calls.unary(lambda _: asyncio.get_running_loop().create_future(), 30, NEVER))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
