"""Silero's voice activity detector, stream by stream."""

import numpy as np
import pytest
from faster_whisper.vad import get_vad_model
from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples
from voicebox_asr.engines.silero import Silero, SileroVoiceActivity, SpeechProbability
from voicebox_asr.segmentation.windows import FRAME_SAMPLES


@pytest.fixture(scope="module")
def silero() -> Silero:
    return Silero()


@pytest.fixture(scope="module")
def frames(speech: Samples) -> Samples:
    return speech[: speech.size - speech.size % FRAME_SAMPLES]


def test_it_gives_what_the_library_gives(silero: Silero, frames: Samples) -> None:
    ours = SpeechProbability(silero).of(frames)
    assert ours.shape == (frames.size // FRAME_SAMPLES,)
    assert np.array_equal(ours, get_vad_model()(frames.copy()))


@pytest.mark.parametrize("step", [1, 7])
def test_however_the_stream_is_cut_the_result_is_the_same(silero: Silero, frames: Samples, step: int) -> None:
    stream = SpeechProbability(silero)
    size = step * FRAME_SAMPLES
    pieces = [stream.of(frames[start : start + size]) for start in range(0, frames.size, size)]
    assert np.array_equal(np.concatenate(pieces), SpeechProbability(silero).of(frames))


def test_streams_do_not_affect_each_other(silero: Silero, frames: Samples) -> None:
    first, second = SpeechProbability(silero), SpeechProbability(silero)
    alone = SpeechProbability(silero).of(frames)
    half = frames.size // FRAME_SAMPLES // 2 * FRAME_SAMPLES
    begun = first.of(frames[:half])
    second.of(frames[::-1].copy())
    assert np.array_equal(np.concatenate((begun, first.of(frames[half:]))), alone)


def test_noise_and_tones_are_not_speech(silero: Silero) -> None:
    seconds = np.arange(62 * FRAME_SAMPLES) / SAMPLE_RATE_HZ
    noise = np.random.default_rng(0).standard_normal(seconds.size) * 0.1
    for sound in (noise, 0.5 * np.sin(2 * np.pi * 440 * seconds)):
        assert SpeechProbability(silero).of(sound.astype(np.float32))[5:].max() < 0.5


def test_a_higher_threshold_finds_less_speech(silero: Silero, frames: Samples) -> None:
    def count(threshold: float | None) -> int:
        activity = SileroVoiceActivity(silero, threshold)
        return sum(activity.is_speech(frame) for frame in frames.reshape(-1, FRAME_SAMPLES))

    assert count(0.9999) < count(0.5) == count(None) <= count(0.05)
