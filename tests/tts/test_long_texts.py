"""Texts of up to a million characters: spoken as they are read, in flat memory."""

import tracemalloc

import grpc
import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_tts.api.requests import checked_text
from voicebox_tts.app import open_service
from voicebox_tts.synthesis.script import WholeText
from voicebox_tts.text.sentences import each_sentence

from tests.support.aio import aio_stub

SENTENCE = "The old man walked slowly to the market, and bought bread for his family. "


@pytest.mark.unit
def test_sentences_are_found_in_time_in_proportion_to_the_length(processor_seconds):
    for unit in (SENTENCE, "word ", "a" * 50, "... ", "\n"):
        short, long = unit * (20_000 // len(unit)), unit * (160_000 // len(unit))

        def read(text: str) -> None:
            for _ in each_sentence(text):
                pass

        spent = [processor_seconds(lambda text=text, read=read: read(text)) for text in (short, long)]
        assert spent[1] < 24 * spent[0]


@pytest.mark.unit
async def test_only_what_is_spoken_next_is_in_memory():
    script = WholeText(checked_text(SENTENCE * 13_000, 1_000_000))
    tracemalloc.start()
    try:
        count = 0
        async for _ in script.sentences():
            count += 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 13_000
    assert peak < 200_000


async def test_the_first_audio_of_a_long_text_comes_before_the_text_is_read(start, catalog):
    running = await start(open_service, CATALOG_ADDRESS=catalog.address)
    tts = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)
    call = tts.StreamSynthesize(tts_pb2.StreamSynthesizeRequest(text=(SENTENCE * 13_000)[:1_000_000], ahead_seconds=1))
    events = [event async for _, event in _first(call, 5)]
    assert [event.WhichOneof("event") for event in events] == ["started", *["chunk"] * 4]
    call.cancel()
    whole = tts.Synthesize(tts_pb2.SynthesizeRequest(text="x" * 10_001))
    with pytest.raises(grpc.aio.AioRpcError, match="10001 characters"):
        await whole


async def _first(call, count: int):
    number = 0
    async for event in call:
        yield number, event
        number += 1
        if number == count:
            return


async def test_a_text_too_long_for_the_history_is_spoken_and_that_is_a_warning(start, catalog):
    running = await start(open_service, CATALOG_ADDRESS=catalog.address)
    tts = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)
    config = tts_pb2.SynthesisConfig(audio=tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE))
    request = tts_pb2.StreamSynthesizeRequest(text="One." + " " * 100_000, config=config)
    events = [event async for event in tts.StreamSynthesize(request)]
    assert "not stored in the history" in events[-1].finished.warnings[0]
    assert not events[-1].finished.generation
    assert not catalog.records
