import io

import pytest
from voicebox_audio.errors import AudioError, AudioReason
from voicebox_audio.formats.input import EncodedInput, SeekableInput


def _encoded(data: bytes, piece: int = 3, max_bytes: int = 100) -> EncodedInput:
    file = io.BytesIO(data)
    return EncodedInput(lambda count: file.read(min(count, piece)), max_bytes)


def test_the_start_stays_to_be_read() -> None:
    encoded = _encoded(b"0123456789")
    assert encoded.start(4) == b"0123"
    assert encoded.exactly(6) == b"012345"
    encoded.skip(2)
    assert encoded.exactly(100) == b"89"
    assert encoded.read(1) == b""


def test_one_byte_too_many_is_refused() -> None:
    assert _encoded(bytes(100)).exactly(1000) == bytes(100)
    with pytest.raises(AudioError) as error:
        _encoded(bytes(101)).exactly(1000)
    assert error.value.reason is AudioReason.AUDIO_TOO_LARGE


def test_a_kept_encoded_can_go_back_and_to_the_end() -> None:
    kept = SeekableInput(_encoded(b"0123456789"))
    assert kept.read(2) == b"01"
    assert kept.seek(-2, io.SEEK_END) == 8
    assert kept.read(10) == b"89"
    assert kept.read(10) == b""
    assert kept.seek(1) == kept.tell() == 1
    assert kept.seek(2, io.SEEK_CUR) == 3
    assert kept.read(1) == b"3"


def test_seeking_ahead_keeps_what_is_passed() -> None:
    kept = SeekableInput(_encoded(b"0123456789"))
    kept.seek(8)
    assert kept.read(1) == b"8"
    kept.seek(0)
    assert kept.read(3) == b"012"
