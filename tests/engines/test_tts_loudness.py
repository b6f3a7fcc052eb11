"""Every embedded voice, and every likeness, is as loud as every other: -20 LUFS."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from voicebox_models.engine import Setup
from voicebox_tts.engine import CloningEngine, Engine, Reference, Style, VoicePrompt
from voicebox_tts.engines.espeak.engine import EspeakEngine
from voicebox_tts.engines.flite.engine import FliteEngine
from voicebox_tts.engines.hibari import engine as hibari
from voicebox_tts.engines.likeness import LOUDNESS_LUFS

TEXT = "The young boy gave a short kick to the black dog. Take the winding path to reach the lake."
TOLERANCE_LU = 3.0


def heart() -> Engine:
    return hibari.family(Setup("cpu", "auto", Path("no models"))).engines()[0]


def loudness(engine: Engine, voice: str | VoicePrompt) -> float:
    with closing(engine.open(voice, Style(), 1)) as session:
        samples = np.concatenate([speech.samples for speech in session.speak(TEXT)])
    return float(pyloudnorm.Meter(session.sample_rate_hz).integrated_loudness(samples.astype(np.float64)))


@pytest.fixture(params=[heart, FliteEngine, EspeakEngine])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    make: Callable[[], Engine] = request.param
    engine = make()
    engine.load()
    yield engine
    engine.unload()


def test_every_voice_is_as_loud_as_every_other(engine: Engine) -> None:
    voices = engine.voices()
    assert voices
    measured = {voice.name: loudness(engine, voice.name) for voice in voices}
    away = {name: round(lufs, 1) for name, lufs in measured.items() if abs(lufs - LOUDNESS_LUFS) > TOLERANCE_LU}
    assert not away
    assert abs(measured[engine.default_voice] - LOUDNESS_LUFS) < 2


@pytest.mark.parametrize("name", ["LJ001-0001.wav", "jfk.flac"])
def test_so_is_a_likeness(engine: CloningEngine, name: str, speech_data) -> None:
    samples, rate_hz = soundfile.read(speech_data.path(name), dtype="float32", always_2d=True)
    prompt = engine.prompt(Reference(samples.mean(axis=1), rate_hz))
    assert abs(loudness(engine, prompt) - LOUDNESS_LUFS) < TOLERANCE_LU
