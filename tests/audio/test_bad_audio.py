"""Files that are broken, hostile or too much: each ends in an AudioError with its reason, or in what could be
decoded.
"""

import dataclasses
import io
import socket
import struct
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.encoding.encoder import encode_whole
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.errors import AudioError, AudioReason

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits()
SILENCE = np.zeros(16_000, np.float32)


async def _reason(
    decoder: Decoder, data: bytes, limits: Limits = LIMITS, sample_rate_hz: int | None = 16_000
) -> AudioReason:
    with pytest.raises(AudioError) as error:
        await decoder.decode(data, sample_rate_hz, limits)
    assert error.value.sentence.endswith(".")
    return error.value.reason


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.wav", b"RIFF")
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"The quick brown fox jumps over the lazy dog. " * 100,
        _zip(),
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"\x1f\x8b\x08\x00" + bytes(100),
        bytes(10_000),
        b"R",
    ],
    ids=["text", "zip", "sdp", "ffconcat", "m3u", "png", "gzip", "zeros", "one byte"],
)
async def test_what_is_no_audio_is_refused(data: bytes, decoder: Decoder) -> None:
    assert await _reason(decoder, data) is AudioReason.AUDIO_FORMAT_REFUSED


async def test_an_sdp_behind_an_audio_name_opens_no_socket(decoder: Decoder) -> None:
    """FFmpeg looks at content, not at names: a file that begins like MP3 and goes on as a playlist is an MP3."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        sdp = f"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {probe.getsockname()[1]} RTP/AVP 0\r\n".encode()
        for start in (b"ID3\x04\0\0\0\0\0\0", b"OggS", b"fLaC", b"\x1a\x45\xdf\xa3", b"\0\0\0\x20ftypM4A "):
            assert await _reason(decoder, start + sdp * 20) in (
                AudioReason.AUDIO_UNREADABLE,
                AudioReason.AUDIO_EMPTY,
                AudioReason.AUDIO_FORMAT_REFUSED,
            )


async def test_an_mp4_that_refers_to_another_file_reads_none(
    decoder: Decoder, sine: Callable[..., np.ndarray], mux: Callable[..., bytes]
) -> None:
    """The data reference `url ` with flag 1 means "in this file"; as an alias to a path it must not be followed."""
    data = mux("mp4", "aac", sine(48_000, 1))
    where = data.index(b"url \0\0\0\1")
    hostile = data[: where + 4] + b"\0\0\0\0" + data[where + 8 :]
    clip = await decoder.decode(hostile, None, LIMITS)
    assert clip.source.container == "mp4"


@pytest.mark.parametrize("data", [b"", b"RIFF\x24\0\0\0WAVE"], ids=["no bytes", "no chunks"])
async def test_nothing_is_empty_or_unreadable(data: bytes, decoder: Decoder) -> None:
    assert await _reason(decoder, data) is (AudioReason.AUDIO_UNREADABLE if data else AudioReason.AUDIO_EMPTY)


async def test_zero_length_audio_is_empty(
    decoder: Decoder, riff: Callable[..., bytes], mux: Callable[..., bytes]
) -> None:
    empty = np.zeros(0, np.float32)
    assert await _reason(decoder, riff(b"")) is AudioReason.AUDIO_EMPTY
    assert await _reason(decoder, riff(b"", data_bytes=0xFFFFFFFF)) is AudioReason.AUDIO_EMPTY
    assert await _reason(decoder, encode_whole(Encoding.FLAC, empty, 16_000)) in (
        AudioReason.AUDIO_EMPTY,
        AudioReason.AUDIO_UNREADABLE,
    )
    assert await _reason(decoder, encode_whole(Encoding.OGG_OPUS, empty, 16_000)) in (
        AudioReason.AUDIO_EMPTY,
        AudioReason.AUDIO_UNREADABLE,
    )
    assert (
        await _reason(decoder, riff(b"\0\0", sample_rate_hz=192_000), sample_rate_hz=1_000) is AudioReason.AUDIO_EMPTY
    )


async def test_a_film_without_audio_is_refused(decoder: Decoder, mux: Callable[..., bytes]) -> None:
    for muxer in ("mp4", "matroska"):
        assert await _reason(decoder, mux(muxer, "aac", None, video=True)) is AudioReason.AUDIO_FORMAT_REFUSED


@pytest.mark.parametrize(("muxer", "codec"), [("matroska", "tta"), ("avi", "adpcm_yamaha")])
async def test_a_codec_that_is_not_read_is_refused_by_its_name(
    muxer: str, codec: str, decoder: Decoder, sine: Callable[..., np.ndarray], mux: Callable[..., bytes]
) -> None:
    with pytest.raises(AudioError, match=codec) as error:
        await decoder.decode(mux(muxer, codec, sine(48_000, 1)), 16_000, LIMITS)
    assert error.value.reason is AudioReason.AUDIO_FORMAT_REFUSED


async def test_a_truncated_wav_gives_what_is_there(decoder: Decoder, riff: Callable[..., bytes]) -> None:
    data = riff(b"\0\1" * 16_000)
    clip = await decoder.decode(data[: len(data) // 2], None, LIMITS)
    assert clip.samples.size == (len(data) // 2 - 44) // 2
    assert clip.source.cut_short
    assert await _reason(decoder, data[:30]) is AudioReason.AUDIO_UNREADABLE
    assert not (await decoder.decode(data, None, LIMITS)).source.cut_short


@pytest.mark.parametrize(
    ("muxer", "codec"),
    [
        ("flac", "flac"),
        ("webm", "libopus"),
        ("mp3", "libmp3lame"),
        ("ogg", "libopus"),
        ("flv", "aac"),
        ("wv", "wavpack"),
    ],
)
async def test_other_truncated_files_give_what_is_there(
    muxer: str, codec: str, decoder: Decoder, sine: Callable[..., np.ndarray], mux: Callable[..., bytes]
) -> None:
    data = mux(muxer, codec, sine(48_000, 4))
    clip = await decoder.decode(data[: len(data) // 2], None, LIMITS)
    assert 0.5 < clip.source.duration_seconds < 3
    assert clip.source.cut_short


async def test_a_truncated_mp4_has_lost_its_index(
    decoder: Decoder, sine: Callable[..., np.ndarray], mux: Callable[..., bytes]
) -> None:
    data = mux("ipod", "aac", sine(48_000, 4))
    assert await _reason(decoder, data[: len(data) // 2]) is AudioReason.AUDIO_UNREADABLE


@pytest.mark.parametrize(
    ("muxer", "codec"), [("adts", "aac"), ("ipod", "aac"), ("mpegts", "aac"), ("flv", "aac"), ("mp3", "libmp3lame")]
)
async def test_behind_a_hole_the_file_goes_on_and_the_hole_is_reported(
    muxer: str, codec: str, decoder: Decoder, sine: Callable[..., np.ndarray], mux: Callable[..., bytes]
) -> None:
    data = bytearray(mux(muxer, codec, sine(48_000, 6)))
    whole = await decoder.decode(bytes(data), None, LIMITS)
    assert not whole.source.cut_short
    data[len(data) // 2 : len(data) // 2 + 1500] = bytes(1500)
    clip = await decoder.decode(bytes(data), None, LIMITS)
    assert clip.source.duration_seconds > whole.source.duration_seconds - 0.5
    assert clip.source.cut_short


@pytest.mark.parametrize(("muxer", "codec"), [("adts", "aac"), ("mpegts", "aac"), ("mp3", "libmp3lame")])
async def test_a_broadcast_that_is_joined_late_has_lost_nothing(
    muxer: str, codec: str, decoder: Decoder, sine: Callable[..., np.ndarray], mux: Callable[..., bytes]
) -> None:
    data = mux(muxer, codec, sine(48_000, 6))
    clip = await decoder.decode(data[len(data) // 3 + 7 :], None, LIMITS)
    assert clip.source.duration_seconds > 3
    assert not clip.source.cut_short


async def test_only_the_damaged_frames_of_a_flac_file_are_lost(decoder: Decoder) -> None:
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, 160_000).astype(np.float32)
    data = bytearray(encode_whole(Encoding.FLAC, samples, 16_000))
    whole = await decoder.decode(bytes(data), None, LIMITS)
    for position in range(100_000, 110_000):
        data[position] ^= 0x55
    clip = await decoder.decode(bytes(data), None, LIMITS)
    assert whole.samples.size - clip.samples.size <= 3 * 4096
    assert np.array_equal(clip.samples[-64_000:], whole.samples[-64_000:])
    assert clip.source.cut_short is (clip.samples.size < whole.samples.size)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0xFFFFFFD0, 0x7FFFFFFF, 0x60000000])
async def test_a_header_that_claims_4_gb_is_not_believed(
    size: int, decoder: Decoder, riff: Callable[..., bytes]
) -> None:
    small = dataclasses.replace(LIMITS, memory_bytes=64 * 1024 * 1024, max_bytes=100_000)
    clip = await decoder.decode(riff(b"\0\1" * 800, data_bytes=size, riff_bytes=size), None, small)
    assert clip.samples.size == 800
    assert clip.source.cut_short is (size < 0x7FFF0000)
    before = b"LIST" + struct.pack("<I", size)
    assert await _reason(decoder, riff(b"\0\1" * 800, before=before), small) is AudioReason.AUDIO_UNREADABLE
    assert await _reason(decoder, b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(5000), small) in (
        AudioReason.AUDIO_UNREADABLE,
        AudioReason.AUDIO_EMPTY,
    )
    assert (
        await _reason(decoder, struct.pack(">I", size) + b"ftypM4A " + bytes(5000), small)
        is AudioReason.AUDIO_UNREADABLE
    )


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    value = 0
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value >> (bits - 1) else 0)) & ((1 << bits) - 1)
    return value


def _flac_bomb(hours: float, sample_rate_hz: int = 8_000) -> bytes:
    """FLAC whose frames are 15 bytes for 65,535 samples of silence (RFC 9639)."""
    info = struct.pack(">HH6xQ16x", 65_535, 65_535, sample_rate_hz << 44 | 15 << 36)
    file = [b"fLaC\x80\x00\x00\x22", info]
    for number in range(round(hours * 3600 * sample_rate_hz / 65_535)):
        coded = bytes([number]) if number < 128 else chr(number).encode()
        header = b"\xff\xf8\x70\x08" + coded + struct.pack(">H", 65_534)
        frame = header + bytes([_crc(header, 0x07, 8)]) + b"\x00\x00\x00"
        file.append(frame + struct.pack(">H", _crc(frame, 0x8005, 16)))
    return b"".join(file)


async def test_flac_that_expands_to_12_hours_is_stopped_at_the_limit(decoder: Decoder) -> None:
    bomb = _flac_bomb(12)
    assert len(bomb) < 100_000
    small = dataclasses.replace(LIMITS, memory_bytes=64 * 1024 * 1024)
    assert await _reason(decoder, bomb, small) is AudioReason.AUDIO_TOO_LONG
    clip = await decoder.decode(_flac_bomb(0.1), None, LIMITS)
    assert clip.source.duration_seconds == pytest.approx(360, abs=10)


async def test_rates_and_channels_out_of_bounds_are_refused(decoder: Decoder, riff: Callable[..., bytes]) -> None:
    for rate in (1, 3_999, 192_001, 0xFFFFFFFF):
        assert await _reason(decoder, riff(bytes(32_000), sample_rate_hz=rate)) is AudioReason.AUDIO_FORMAT_REFUSED
    for channels in (9, 64):
        assert (
            await _reason(decoder, riff(bytes(channels * 2 * 100), channels=channels))
            is AudioReason.AUDIO_FORMAT_REFUSED
        )
    assert await _reason(decoder, riff(bytes(65_535 * 2), channels=32_767)) is AudioReason.AUDIO_FORMAT_REFUSED
    for wrong in ({"channels": 0}, {"sample_rate_hz": 0}):
        assert await _reason(decoder, riff(bytes(1000), **wrong)) is AudioReason.AUDIO_UNREADABLE


@pytest.mark.parametrize("encoding", [Encoding.WAV, Encoding.FLAC, Encoding.MP3, Encoding.OGG_OPUS])
async def test_every_cap_holds(encoding: Encoding, decoder: Decoder) -> None:
    data = encode_whole(encoding, SILENCE, 16_000)
    assert await _reason(decoder, data, Limits(max_bytes=len(data) // 2)) is AudioReason.AUDIO_TOO_LARGE
    assert await _reason(decoder, data, Limits(max_seconds=0.5)) is AudioReason.AUDIO_TOO_LONG
    assert await _reason(decoder, data, Limits(min_rate_hz=48_001)) is AudioReason.AUDIO_FORMAT_REFUSED
    assert await _reason(decoder, data, Limits(max_rate_hz=15_999)) is AudioReason.AUDIO_FORMAT_REFUSED
    assert await _reason(decoder, data, Limits(max_channels=0)) is AudioReason.AUDIO_FORMAT_REFUSED
    assert await _reason(decoder, data, Limits(wall_seconds=0.0)) is AudioReason.AUDIO_TOO_SLOW


async def test_processor_time_is_bounded(decoder: Decoder) -> None:
    bomb = _flac_bomb(12, 48_000)
    assert await _reason(decoder, bomb * 4, Limits(max_seconds=1e9, cpu_seconds=1), 192_000) in (
        AudioReason.AUDIO_TOO_SLOW,
        AudioReason.AUDIO_UNREADABLE,
    )


async def test_memory_is_bounded(decoder: Decoder, sine: Callable[..., np.ndarray], mux: Callable[..., bytes]) -> None:
    """An AIFF file is kept as a whole; one block of WAV might find room in what the process has freed."""
    starved = Limits(max_bytes=7_000_000, memory_bytes=-6_900_000)
    aiff = mux("aiff", "pcm_s16be", sine(48_000, 60))
    assert await _reason(decoder, aiff, starved) in (AudioReason.AUDIO_TOO_LARGE, AudioReason.AUDIO_UNREADABLE)


def _damaged(rng: np.random.Generator, data: bytes) -> bytes:
    damaged = bytearray(data[: rng.integers(1, len(data) + 1)] if rng.random() < 0.3 else data)
    reach = min(len(damaged), int(rng.choice([64, 512, len(data)])))
    for position in rng.integers(0, reach, rng.integers(1, 20)):
        damaged[position] = rng.choice([0, 0xFF, 0x7F, 0x80, int(rng.integers(256))])
    return bytes(damaged)


async def test_random_bytes_behind_every_magic_do_no_harm(decoder: Decoder) -> None:
    starts = [
        b"",
        b"RIFF\xff\xff\xff\xffWAVE",
        b"fLaC",
        b"OggS\0\2",
        b"ID3\4\0\0\0\0\0\0",
        b"\xff\xfb\x90\0",
        b"\xff\xf1\x50\x80",
        b"\0\0\0\x20ftypM4A ",
        b"\x1a\x45\xdf\xa3",
    ]
    for seed in range(90):
        rng = np.random.default_rng(seed)
        await _decode_or_refuse(decoder, starts[seed % len(starts)] + rng.bytes(int(rng.integers(1, 5000))))


async def test_damaged_files_do_no_harm(
    decoder: Decoder, sine: Callable[..., np.ndarray], mux: Callable[..., bytes], riff: Callable[..., bytes]
) -> None:
    samples = sine(48_000, 0.3)
    files = [
        mux(*form, samples)
        for form in (
            ("flac", "flac"),
            ("mp3", "libmp3lame"),
            ("ogg", "libopus"),
            ("adts", "aac"),
            ("ipod", "aac"),
            ("webm", "libopus"),
        )
    ]
    files.append(riff(bytes(9600)))
    for seed in range(210):
        await _decode_or_refuse(decoder, _damaged(np.random.default_rng(seed), files[seed % len(files)]))


async def _decode_or_refuse(decoder: Decoder, data: bytes) -> None:
    try:
        clip = await decoder.decode(data, 16_000, Limits(max_seconds=60))
    except AudioError as refused:
        if refused.reason is AudioReason.DECODER_UNAVAILABLE:
            raise
    else:
        assert np.isfinite(clip.samples).all()
        assert 0 < clip.samples.size <= 60.2 * 16_000
