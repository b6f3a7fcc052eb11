"""What is measured of a recording, against signals of which it is known."""

from itertools import pairwise

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
import soundfile
import soxr
from voicebox_audio.k_weighting import KWeighting
from voicebox_audio.loudness import SILENCE_LUFS, LoudnessMeter
from voicebox_audio.recordings.quality import ClippingMeter, FrameMeter, QualityLimit, QualityLimits, Verdict, judge
from voicebox_audio.recordings.utterances import utterances
from voicebox_audio.recordings.voice_activity import FRAME_SECONDS, runs, speech_frames

RATE_HZ = 24_000
RNG = np.random.default_rng(7)


def bursts(seconds=12.0, level=0.1):
    """A buzz, on for 1.4 s of every 2, whose power is the same in all frames."""
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * 150 * number * times) / number for number in range(1, 60))
    return (level * buzz * (times % 2 > 0.6)).astype(np.float32)


def noise(samples, scale):
    return RNG.normal(scale=scale, size=samples.size).astype(np.float32)


def measured(samples, rate_hz=RATE_HZ, blocks=4096):
    frames, clipping, loudness = FrameMeter(RATE_HZ), ClippingMeter(), LoudnessMeter(RATE_HZ)
    for begin in range(0, samples.size, blocks):
        block = samples[begin : begin + blocks]
        frames.push(block)
        clipping.push(block)
        loudness.push(block)
    loudness.finish()
    return frames.measures(rate_hz, clipping.ratio, loudness.lufs)


def reasons(samples, **limits):
    return {finding.reason for finding in judge(measured(samples), QualityLimits(**limits)).findings}


@pytest.mark.parametrize("snr_db", [10, 20, 30, 40, 50])
def test_a_known_signal_to_noise_ratio_is_found(snr_db):
    clean = bursts()
    power = np.mean(np.square(clean[clean != 0]))
    found = measured(clean + noise(clean, np.sqrt(power / 10 ** (snr_db / 10))))
    true_db = 10 * np.log10(10 ** (snr_db / 10) + 1)  # where there is speech, there is noise too
    assert found.snr_db == pytest.approx(true_db, abs=0.5)
    assert found.speech_ratio == pytest.approx(0.7, abs=0.02)


def test_digital_silence_between_words_is_the_best_there_is():
    found = measured(bursts())
    assert found.snr_db == 100
    assert found.silence_ratio == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("clipped", [0.0, 0.001, 0.05])
def test_a_known_clipping_ratio_is_found(clipped):
    samples = bursts()
    samples[: int(clipped * samples.size)] = 1.0
    assert measured(samples).clipping_ratio == pytest.approx(clipped, abs=1e-5)


def test_a_hard_clipped_sine_is_clipped():
    sine = np.clip(2 * np.sin(2 * np.pi * 200 * np.arange(RATE_HZ) / RATE_HZ), -1, 1).astype(np.float32)
    assert measured(sine).clipping_ratio == pytest.approx(
        2 / 3, abs=0.02
    )  # |sin| is above one half for two thirds of the time


def test_loudness_of_the_recommendations_own_sine():
    """ITU-R BS.1770-4: a full-scale sine of 997 Hz in one channel is -3.01 LKFS."""
    sine = np.sin(2 * np.pi * 997 * np.arange(5 * RATE_HZ) / RATE_HZ).astype(np.float32)
    assert measured(sine).loudness_lufs == pytest.approx(-3.01, abs=0.05)
    assert measured(sine * 0.01).loudness_lufs == pytest.approx(-43.01, abs=0.05)


@pytest.mark.parametrize("blocks", [1000, 16_384, 10**6])
def test_loudness_is_that_of_pyloudnorm_however_it_is_cut(blocks):
    samples = bursts(10.0) + noise(bursts(10.0), 1e-3)
    samples[: 4 * RATE_HZ] *= 0.05  # below the relative gate
    expected = pyloudnorm.Meter(RATE_HZ, "DeMan").integrated_loudness(samples)
    assert measured(samples, blocks=blocks).loudness_lufs == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("blocks", [(1, 7, 480, 100_000), (100_000,), (20_000, 20_000, 60_000)])
def test_the_weighting_is_that_of_its_filters_however_it_is_cut(rate_hz, blocks):
    samples = np.random.default_rng(0).normal(0, 0.1, sum(blocks)).astype(np.float32)
    weighting, cuts = KWeighting(rate_hz), np.cumsum(blocks)[:-1]
    weighted = np.concatenate([weighting.push(piece) for piece in np.split(samples, cuts)])
    expected = samples.astype(np.float64)
    for stage in pyloudnorm.Meter(rate_hz, "DeMan")._filters.values():
        expected = scipy.signal.lfilter(stage.b, stage.a, expected)
    assert np.abs(weighted - expected).max() < 1e-6


