"""Whether a sound repeats itself."""

import numpy as np
import pytest
import soundfile
from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples, Word
from voicebox_asr.results.self_similarity import MIN_SIMILARITY, repeated_word_similarity, self_similarity
from voicebox_tts.engine import Style
from voicebox_tts.engines.flite.engine import FliteEngine

from .conftest import silence, tone


def spoken(text: str, voice: str) -> Samples:
    session = FliteEngine().open(voice, Style(), 1)
    samples = np.concatenate([piece.samples for piece in session.speak(text)])
    session.close()
    return samples


def whole(sound: Samples, times: int = 12) -> list[Word]:
    """A word so many times, from the sound's beginning to its end."""
    step = sound.size / SAMPLE_RATE_HZ / times
    return [Word("word", at * step, (at + 1) * step, 0.9) for at in range(times)]


@pytest.mark.parametrize("text", ["no, " * 12, "very " * 14, "thank you. " * 12, "printing " * 12])
@pytest.mark.parametrize("voice", ["slt", "rms"])
def test_repeated_speech_is_similar_to_itself(text: str, voice: str) -> None:
    sound = spoken(text, voice)
    assert (repeated_word_similarity(sound, whole(sound)) or 0.0) > MIN_SIMILARITY


@pytest.mark.parametrize("name", ["LJ001-0001.wav", "LJ001-0005.wav", "LJ001-0010.wav"])
def test_other_speech_does_not(speech_data, name: str) -> None:
    samples, _ = soundfile.read(speech_data.path(name), dtype="float32")
    sound = samples[: samples.size * 16 // 22]
    assert self_similarity(sound, whole(sound)) < MIN_SIMILARITY


@pytest.mark.parametrize(
    "sound",
    [silence(4.0), tone(4.0), np.random.default_rng(0).standard_normal(64000).astype(np.float32) / 10, silence(0.01)],
)
def test_silence_tones_and_noise_do_not(sound: Samples) -> None:
    assert self_similarity(sound, whole(sound)) < MIN_SIMILARITY


def test_words_that_come_rarely_are_not_looked_at() -> None:
    assert repeated_word_similarity(tone(2.0), []) is None
    assert repeated_word_similarity(tone(2.0), whole(tone(2.0), 4)) is None
