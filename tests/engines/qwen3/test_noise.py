"""A frame's numbers depend on the seed and on the frame alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_tts.engines.codec_models.noise import SamplingNoise

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.lists(st.integers(0, 5_000), min_size=1, max_size=10))
def test_frames_may_be_requested_in_any_order_and_again(seed: int, frames: list[int]) -> None:
    noise = SamplingNoise(seed, 16)

    for frame in frames:
        np.testing.assert_array_equal(noise.frame(frame), SamplingNoise(seed, 16).frame(frame))


@given(SEEDS, SEEDS, st.integers(0, 1_000), st.integers(0, 1_000))
def test_other_seeds_and_other_frames_have_other_numbers(seed: int, other: int, frame: int, another: int) -> None:
    same = (seed, frame) == (other, another)

    assert np.array_equal(SamplingNoise(seed, 16).frame(frame), SamplingNoise(other, 16).frame(another)) == same


def test_the_numbers_are_uniform() -> None:
    noise = SamplingNoise(1, 16)
    numbers = np.concatenate([noise.frame(frame) for frame in range(2_000)])

    assert numbers.dtype == np.float32
    assert numbers.min() >= 0.0
    assert numbers.max() < 1.0
    counts = np.histogram(numbers, 16, (0, 1))[0]
    assert counts == pytest.approx(2_000, abs=200)  # 4.6 standard deviations


def test_the_numbers_stay_what_they_are() -> None:
    """A request with a seed is answered with the same speech by every release."""
    assert SamplingNoise(7, 4).frame(100).tolist() == [
        0.0686194896697998,
        0.9184802174568176,
        0.9121995568275452,
        0.8861070275306702,
    ]