def test_loudness_of_hardly_anything():
    assert measured(np.zeros(RATE_HZ, np.float32)).loudness_lufs == SILENCE_LUFS
    assert measured(np.zeros(0, np.float32)).loudness_lufs == SILENCE_LUFS
    assert measured(bursts(1.0)[-1000:]).loudness_lufs == pytest.approx(measured(bursts()).loudness_lufs, abs=3)


def test_the_true_peak_is_found_between_the_samples():
    """A sine of a quarter of the rate, sampled at 45 degrees, never shows its peak."""
    meter = LoudnessMeter(RATE_HZ)
    meter.push((0.5 * np.sin(np.pi / 2 * np.arange(RATE_HZ) + np.pi / 4)).astype(np.float32))
    meter.finish()
    assert meter.true_peak == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("kind", ["noise", "tone", "zeros", "hum"])
def test_what_is_steady_is_no_speech(kind):
    times = np.arange(5 * RATE_HZ) / RATE_HZ
    signals = {
        "noise": noise(times, 0.1),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * times),
        "zeros": np.zeros(times.size),
        "hum": 0.1 * np.sin(2 * np.pi * 50 * times) + noise(times, 1e-3),
    }
    found = measured(signals[kind].astype(np.float32))
    assert found.speech_ratio == 0
    assert found.snr_db == 0
    report = judge(found, QualityLimits())
    assert (report.verdict, [finding.reason for finding in report.findings]) == (Verdict.REJECT, ["NO_SPEECH"])


def test_findings():
    good = bursts() + noise(bursts(), 1e-4)
    assert not reasons(good)
    assert reasons(good[: 2 * RATE_HZ]) == {"TOO_SHORT"}
    assert reasons(np.tile(good, 6)) == {"TOO_LONG"}
    assert reasons(good + noise(good, 0.03)) == {"NOISY"}
    assert reasons(good * 0.001) == {"TOO_QUIET"}
    assert reasons(np.clip(good * 8, -1, 1)) == {"CLIPPED"}
    assert reasons(np.concatenate((good, noise(np.zeros(20 * RATE_HZ), 1e-4)))) == {"MOSTLY_SILENCE"}
    telephone = soxr.resample(soxr.resample(good, RATE_HZ, 8000), 8000, RATE_HZ)
    assert reasons(telephone) == {"NARROW_BAND"}
    assert {finding.reason for finding in judge(measured(good), QualityLimits(), 0.9).findings} == {
        "TRANSCRIPT_DIFFERS"
    }


def test_limits_say_where_a_warning_ends_and_a_refusal_begins():
    found = measured(bursts() + noise(bursts(), 0.02))
    verdicts = [
        judge(found, QualityLimits(snr_db=QualityLimit(warn, reject))).verdict
        for warn, reject in ((1, 0), (90, 0), (90, 80))
    ]
    assert verdicts == [Verdict.OK, Verdict.WARN, Verdict.REJECT]
    assert judge(None, QualityLimits()).verdict is Verdict.UNKNOWN


def test_real_speech(speech_data):
    for name in speech_data.transcripts:
        samples, rate_hz = soundfile.read(speech_data.path(name), dtype="float32", always_2d=True)
        found = measured(soxr.resample(samples.mean(axis=1), rate_hz, RATE_HZ), rate_hz)
        assert found.snr_db > 20
        assert found.speech_ratio > 0.5
        assert judge(found, QualityLimits()).verdict is (Verdict.OK if found.seconds >= 3 else Verdict.WARN)


def test_runs():
    assert runs(np.array([1, 1, 0, 1, 0], bool)) == [(0, 2), (3, 4)]
    assert runs(np.zeros(3, bool)) == []


def test_a_click_is_no_speech_and_a_short_gap_does_not_end_it():
    levels = np.full(500, -70.0)
    levels[100:200] = -20.0
    levels[140:145] = -70.0
    levels[300:302] = -20.0
    assert runs(speech_frames(levels)) == [(100, 200)]


def random_levels(seed):
    rng = np.random.default_rng(seed)
    pieces = []
    while sum(map(len, pieces)) < 6000:
        pieces += [np.full(int(rng.integers(10, 900)), -25.0), np.full(int(rng.integers(3, 150)), -70.0)]
    return np.concatenate(pieces) + rng.normal(size=sum(map(len, pieces)))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("min_seconds", "max_seconds"), [(2.0, 15.0), (1.0, 3.0), (5.0, 60.0)])
def test_utterances_are_within_their_bounds_in_order_and_apart(seed, min_seconds, max_seconds):
    levels = random_levels(seed)
    found = utterances(levels, min_seconds, max_seconds)
    assert found
    for span in found:
        assert min_seconds <= span.frames * FRAME_SECONDS <= max_seconds
        assert 0 <= span.begin < span.end <= levels.size
    for one, next_one in pairwise(found):
        assert one.end <= next_one.begin
    spoken = speech_frames(levels)
    kept = sum(int(spoken[span.begin : span.end].sum()) for span in found)
    assert kept > 0.8 * spoken.sum()
