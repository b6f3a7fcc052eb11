import pytest
from voicebox_audio.formats.sniff import SNIFF_BYTES, sniff

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("start", "container"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "wav"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "wav"),
        (b"BW64\xff\xff\xff\xffWAVEds64", "wav"),
        (b"fLaC\x00\x00\x00\x22", "flac"),
        (b"OggS\x00\x02", "ogg"),
        (b"ID3\x04\x00\x00", "mp3"),
        (b"\xff\xfb\x90\x00", "mp3"),
        (b"\xff\xf3\x40\xc4", "mp3"),
        (b"\xff\xe3\x18\xc4", "mp3"),
        (b"\xff\xf1\x50\x80", "aac"),
        (b"\x00\x00\x00\x20ftypM4A ", "mp4"),
        (b"\x1a\x45\xdf\xa3\x9f\x42", "webm"),
        (b"\x00\x00\x00\x08wide\x00\x10", "mp4"),
        (b"RIFF\x24\x00\x00\x00AVI LIST", "avi"),
        (b"FORM\x00\x00\x10\x00AIFFCOMM", "aiff"),
        (b"FORM\x00\x00\x10\x00AIFCFVER", "aiff"),
        (b"#!AMR\n\x3c", "amr"),
        (b"#!AMR-WB\n\x24", "amr"),
    ],
)
def test_containers_are_known_by_their_first_bytes(start: bytes, container: str) -> None:
    assert sniff(start) == container
    assert sniff(start.ljust(100, b"\0")) == container


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"R",
        b"RIFF\x24\x00\x00\x00WEBPVP8 ",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1",
        b"ffconcat version 1.0\nfile '/etc/passwd'",
        b"#EXTM3U\n#EXT-X-VERSION:3",
        b"PK\x03\x04\x14\x00",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"\xff\xfe\x00\x00",
        b"\xff\xff\xff\xff",
        b"\xff\xfb\xf0\x00",
        b"\xff\xfb\x9c\x00",
        b"\xff\xf1\x7c\x80",
        b"Just a text that somebody sent.",
        bytes(100),
    ],
)
def test_all_else_is_none(start: bytes) -> None:
    assert sniff(start) is None


def test_more_than_the_first_bytes_changes_nothing() -> None:
    start = b"\x00\x00\x00\x20ftypM4A "
    assert len(start) == SNIFF_BYTES
    assert sniff(start) == sniff(start + b"fLaC")
