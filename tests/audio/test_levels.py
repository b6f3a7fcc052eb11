from collections.abc import Callable

import numpy as np
import pytest
from voicebox_audio.levels import PEAK_CEILING, SILENCE_DBFS, normalize, peak, rms_dbfs

pytestmark = pytest.mark.unit

NOTHING = np.zeros(0, np.float32)


def test_a_sine_of_half_scale_is_9_db_down(sine: Callable[..., np.ndarray]) -> None:
    assert rms_dbfs(sine(16000, 1)) == pytest.approx(-9.03, abs=0.01)
    assert peak(sine(16000, 1)) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("samples", [NOTHING, np.zeros(100, np.float32)])
def test_silence_measures_the_least_and_stays(samples: np.ndarray) -> None:
    assert rms_dbfs(samples) == SILENCE_DBFS
    assert peak(samples) == 0
    assert np.array_equal(normalize(samples), samples)


@pytest.mark.parametrize("target", [-40.0, -23.0, -16.0])
def test_normalized_audio_has_the_requested_level(target: float, sine: Callable[..., np.ndarray]) -> None:
    for gain in (0.001, 0.1, 2.0):
        normalized = normalize(sine(16000, 1) * np.float32(gain), target)
        assert rms_dbfs(normalized) == pytest.approx(target, abs=0.01)
        assert normalized.dtype == np.float32


def test_a_click_keeps_the_peak_below_its_ceiling(sine: Callable[..., np.ndarray]) -> None:
    samples = sine(16000, 1) * np.float32(0.01)
    samples[100] = 0.9
    assert peak(normalize(samples, -10.0)) == pytest.approx(PEAK_CEILING, abs=1e-4)
