"""A file at the speed of speech."""

import io
import wave

import click
import pytest
from voicebox_client import live


def test_blocks_come_when_their_audio_would_have_ended(pauses):
    blocks = live.paced(iter([b"a", b"b", b"c"]), 0.1, pauses.clock, pauses.sleep)
    found = [(block, pauses.now) for block in blocks]
    assert found == [(b"a", pytest.approx(0.1)), (b"b", pytest.approx(0.2)), (b"c", pytest.approx(0.3))]


def test_a_slow_reader_is_not_held_back_further(pauses):
    blocks = live.paced(iter([b"a", b"b"]), 0.1, pauses.clock, pauses.sleep)
    next(blocks)
    pauses.now = 5.0
    next(blocks)
    assert pauses.now == 5.0


def test_a_wav_file_has_its_rate_and_channels(tmp_path):
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((2, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(4000))
    spoken = live.recording(path, None, lambda _seconds: None)
    assert spoken.options == {"sample_rate_hz": 8000, "channel_count": 2}
    assert [len(block) for block in spoken.blocks] == [3200, 800]


def test_headerless_samples_need_their_rate(tmp_path):
    path = tmp_path / "samples.pcm"
    path.write_bytes(bytes(4000))
    assert b"".join(live.recording(path, 8000, lambda _seconds: None).blocks) == bytes(4000)
    with pytest.raises(click.ClickException, match="--rate"):
        live.recording(path, None, lambda _seconds: None)


def test_an_8_bit_wav_file_is_refused(tmp_path):
    path = tmp_path / "coarse.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 1, 8000, 0, "NONE", ""))
        out.writeframes(bytes(100))
    with pytest.raises(click.ClickException, match="16-bit"):
        live.recording(path, None, lambda _seconds: None)


def test_a_pipe_is_read_to_its_end():
    assert b"".join(live.samples(io.BytesIO(bytes(10_000))).blocks) == bytes(10_000)
