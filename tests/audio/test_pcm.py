import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_audio.pcm import SampleJoiner, from_s16le, to_s16le

pytestmark = pytest.mark.unit


def test_every_16_bit_value_survives() -> None:
    data = np.arange(-32768, 32768).astype("<i2").tobytes()
    assert to_s16le(from_s16le(data)) == data


def test_what_is_too_loud_is_clipped() -> None:
    loud = np.array([-7, -1, 1, 7], np.float32)
    assert np.frombuffer(to_s16le(loud), "<i2").tolist() == [-32768, -32768, 32767, 32767]


def test_half_a_sample_is_an_error() -> None:
    with pytest.raises(ValueError, match="multiple"):
        from_s16le(b"\0")


@given(st.binary(max_size=200), st.lists(st.integers(0, 20)), st.integers(1, 7))
def test_joined_pieces_are_whole_frames_and_lose_nothing(data: bytes, cuts: list[int], frame_bytes: int) -> None:
    joiner = SampleJoiner(frame_bytes)
    out, start = [], 0
    for cut in [*cuts, len(data)]:
        out.append(joiner.push(data[start : start + cut]))
        start += cut
    assert all(len(piece) % frame_bytes == 0 for piece in out)
    assert b"".join(out) + joiner.rest == data
    assert len(joiner.rest) < frame_bytes
