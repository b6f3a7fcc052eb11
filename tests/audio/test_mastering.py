"""Speech at a loudness, below a true peak and without silence around it, however it is cut into pieces."""

import numpy as np
import pytest
from voicebox_audio.loudness import LoudnessMeter
from voicebox_audio.mastering import LEAD_SECONDS, LOOK_AHEAD_SECONDS, TAIL_SECONDS, Leveller, Limiter, Trimmer

RATE = 16_000


def noise(seconds: float, level: float, rate: int = RATE) -> np.ndarray:
    return (level * np.random.default_rng(0).standard_normal(round(seconds * rate))).astype(np.float32)


def passed(stage, samples: np.ndarray, step: int) -> np.ndarray:
    pieces = [stage.push(samples[start : start + step]) for start in range(0, samples.size, step)]
    return np.concatenate([*pieces, stage.finish()])


def measured(samples: np.ndarray, rate: int = RATE) -> LoudnessMeter:
    meter = LoudnessMeter(rate)
    meter.push(samples)
    meter.finish()
    return meter


@pytest.mark.parametrize("target", [-30.0, -23.0, -16.0])
@pytest.mark.parametrize("seconds", [0.2, 1.0, 7.0])
def test_the_loudness_is_what_is_asked_for(target, seconds):
    samples = noise(seconds, 0.03)
    levelled = passed(Leveller(RATE, target), samples, 320)
    assert levelled.size == samples.size
    assert measured(levelled).lufs == pytest.approx(target, abs=0.3)


def test_the_gain_is_one_and_is_known_after_the_look_ahead():
    leveller, samples = Leveller(RATE, -20.0), noise(5, 0.05)
    held = round(LOOK_AHEAD_SECONDS * RATE)
    assert leveller.push(samples[: held - 1]).size == 0
    assert leveller.push(samples[held - 1 : held]).size == held
    later = leveller.push(samples[held:])
    gains = later / samples[held:]
    assert np.allclose(gains, gains[0])


def test_silence_is_not_made_louder():
    samples = noise(1, 1e-5)
    assert np.array_equal(passed(Leveller(RATE, -20.0), samples, 320), samples)


@pytest.mark.parametrize("rate", [8_000, 24_000, 48_000])
@pytest.mark.parametrize("ceiling", [-1.0, -9.0])
@pytest.mark.parametrize("step", [97, 4_000])
def test_no_true_peak_is_above_the_ceiling(rate, ceiling, step):
    samples = noise(1, 0.3, rate)
    limited = passed(Limiter(rate, ceiling), samples, step)
    assert limited.size == samples.size
    assert 20 * np.log10(measured(limited, rate).true_peak) <= ceiling + 0.1
    assert np.abs(limited).max() > 0.8 * 10 ** (ceiling / 20)


def test_what_is_below_the_ceiling_is_not_touched():
    samples = noise(1, 0.03)
    samples[8_000] = 1.0
    limited = passed(Limiter(RATE, -6.0), samples, 320)
    reach = round(0.02 * RATE)
    assert np.array_equal(limited[: 8_000 - reach], samples[: 8_000 - reach])
    assert np.array_equal(limited[8_000 + reach :], samples[8_000 + reach :])
    assert abs(limited[8_000]) <= 0.502


@pytest.mark.parametrize("step", [100, 1_600, 100_000])
def test_silence_around_speech_is_left_out_and_that_within_it_is_not(step):
    silence, speech = np.zeros(RATE, np.float32), noise(0.5, 0.2)
    trimmer = Trimmer(RATE)
    trimmed = passed(trimmer, np.concatenate([silence, speech, silence, speech, silence]), step)
    kept = speech.size + silence.size + speech.size
    around = round(LEAD_SECONDS * RATE) + round(TAIL_SECONDS * RATE)
    assert abs(trimmed.size - kept - around) <= 20
    assert abs(trimmer.left_out_samples - (RATE - round(LEAD_SECONDS * RATE))) <= 20


def test_of_nothing_but_silence_a_little_is_left():
    assert passed(Trimmer(RATE), np.zeros(RATE, np.float32), 320).size == round(LEAD_SECONDS * RATE)


@pytest.mark.parametrize("stage", [lambda: Leveller(RATE, -20.0), lambda: Limiter(RATE, -12.0), lambda: Trimmer(RATE)])
def test_the_pieces_do_not_matter(stage):
    samples = np.concatenate([np.zeros(3_000, np.float32), noise(4, 0.2), np.zeros(9_000, np.float32)])
    whole, cut = passed(stage(), samples, samples.size), passed(stage(), samples, 333)
    assert whole.size == cut.size
    assert np.abs(whole - cut).max() < 1e-3
