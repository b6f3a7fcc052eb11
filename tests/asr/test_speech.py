"""Human speech: the word error rate is low enough, from files and live."""

import asyncio

import pytest
from voicebox.asr.v1 import asr_pb2
from voicebox.asr.v1.asr_pb2 import StreamingConfig, StreamingRecognizeRequest

from .conftest import word_errors, words

WORST_WER = 0.27


@pytest.mark.parametrize("live", [False, True])
async def test_the_word_error_rate_over_real_speech(stub, speech_data, live: bool) -> None:
    """Files have every other recording, streams the rest: each second of speech takes pocketsphinx 0.2 s."""
    names = sorted(speech_data.transcripts)[live::2]
    recognise = hear_live if live else hear_file
    recognised = await asyncio.gather(*(recognise(stub, speech_data.path(name).read_bytes()) for name in names))
    spoken_text = [words(speech_data.transcripts[name]) for name in names]
    errors = sum(word_errors(transcript, words(text)) for transcript, text in zip(spoken_text, recognised, strict=True))
    assert errors / sum(map(len, spoken_text)) <= WORST_WER


async def test_the_same_recording_gives_the_same_text_whatever_came_before(stub, speech_data) -> None:
    first, other = (speech_data.path(name).read_bytes() for name in ("LJ001-0002.wav", "jfk.flac"))
    before = await hear_file(stub, first)
    await hear_file(stub, other)
    assert await hear_file(stub, first) == before


@pytest.mark.parametrize("name", ["LJ001-0002.mp3", "LJ001-0002.flac"])
async def test_containers(stub, speech_data, name: str) -> None:
    assert "comparatively" in await hear_file(stub, speech_data.path(name).read_bytes())


async def hear_file(stub, audio: bytes) -> str:
    return (await stub.Recognize(asr_pb2.RecognizeRequest(audio=audio))).transcript


async def hear_live(stub, audio: bytes) -> str:
    async def requests():
        yield StreamingRecognizeRequest(config=StreamingConfig())
        for start in range(0, len(audio), 8192):
            yield StreamingRecognizeRequest(audio=audio[start : start + 8192])

    responses = [response async for response in stub.StreamingRecognize(requests())]
    return " ".join(response.final.transcript for response in responses if response.HasField("final"))
