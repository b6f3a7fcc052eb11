from collections.abc import Callable

import numpy as np
import pytest
from voicebox_audio.resample import Resampler

pytestmark = pytest.mark.unit


def _in_pieces(resampler: Resampler, samples: np.ndarray, sizes: list[int]) -> np.ndarray:
    out, start = [], 0
    while start < samples.size:
        size = sizes[len(out) % len(sizes)]
        out.append(resampler.push(samples[start : start + size]))
        start += size
    return np.concatenate([*out, resampler.finish()])


@pytest.mark.parametrize("from_hz", [8000, 11025, 16000, 22050, 44100, 48000, 192000])
@pytest.mark.parametrize("to_hz", [8000, 16000, 22050, 24000, 44100, 48000])
def test_length_and_pitch_stay(
    from_hz: int, to_hz: int, sine: Callable[..., np.ndarray], frequency: Callable[..., float]
) -> None:
    samples = sine(from_hz, 1.237)
    resampled = _in_pieces(Resampler(from_hz, to_hz), samples, [from_hz // 50])
    assert abs(resampled.size - samples.size * to_hz / from_hz) <= 1
    assert resampled.dtype == np.float32
    assert frequency(resampled, to_hz) == pytest.approx(440, abs=1)
    middle = slice(to_hz // 4, to_hz)
    assert np.allclose(resampled[middle], sine(to_hz, 1.237)[middle], atol=2e-3)


def test_pieces_of_any_size_give_what_the_whole_gives() -> None:
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, 50_000).astype(np.float32)
    whole = _in_pieces(Resampler(22050, 16000), samples, [samples.size])
    for sizes in ([1], [7, 1000, 0, 31], [4096]):
        pieces = _in_pieces(Resampler(22050, 16000), samples[: 5000 if sizes == [1] else None], sizes)
        same = min(pieces.size, whole.size) - (100 if sizes == [1] else 0)
        assert np.allclose(pieces[:same], whole[:same], atol=1e-6)


def test_equal_rates_pass_through() -> None:
    samples = np.random.default_rng(1).uniform(-1, 1, 1000).astype(np.float32)
    assert np.array_equal(_in_pieces(Resampler(16000, 16000), samples, [333]), samples)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_almost_nothing_stays_almost_nothing(count: int) -> None:
    resampler = Resampler(8000, 48000)
    assert abs(resampler.push(np.zeros(count, np.float32)).size + resampler.finish().size - 6 * count) <= 1
