"""Channels become one, and none cancels another."""

import numpy as np
import pytest
from voicebox_audio.downmix import Downmixer

pytestmark = pytest.mark.unit

RNG = np.random.default_rng(0)
VOICE = RNG.normal(0, 0.1, 48_000).astype(np.float32)
OTHER = RNG.normal(0, 0.1, 48_000).astype(np.float32)


def mixed(frames: np.ndarray, piece_frames: int) -> np.ndarray:
    downmixer = Downmixer()
    return np.concatenate(
        [downmixer.push(frames[begin : begin + piece_frames]) for begin in range(0, len(frames), piece_frames)]
    )


@pytest.mark.parametrize("piece_frames", [480, 8192, 48_000])
@pytest.mark.parametrize(
    "channels",
    [
        [VOICE],
        [VOICE, VOICE],
        [VOICE, OTHER],
        [VOICE, 0 * VOICE],
        [VOICE, -0.5 * VOICE],
        [VOICE, OTHER, VOICE, OTHER, VOICE, OTHER],
    ],
    ids=["mono", "the same", "two voices", "one silent", "partly opposed", "six"],
)
def test_channels_are_mixed_by_their_mean(channels: list[np.ndarray], piece_frames: int) -> None:
    frames = np.stack(channels, axis=1)
    assert np.allclose(mixed(frames, piece_frames), frames.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("piece_frames", [480, 8192, 48_000])
@pytest.mark.parametrize("opposed", [-1.0, -0.95, -1.1])
def test_a_channel_with_its_poles_reversed_does_not_silence_the_other(opposed: float, piece_frames: int) -> None:
    frames = np.stack([VOICE, np.float32(opposed) * VOICE], axis=1)
    decoded = mixed(frames, piece_frames)
    assert np.sqrt(np.mean(np.square(decoded))) > 0.9 * np.sqrt(np.mean(np.square(VOICE)))


def test_silence_is_silence() -> None:
    assert not mixed(np.zeros((1000, 2), np.float32), 100).any()
    assert Downmixer().push(np.zeros((0, 2), np.float32)).shape == (0,)
