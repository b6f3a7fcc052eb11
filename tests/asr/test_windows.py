"""Packing speech into windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples
from voicebox_asr.segmentation.windows import (
    FRAME_SAMPLES,
    FRAME_SECONDS,
    LONGEST_GAP_SECONDS,
    PADDING_FRAMES,
    SpeechTracker,
    Window,
    Windows,
    last_pause,
)

pytestmark = pytest.mark.unit

LONGEST_SECONDS = 3.0


def loudness(samples: Samples) -> Samples:
    """Calls every frame speech that is not silent."""
    return (np.abs(samples.reshape(-1, FRAME_SAMPLES)).max(axis=1) > 0.1).astype(np.float32)


def speech() -> SpeechTracker:
    return SpeechTracker(loudness, 0.5, 0.35)


def sound(*seconds: float) -> Samples:
    """Silence and loud sound in turns, each so long; no sample is like another."""
    lengths = [round(each * SAMPLE_RATE_HZ) for each in seconds]
    loud = np.repeat([index % 2 for index in range(len(lengths))], lengths).astype(np.float32)
    return loud * np.linspace(0.2, 0.9, loud.size, dtype=np.float32)


def packed(windows: Windows, samples: Samples, step: int = 1000) -> list[Window]:
    found = [window for start in range(0, samples.size, step) for window in windows.push(samples[start : start + step])]
    return [*found, *windows.finish()]


def test_without_voice_detection_nothing_is_lost_and_nothing_comes_twice() -> None:
    samples = np.random.default_rng(0).standard_normal(10 * SAMPLE_RATE_HZ + 77).astype(np.float32)
    windows = Windows(LONGEST_SECONDS)
    found = packed(windows, samples)
    assert np.array_equal(np.concatenate([window.samples for window in found])[: samples.size], samples)
    assert all(window.seconds <= LONGEST_SECONDS + FRAME_SECONDS for window in found)
    assert windows.speech_seconds == pytest.approx(samples.size / SAMPLE_RATE_HZ, abs=FRAME_SECONDS)


def test_without_voice_detection_it_cuts_where_it_is_quietest() -> None:
    samples = np.full(4 * SAMPLE_RATE_HZ, 0.5, np.float32)
    samples[round(2.4 * SAMPLE_RATE_HZ) : round(2.6 * SAMPLE_RATE_HZ)] = 0.01
    first, second = packed(Windows(LONGEST_SECONDS), samples)
    assert first.seconds == pytest.approx(2.5, abs=0.1)
    assert first.until(first.seconds) == second.at(0.0)


def test_silence_is_left_out_but_for_some_around_speech() -> None:
    windows = Windows(30.0, speech())
    (window,) = packed(windows, sound(2.0, 1.0, 3.0, 1.0, 2.0))
    padding = 2 * PADDING_FRAMES * FRAME_SECONDS
    assert window.seconds == pytest.approx(2.0 + 2 * padding, abs=4 * FRAME_SECONDS)
    assert windows.speech_seconds == pytest.approx(2.0, abs=4 * FRAME_SECONDS)


def test_times_in_a_window_are_those_of_the_stream() -> None:
    samples = sound(2.0, 1.0, 3.0, 1.0, 2.0)
    (window,) = packed(Windows(30.0, speech()), samples)
    for seconds in np.arange(0.0, window.seconds - 0.01, 0.1):
        index, stream = round(seconds * SAMPLE_RATE_HZ), round(window.at(float(seconds)) * SAMPLE_RATE_HZ)
        assert window.samples[index] == samples[stream]
    gap = float(window.frames[np.flatnonzero(np.diff(window.frames) > 1)[0]] + 1) * FRAME_SECONDS
    inside = gap - float(window.frames[0]) * FRAME_SECONDS
    assert window.until(inside) == pytest.approx(gap)
    assert window.at(inside) > gap + 1.0


def test_a_long_silence_ends_a_window() -> None:
    assert len(packed(Windows(30.0, speech()), sound(1.0, 1.0, LONGEST_GAP_SECONDS - 0.5, 1.0, 1.0))) == 1
    assert len(packed(Windows(30.0, speech()), sound(1.0, 1.0, LONGEST_GAP_SECONDS + 1.5, 1.0, 1.0))) == 2


def test_a_full_window_is_cut_in_its_last_pause() -> None:
    first, second = packed(Windows(LONGEST_SECONDS, speech()), sound(0.0, 1.7, 0.3, 0.7, 0.3, 1.5, 0.1))
    assert first.until(first.seconds) == pytest.approx(2.85, abs=0.15)
    assert second.at(0.0) == first.until(first.seconds)


def test_speech_without_a_pause_is_cut_all_the_same() -> None:
    found = packed(Windows(LONGEST_SECONDS, speech()), sound(0.0, 20.0))
    assert sum(window.seconds for window in found) == pytest.approx(20.0, abs=0.1)
    assert all(LONGEST_SECONDS / 2 <= window.seconds <= LONGEST_SECONDS + FRAME_SECONDS for window in found[:-1])


def test_the_cut_is_in_the_last_half() -> None:
    activity = np.ones(100, np.float32)
    activity[10:20] = 0.0
    assert last_pause(activity, 0.35) > 50
    activity[60:70] = 0.0
    assert 60 < last_pause(activity, 0.35) < 70


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.0, 8.0), max_size=6), st.integers(1, 40_000))
def test_however_it_comes_the_windows_are_the_same_and_all_speech_is_in_them(seconds: list[float], step: int) -> None:
    samples = sound(*seconds)
    whole, pieces = (
        packed(Windows(LONGEST_SECONDS, speech()), samples, max(1, samples.size)),
        packed(Windows(LONGEST_SECONDS, speech()), samples, step),
    )
    assert [window.frames.tolist() for window in whole] == [window.frames.tolist() for window in pieces]
    kept = np.concatenate([np.zeros(0, np.float32), *(window.samples for window in whole)])
    assert np.array_equal(kept[kept > 0.1], samples[samples > 0.1])
    assert all(window.until(window.seconds) <= samples.size / SAMPLE_RATE_HZ + 1e-6 for window in whole)
