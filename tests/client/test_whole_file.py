"""Files that are there whole or not at all."""

import wave
from pathlib import Path

import pytest
from voicebox_client import wav
from voicebox_client.whole_file import whole_file


def test_a_streamed_wav_file_becomes_a_normal_one(platform, tmp_path):
    path = tmp_path / "speech.wav"
    with whole_file(path) as file:
        file.write(platform.wav_header + platform.spoken)
    with wave.open(str(path)) as read:
        assert read.getnframes() * 2 == len(platform.spoken)
        assert read.readframes(read.getnframes()) == platform.spoken
    assert int.from_bytes(path.read_bytes()[4:8], "little") == path.stat().st_size - 8


def test_a_chunk_before_the_samples_is_passed_over(platform, tmp_path):
    path = tmp_path / "speech.wav"
    head = platform.wav_header[:36] + b"LIST\x03\0\0\0abc\0" + platform.wav_header[36:]
    with whole_file(path) as file:
        file.write(head + platform.spoken)
    assert wav.data_start(head) == len(head)
    with wave.open(str(path)) as read:
        assert read.readframes(read.getnframes()) == platform.spoken


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"OggS" + bytes(100), b"ID3" + bytes(5000), b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\x7f"]
)
def test_anything_else_stays_as_it_is(tmp_path, content):
    path = tmp_path / "speech"
    with whole_file(path) as file:
        file.write(content)
    assert path.read_bytes() == content


def test_nothing_is_left_when_the_body_fails(tmp_path):
    path = tmp_path / "speech.wav"
    with pytest.raises(KeyboardInterrupt), whole_file(path) as file:
        file.write(b"half")
        assert [found.name for found in tmp_path.iterdir()] == ["speech.wav.part"]
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_before_stays_when_the_body_fails(tmp_path):
    path = tmp_path / "speech.wav"
    path.write_bytes(b"before")
    with pytest.raises(RuntimeError), whole_file(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with whole_file(tmp_path / "link") as file:
        file.write(b"sound")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"sound"


def test_a_device_is_written_and_not_replaced():
    with whole_file("/dev/null") as file:
        file.write(b"sound")
    assert Path("/dev/null").is_char_device()


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "none" / "speech.wav"):
        pass
