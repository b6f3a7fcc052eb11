"""The measures of a voice are right on sounds whose values are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import freqz, lfilter
from voicebox_kit.errors import InvalidField
from voicebox_tts.engine import Reference
from voicebox_tts.engines.likeness import (
    ANALYSIS_RATE_HZ,
    BANDS_HZ,
    LIMIT_DB,
    Colour,
    LikenessPrompt,
    Shift,
    approximate,
    minimum_phase,
    pitch_track,
    profile,
    third_octaves,
)

NOISE = np.random.default_rng(1)


def voice(pitch_hz: float, seconds: float = 1.0, rate_hz: int = ANALYSIS_RATE_HZ) -> np.ndarray:
    """Pulses at a pitch that sways by half a semitone, through two formants: a vowel of sorts."""
    time = np.arange(int(seconds * rate_hz)) / rate_hz
    phase = np.cumsum(pitch_hz * 2 ** (np.sin(2 * np.pi * 3 * time) / 24)) / rate_hz
    pulses = np.diff(np.floor(phase), prepend=0.0)
    for hz, width in ((600, 80), (1700, 120)):
        radius = np.exp(-np.pi * width / rate_hz)
        pulses = lfilter([1 - radius], [1, -2 * radius * np.cos(2 * np.pi * hz / rate_hz), radius**2], pulses)
    return 0.3 * pulses / np.abs(pulses).max()


@given(pitch_hz=st.floats(75, 350))
def test_the_pitch_of_pulses_is_found(pitch_hz: float) -> None:
    track = pitch_track(voice(pitch_hz))
    assert (track > 0).mean() > 0.8
    assert np.median(track[track > 0]) == pytest.approx(pitch_hz, rel=0.025)


def test_silence_and_noise_have_no_pitch() -> None:
    assert not pitch_track(np.zeros(16_000)).any()
    assert (pitch_track(NOISE.normal(0, 0.1, 16_000)) > 0).mean() < 0.05
    assert len(pitch_track(np.zeros(10))) == 0


def test_a_profile_does_not_hang_on_level_or_rate() -> None:
    loud, quiet, fast = (
        profile(x.astype(np.float32), r)
        for x, r in ((voice(120), 16_000), (voice(120) / 10, 16_000), (voice(120, 1, 44_100), 44_100))
    )
    assert loud
    assert quiet
    assert fast
    assert quiet.pitch_hz == pytest.approx(loud.pitch_hz)
    assert fast.pitch_hz == pytest.approx(loud.pitch_hz, rel=0.02)
    np.testing.assert_allclose(quiet.colour_db, loud.colour_db, atol=0.1)


def test_too_little_voiced_speech_has_no_profile() -> None:
    assert profile(np.zeros(0, np.float32), 16_000) is None
    assert profile(voice(120, 0.2).astype(np.float32), 16_000) is None


@given(
    colour=st.lists(st.floats(-LIMIT_DB, LIMIT_DB), min_size=len(BANDS_HZ), max_size=len(BANDS_HZ)),
    rate_hz=st.sampled_from([16_000, 22_050]),
)
def test_the_filter_colours_as_requested_at_once(colour: list[float], rate_hz: int) -> None:
    smooth = np.convolve(np.pad(colour, 2, "edge"), np.ones(5) / 5, "valid")
    taps = minimum_phase(smooth, rate_hz)
    _, response = freqz(taps, worN=BANDS_HZ[3:-2], fs=rate_hz)  # 12 ms cannot resolve the lowest bands
    np.testing.assert_allclose(20 * np.log10(np.abs(response)), smooth[3:-2], atol=2.5)
    assert np.argmax(np.abs(taps)) < 0.001 * rate_hz


def test_filtering_a_audio_moves_its_third_octaves_by_as_much() -> None:
    sound = NOISE.normal(0, 0.1, 64_000)
    slope = np.linspace(6, -6, len(BANDS_HZ))
    moved = third_octaves(lfilter(minimum_phase(slope, ANALYSIS_RATE_HZ), 1.0, sound)) - third_octaves(sound)
    np.testing.assert_allclose(moved[2:], slope[2:], atol=1.5)


def test_a_stream_is_coloured_as_a_whole_would_be() -> None:
    taps = tuple(minimum_phase(np.linspace(9, -9, len(BANDS_HZ)), ANALYSIS_RATE_HZ).tolist())
    sound = voice(120).astype(np.float32) * 0.2
    colour = Colour(taps)
    pieces = np.concatenate([colour.paint(piece) for piece in np.split(sound, [1, 2, 700, 5000])])
    np.testing.assert_allclose(pieces, Colour(taps).paint(sound), atol=1e-6)
    assert Colour(()).paint(sound) is sound


def test_the_nearest_voice_is_moved_to_the_reference() -> None:
    """An engine that speaks 7% too low and too flat is corrected by what is measured."""

    def render(name: str, shift: Shift, _text: str) -> np.ndarray:
        return voice({"low": 100.0, "high": 200.0}[name] * 0.93 * shift.pitch, 2.0).astype(np.float32)

    reference = Reference(voice(160, 2.0, 24_000).astype(np.float32), 24_000)
    prompt = approximate(reference, {"low": 100.0, "high": 200.0}, ANALYSIS_RATE_HZ, render)
    assert prompt.base_voice == "high"
    assert prompt.shift.pitch * 200 * 0.93 == pytest.approx(160, rel=0.03)
    assert prompt == approximate(reference, {"low": 100.0, "high": 200.0}, ANALYSIS_RATE_HZ, render)
    assert prompt.size_bytes > 32 * len(prompt.taps)


def test_a_reference_without_speech_is_refused() -> None:
    with pytest.raises(InvalidField) as caught:
        approximate(
            Reference(np.zeros(48_000, np.float32), 24_000), {"one": 100.0}, 16_000, lambda *_: np.zeros(1, np.float32)
        )
    assert (caught.value.field, caught.value.reason) == ("reference", "REFERENCE_TOO_LITTLE_SPEECH")


def test_semitones_multiply() -> None:
    assert LikenessPrompt("one", Shift(1.5)).shift.by_semitones(12).pitch == pytest.approx(3.0)
