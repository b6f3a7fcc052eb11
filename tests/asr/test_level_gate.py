import numpy as np
import pytest
import soundfile
import soxr
from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples
from voicebox_asr.engines.pocketsphinx.engine import PocketsphinxVoiceActivity
from voicebox_asr.segmentation.level_gate import LevelGate

RANDOM = np.random.default_rng(1)


def noise(level_db: float) -> np.ndarray:
    return (10 ** (level_db / 20) * RANDOM.standard_normal(480)).astype(np.float32)


def test_speech_stands_out_of_a_loud_room_and_the_room_does_not() -> None:
    gate = LevelGate()
    pattern = ([-40.0] * 30 + [-15.0] * 30) * 5
    loud = [gate.is_loud(noise(level)) for level in pattern]
    right = [recognised == (level == -15.0) for recognised, level in zip(loud, pattern, strict=True)]
    assert sum(right[60:]) / len(right[60:]) > 0.98


def test_digital_silence_is_never_loud() -> None:
    gate = LevelGate()
    assert not any(gate.is_loud(np.zeros(480, np.float32)) for _ in range(300))


@pytest.mark.parametrize("peak_db", [-25.0, -31.0, -36.0, -40.0, -44.0])
@pytest.mark.parametrize("name", ["jfk.flac", "LJ001-0002.wav", "LJ001-0009.wav"])
def test_quiet_clean_speech_is_as_much_speech_as_loud_speech(speech_data, name: str, peak_db: float) -> None:
    sound, rate = soundfile.read(speech_data.path(name), dtype="float32", always_2d=True)
    speech = soxr.resample(sound.mean(axis=1), rate, SAMPLE_RATE_HZ).astype(np.float32)
    quiet = (speech / np.abs(speech).max() * 10 ** (peak_db / 20)).astype(np.float32)
    assert share_of_speech(quiet) == pytest.approx(share_of_speech(speech), abs=0.1)


def share_of_speech(sound: Samples) -> float:
    activity = PocketsphinxVoiceActivity()
    frames = [
        sound[start : start + activity.frame_samples]
        for start in range(0, sound.size - activity.frame_samples, activity.frame_samples)
    ]
    return sum(activity.is_speech(frame) for frame in frames) / len(frames)


@pytest.mark.parametrize("level_db", [-80.0, -70.0, -60.0, -50.0, -40.0, -30.0])
def test_the_hiss_of_an_empty_room_is_no_speech(level_db: float) -> None:
    hiss = RANDOM.standard_normal(5 * SAMPLE_RATE_HZ) * 10 ** (level_db / 20)
    assert share_of_speech(hiss.astype(np.float32)) < 0.1
