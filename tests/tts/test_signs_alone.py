"""A text of signs: they have words, or it is a short silence and a warning; alike in every way to ask for speech."""

import numpy as np
import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_tts.app import open_service
from voicebox_tts.text.sentences import SILENCE_SECONDS

PCM = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000)


@pytest.fixture
async def tts(start, catalog):
    running = await start(open_service, CATALOG_ADDRESS=catalog.address)
    return tts_pb2_grpc.TextToSpeechServiceStub(running.channel)


def fields(voice):
    return {"voice": {"voice": voice}, "audio": PCM, "seed": 1, "store": False}


async def whole(tts, text, voice):
    answer = await tts.Synthesize(tts_pb2.SynthesizeRequest(text=text, config=fields(voice)))
    return answer.audio, len(answer.finished.warnings)


async def streamed(tts, text, voice):
    events = [
        event async for event in tts.StreamSynthesize(tts_pb2.StreamSynthesizeRequest(text=text, config=fields(voice)))
    ]
    return b"".join(event.chunk.audio for event in events), len(events[-1].finished.warnings)


async def played(tts, text, voice):
    call = tts.PlaySpeech(tts_pb2.PlaySpeechRequest(text=text, config=fields(voice)))
    audio = b"".join([answer.body.data async for answer in call])
    return audio, sum(key == "x-voicebox-warning" for key, _ in await call.trailing_metadata())


async def conversed(tts, text, voice):
    async def requests():
        yield tts_pb2.ConverseSynthesizeRequest(config=tts_pb2.ConverseConfig(synthesis=fields(voice)))
        yield tts_pb2.ConverseSynthesizeRequest(text=text)

    events = [event async for event in tts.ConverseSynthesize(requests())]
    return b"".join(event.chunk.audio for event in events), len(events[-1].finished.warnings)


WAYS = pytest.mark.parametrize("way", [whole, streamed, played, conversed])
VOICES = pytest.mark.parametrize("voice", ["flite/slt", "espeak/en-us", "espeak/de"])


@WAYS
@VOICES
async def test_a_sign_that_has_a_word_is_spoken(tts, way, voice):
    for sign in "♥∞°→§±":
        audio, warnings = await way(tts, sign, voice)
        assert np.abs(np.frombuffer(audio, np.int16).astype(int)).max() > 1000
        assert warnings == 0


@WAYS
@pytest.mark.parametrize("text", [".", "?! …", "\U000f0000", "***", "---", "( )"])
async def test_what_has_no_word_is_a_short_silence_and_a_warning(tts, way, text):
    audio, warnings = await way(tts, text, "flite/slt")
    samples = np.frombuffer(audio, np.int16)
    assert len(samples) == round(SILENCE_SECONDS * 16_000)
    assert not samples.any()
    assert warnings
