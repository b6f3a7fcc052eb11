"""Streams that end early, and streams that wait, hold nobody up."""

import asyncio

import grpc
import pytest
from voicebox.compat.riva import riva_asr_pb2, riva_asr_pb2_grpc, riva_audio_pb2, riva_tts_pb2, riva_tts_pb2_grpc
from voicebox_asr import app as asr
from voicebox_tts import app as tts

from tests.support.aio import END_OF_STREAM, aio_stub

SECONDS = 60
"""Far more than anything here takes."""
CONFIG = riva_asr_pb2.RecognitionConfig(encoding=riva_audio_pb2.LINEAR_PCM, sample_rate_hertz=16_000)


async def test_a_listener_who_leaves_frees_the_permit(start):
    running = await start(tts.open_service, TTS_STREAMS="1", TTS_MORE_ENGINES="none")
    stub = aio_stub(riva_tts_pb2_grpc.RivaSpeechSynthesisStub, running.channel)
    request = riva_tts_pb2.SynthesizeSpeechRequest(text="One more word. " * 600, sample_rate_hz=48_000)
    for _ in range(3):
        call = stub.SynthesizeOnline(iter([request]), timeout=SECONDS)
        assert (await call.read()).audio
        call.cancel()
    assert (await stub.Synthesize(riva_tts_pb2.SynthesizeSpeechRequest(text="Hello."), timeout=SECONDS)).audio


async def test_a_stream_between_its_texts_takes_nobodys_permit(start):
    running = await start(tts.open_service, TTS_STREAMS="1", TTS_MORE_ENGINES="none")
    stub = aio_stub(riva_tts_pb2_grpc.RivaSpeechSynthesisStub, running.channel)
    request = riva_tts_pb2.SynthesizeSpeechRequest(text="Hello.")
    call = stub.SynthesizeOnline(timeout=SECONDS)
    await call.write(request)
    assert (await call.read()).audio
    assert (await stub.Synthesize(request, timeout=SECONDS)).audio
    await call.done_writing()
    while await call.read() is not END_OF_STREAM:
        pass
    assert await call.code() is grpc.StatusCode.OK


async def test_a_stream_that_is_silent_takes_nobodys_permit(start):
    running = await start(asr.open_service, ASR_ENGINE="pocketsphinx", ASR_STREAMS="1")
    stub = aio_stub(riva_asr_pb2_grpc.RivaSpeechRecognitionStub, running.channel)
    call = stub.StreamingRecognize(timeout=SECONDS)
    await call.write(riva_asr_pb2.StreamingRecognizeRequest(streaming_config={"config": CONFIG}))
    recognised = await stub.Recognize(
        riva_asr_pb2.RecognizeRequest(config=CONFIG, audio=bytes(32_000)), timeout=SECONDS
    )
    assert not recognised.results
    await call.done_writing()
    assert await call.read() is END_OF_STREAM


async def test_a_stream_that_is_forgotten_ends(start):
    running = await start(asr.open_service, ASR_ENGINE="pocketsphinx", ASR_IDLE_SECONDS="1")
    stub = aio_stub(riva_asr_pb2_grpc.RivaSpeechRecognitionStub, running.channel)
    calls = [stub.StreamingRecognize(timeout=SECONDS) for _ in range(3)]
    for call in calls[1:]:
        await call.write(riva_asr_pb2.StreamingRecognizeRequest(streaming_config={"config": CONFIG}))
    await calls[2].write(riva_asr_pb2.StreamingRecognizeRequest(audio_content=bytes(3200)))
    ends = await asyncio.gather(*(call.read() for call in calls), return_exceptions=True)
    assert all(isinstance(end, grpc.aio.AioRpcError) for end in ends)
    assert {await call.code() for call in calls} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    assert all("Nothing came for 1 s" in end.details() for end in ends)


@pytest.mark.parametrize("name", ["nvidia.riva.tts.RivaSpeechSynthesis", "nvidia.riva.asr.RivaSpeechRecognition"])
def test_the_services_report_their_health_by_these_names(name):
    assert name in (*tts.NAMES, *asr.NAMES)
