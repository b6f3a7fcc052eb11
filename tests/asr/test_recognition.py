"""Permits, threads and leaving, with an engine that waits where a test wants it."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from voicebox_asr.engine import Options
from voicebox_asr.recognition.recognizer import Recognizer
from voicebox_asr.recognition.transcription import transcribe
from voicebox_kit.errors import Exhausted
from voicebox_kit.permits import Permits
from voicebox_models.family import SingleModel
from voicebox_models.models import Default, Models

from .conftest import CountingEngine, silence, tone

pytestmark = pytest.mark.unit

PATIENCE_SECONDS = 30


async def stream(*pieces):
    for piece in pieces:
        yield piece


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def permits(registry) -> Permits:
    return Permits(1, 0, registry)


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def recognizer(registry, permits, engine):
    with ThreadPoolExecutor(2) as executor:
        models = Models("asr", [SingleModel(engine)], Default(engine), executor, registry)
        yield Recognizer(models, executor, permits, registry)


async def test_a_file_is_recognised_and_counted(recognizer, engine, registry, permits) -> None:
    transcript = await transcribe(recognizer, engine, stream(silence(1), tone(1), silence(1)), Options())
    assert len(transcript.utterances) == 1
    assert transcript.audio_seconds == pytest.approx(3.0)
    assert registry.get_sample_value("voicebox_asr_audio_seconds_total") == pytest.approx(3.0)
    assert registry.get_sample_value("voicebox_asr_recognition_seconds_total") > 0
    assert permits.running == 0
    assert engine.session.log[-1] == ("close", 0)


async def test_who_is_too_many_is_refused_and_who_leaves_makes_room(recognizer, engine, permits) -> None:
    working, gate = threading.Event(), threading.Event()

    def feed(samples: np.ndarray) -> None:
        working.set()
        gate.wait(PATIENCE_SECONDS)

    engine.session.feed = feed
    call = asyncio.create_task(transcribe(recognizer, engine, stream(tone(2), silence(2)), Options()))
    await asyncio.to_thread(working.wait, PATIENCE_SECONDS)
    assert permits.running == 1
    with pytest.raises(Exhausted):
        await transcribe(recognizer, engine, stream(tone(1)), Options())
    call.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert permits.running == 0
    assert engine.session.log[-1] == ("close", 0)


async def test_who_leaves_while_the_session_opens_leaks_nothing(recognizer, engine, permits) -> None:
    opening, gate = threading.Event(), threading.Event()

    def open_slowly(options: Options):
        opening.set()
        gate.wait(PATIENCE_SECONDS)
        return engine.session

    engine.open = open_slowly
    call = asyncio.create_task(transcribe(recognizer, engine, stream(tone(1)), Options()))
    await asyncio.to_thread(opening.wait, PATIENCE_SECONDS)
    call.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert permits.running == 0
    assert [what for what, _ in engine.session.log if what != "interrupt"] == ["close"]


async def test_what_the_audio_raises_is_raised_and_frees_the_permit(recognizer, engine, permits) -> None:
    async def broken():
        yield tone(1)
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        await transcribe(recognizer, engine, broken(), Options())
    assert permits.running == 0
    assert engine.session.log[-1] == ("close", 0)
