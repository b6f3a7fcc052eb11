"""Permits, threads and leaving, with an engine that waits where a test tells it to."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from voicebox_asr.endpointing import Endpointing
from voicebox_asr.live import Final
from voicebox_asr.recognition import Control, Done, Recognizer
from voicebox_kit.errors import Exhausted
from voicebox_kit.permits import Permits

from .conftest import CountingEngine, silence, tone


async def stream(*items):
    for item in items:
        yield item


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def permits(registry) -> Permits:
    return Permits(1, 0, registry)


@pytest.fixture
def recognizer(registry, permits):
    with ThreadPoolExecutor(2) as executor:
        yield Recognizer(CountingEngine(), executor, permits, registry)


async def test_a_file_is_transcribed_and_counted(recognizer, registry, permits) -> None:
    transcript = await recognizer.transcribe(stream(silence(1), tone(1), silence(1)), "en-US")
    assert len(transcript.utterances) == 1
    assert transcript.audio_seconds == pytest.approx(3.0)
    assert registry.get_sample_value("voicebox_asr_audio_seconds_total") == pytest.approx(3.0)
    assert registry.get_sample_value("voicebox_asr_recognition_seconds_total") > 0
    assert permits.running == 0
    assert recognizer.engine.session.log[-1] == ("close", 0)


async def test_a_live_stream_ends_with_done(recognizer) -> None:
    sound = stream(tone(1), Control.END_UTTERANCE, tone(1), silence(1))
    events = [event async for event in recognizer.listen(sound, "", Endpointing(), interim_results=False)]
    assert sum(isinstance(event, Final) for event in events) == 2
    assert events[-1] == Done(audio_seconds=pytest.approx(3.0), finals=2)


async def test_who_is_too_many_is_refused_and_who_leaves_makes_room(recognizer, permits) -> None:
    working, gate = threading.Event(), threading.Event()

    def feed(samples: np.ndarray) -> None:
        working.set()
        gate.wait(10)

    recognizer.engine.session.feed = feed
    call = asyncio.create_task(recognizer.transcribe(stream(tone(2), silence(2)), ""))
    await asyncio.to_thread(working.wait, 10)
    assert permits.running == 1
    with pytest.raises(Exhausted):
        await recognizer.transcribe(stream(tone(1)), "")
    call.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert permits.running == 0
    assert recognizer.engine.session.log[-1] == ("close", 0)


async def test_who_leaves_while_the_session_opens_leaks_nothing(recognizer, permits) -> None:
    opening, gate = threading.Event(), threading.Event()
    session = recognizer.engine.session

    def open_slowly(language: str):
        opening.set()
        gate.wait(10)
        return session

    recognizer.engine.open = open_slowly
    call = asyncio.create_task(recognizer.transcribe(stream(tone(1)), ""))
    await asyncio.to_thread(opening.wait, 10)
    call.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert permits.running == 0
    assert session.log == [("close", 0)]


async def test_what_the_sound_raises_is_raised_and_frees_the_permit(recognizer, permits) -> None:
    async def broken():
        yield tone(1)
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        await recognizer.transcribe(broken(), "")
    assert permits.running == 0
