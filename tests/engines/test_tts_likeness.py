"""The embedded engines follow a recording's pitch and colour, and are still understood."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import jiwer
import numpy as np
import pocketsphinx
import pytest
import soundfile
import soxr
from voicebox_models.engine import Setup
from voicebox_tts.engine import Engine, Reference, Samples, Style, VoicePrompt
from voicebox_tts.engines.espeak.engine import EspeakEngine
from voicebox_tts.engines.flite.engine import FliteEngine
from voicebox_tts.engines.hibari import engine as hibari
from voicebox_tts.engines.hibari.engine import HibariEngine
from voicebox_tts.engines.likeness import profile

SENTENCES = (
    "The source of the huge river is the clear spring.",
    "Help the woman get back to her feet.",
    "A pot of tea helps to pass the evening.",
    "The young boy gave a short kick to the black dog.",
    "Take the winding path to reach the lake.",
)
PLAIN = Style()
HUMAN = ("LJ001-0001.wav", "jfk.flac")
SYNTHETIC = {"kal16": Style(), "slt": Style(pitch_semitones=5)}


Likening = FliteEngine | EspeakEngine | HibariEngine


def heart() -> HibariEngine:
    return hibari.family(Setup("cpu", "auto", Path("no models"))).engines()[0]


@pytest.fixture(scope="module", params=[heart, FliteEngine, EspeakEngine])
def engine(request: pytest.FixtureRequest) -> Iterator[Likening]:
    engine: Likening = request.param()
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture(scope="module", params=[*HUMAN, *SYNTHETIC])
def reference(request: pytest.FixtureRequest) -> Reference:
    """Voices far apart: two people, where their recordings are there, and two of flite's own."""
    if request.param in SYNTHETIC:
        samples = speak(FliteEngine(), request.param, SENTENCES, SYNTHETIC[request.param])
        return Reference(samples, 16_000)
    samples, rate_hz = soundfile.read(
        request.getfixturevalue("speech_data").path(request.param), dtype="float32", always_2d=True
    )
    return Reference(samples.mean(axis=1), rate_hz)


@pytest.fixture(scope="module")
def recognise() -> Callable[[Samples, int], str]:
    decoder = pocketsphinx.Decoder(samprate=16_000, loglevel="FATAL")

    def recognise(samples: Samples, rate_hz: int) -> str:
        decoder.start_utt()
        decoder.process_raw(
            (soxr.resample(samples, rate_hz, 16_000) * 32_767).astype(np.int16).tobytes(), full_utt=True
        )
        decoder.end_utt()
        return decoder.hyp().hypstr if decoder.hyp() else ""

    return recognise


def speak(engine: Engine, voice: str | VoicePrompt, sentences: tuple[str, ...], style: Style = PLAIN) -> Samples:
    with closing(engine.open(voice, style, seed=1)) as session:
        return np.concatenate([speech.samples for sentence in sentences for speech in session.speak(sentence)])


@pytest.fixture(scope="module")
def prompt(engine: Likening, reference: Reference) -> VoicePrompt:
    return engine.prompt(reference)


@pytest.fixture(scope="module")
def likeness(engine: Likening, prompt: VoicePrompt) -> list[Samples]:
    """Each of SENTENCES as the engine says it after the recording."""
    return [speak(engine, prompt, (sentence,)) for sentence in SENTENCES]


def rate_hz_of(engine: Engine) -> int:
    voices = engine.voices()
    assert voices
    return voices[0].sample_rate_hz


def test_pitch_and_colour_follow_the_recording(
    engine: Likening, reference: Reference, prompt: VoicePrompt, likeness: list[Samples]
) -> None:
    rate_hz = rate_hz_of(engine)
    wanted = profile(reference.samples, reference.sample_rate_hz)
    spoken = (np.concatenate(likeness), speak(engine, prompt.base_voice, SENTENCES))
    recognised, base = (profile(samples, rate_hz) for samples in spoken)
    assert wanted
    assert recognised
    assert base
    before, after = (float(np.sqrt(np.mean((wanted.colour_db - one.colour_db) ** 2))) for one in (base, recognised))
    print(
        f"{engine.name} {prompt.base_voice}: {wanted.pitch_hz:.0f} Hz, "
        f"measured {base.pitch_hz:.0f} -> {recognised.pitch_hz:.0f} Hz; ",
        end="",
    )
    print(f"{before:.1f} -> {after:.1f} dB")
    assert recognised.pitch_hz == pytest.approx(wanted.pitch_hz, rel=0.05)
    assert after < 5.0


def test_a_likeness_keeps_to_the_style(engine: Likening, prompt: VoicePrompt, likeness: list[Samples]) -> None:
    plain = np.concatenate(likeness[:2])
    styled = speak(engine, prompt, SENTENCES[:2], Style(speed=1.5, pitch_semitones=-3))
    low, high = (profile(samples, rate_hz_of(engine)) for samples in (styled, plain))
    assert low
    assert high
    assert 12 * np.log2(low.pitch_hz / high.pitch_hz) == pytest.approx(-3, abs=1.5)
    assert len(plain) / len(styled) == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize("engine", [heart, FliteEngine], indirect=True)
def test_it_is_still_understood(
    engine: Likening, likeness: list[Samples], recognise: Callable[[Samples, int], str]
) -> None:
    """Not espeak: pocketsphinx understands two of five words of its own voices."""
    recognised = [recognise(samples, rate_hz_of(engine)) for samples in likeness]
    spoken_text = [sentence.lower().rstrip(".") for sentence in SENTENCES]
    error_rate = jiwer.wer(spoken_text, recognised)
    print(f"word error rate {error_rate:.2f}")
    assert error_rate <= 0.35
