"""Files as other programs write them: more formats, bytes before the first frame, wrong lengths, files joined by
`cat`.
"""

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from voicebox_audio.decoding.decoder import DecodedFile, Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.encoding.encoder import encode_whole
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.errors import AudioError, AudioReason

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits()
Sine = Callable[..., np.ndarray]
Mux = Callable[..., bytes]
Riff = Callable[..., bytes]


def by_libsndfile(samples: np.ndarray, sample_rate_hz: int, form: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate_hz, format=form, subtype=subtype)
    return file.getvalue()


def is_the_sine(clip: DecodedFile, seconds: float, frequency: Callable[..., float]) -> bool:
    return (
        abs(clip.samples.size / clip.sample_rate_hz - seconds) < 0.15
        and abs(frequency(clip.samples, clip.sample_rate_hz) - 440) < 3
    )


@pytest.mark.parametrize(
    ("form", "subtype", "container"),
    [
        *(
            ("AIFF", subtype, "aiff")
            for subtype in ("PCM_S8", "PCM_16", "PCM_24", "FLOAT", "ULAW", "ALAW", "IMA_ADPCM")
        ),
        *(("CAF", subtype, "caf") for subtype in ("PCM_16", "PCM_24", "ALAC_16", "ULAW")),
        *(("AU", subtype, "au") for subtype in ("PCM_16", "PCM_24", "ULAW", "FLOAT")),
        *(("WAV", subtype, "wav") for subtype in ("GSM610", "IMA_ADPCM", "MS_ADPCM")),
        ("W64", "PCM_16", "w64"),
        ("NIST", "PCM_16", "nist"),
    ],
)
async def test_formats_that_libsndfile_writes(
    form: str, subtype: str, container: str, decoder: Decoder, sine: Sine, frequency: Callable[..., float]
) -> None:
    clip = await decoder.decode(by_libsndfile(sine(16_000, 2), 16_000, form, subtype), None, LIMITS)
    assert clip.source.container == container
    assert is_the_sine(clip, 2, frequency)
    assert not clip.source.cut_short


@pytest.mark.parametrize(
    ("muxer", "codec", "container"),
    [
        ("mp2", "mp2", "mp3"),
        ("asf", "wmav2", "asf"),
        ("asf", "wmav1", "asf"),
        ("avi", "libmp3lame", "avi"),
        ("avi", "ac3", "avi"),
        ("avi", "pcm_s16le", "avi"),
        ("mpegts", "mp2", "mpegts"),
        ("mpegts", "aac", "mpegts"),
        ("mpegts", "ac3", "mpegts"),
        ("vob", "mp2", "mpeg"),
        ("vob", "ac3", "mpeg"),
        ("matroska", "ac3", "webm"),
        ("matroska", "eac3", "webm"),
        ("matroska", "pcm_s16le", "webm"),
        ("mp4", "ac3", "mp4"),
        ("mov", "pcm_s16be", "mp4"),
        ("flv", "libmp3lame", "flv"),
        ("wav", "mp2", "wav"),
        ("wav", "libmp3lame", "wav"),
        ("wav", "wmav2", "wav"),
        ("ac3", "ac3", "ac3"),
        ("eac3", "eac3", "eac3"),
        ("wv", "wavpack", "wavpack"),
        ("caf", "adpcm_ima_qt", "caf"),
    ],
)
@pytest.mark.parametrize("video", [False, True])
async def test_formats_that_ffmpeg_writes(
    muxer: str,
    codec: str,
    container: str,
    video: bool,
    decoder: Decoder,
    sine: Sine,
    mux: Mux,
    frequency: Callable[..., float],
) -> None:
    pictures = video and muxer in ("avi", "mpegts", "matroska", "mp4", "mov", "asf")
    clip = await decoder.decode(mux(muxer, codec, sine(48_000, 2), video=pictures), None, LIMITS)
    assert clip.source.container == container
    assert is_the_sine(clip, 2, frequency)


@pytest.mark.parametrize(
    ("magic", "codec", "frame"),
    [(b"#!AMR\n", "amrnb", bytes([0x3C, *bytes(31)])), (b"#!AMR-WB\n", "amrwb", bytes([0x44, *bytes(60)]))],
)
async def test_amr(magic: bytes, codec: str, frame: bytes, decoder: Decoder) -> None:
    """Frames of 20 ms in the highest modes, 12.2 and 23.85 kbit/s (RFC 4867, 5.3)."""
    clip = await decoder.decode(magic + frame * 50, None, LIMITS)
    assert (clip.source.container, clip.source.codec) == ("amr", codec)
    assert clip.samples.size / clip.sample_rate_hz == pytest.approx(1.0, abs=0.03)


def id3(size: int = 3000, footer: bool = False) -> bytes:
    packed = bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    return (
        b"ID3\x04\x00"
        + (b"\x10" if footer else b"\x00")
        + packed
        + b"\xff\xfb\x90\x00fLaC" * (size // 8)
        + bytes(size % 8 + 10 * footer)
    )


APE = b"APETAGEX" + struct.pack("<IIII", 2000, 1_000, 1, 0xA0000000) + bytes(8 + 1_000)
BEFORE = {
    "id3": id3(),
    "id3 with a footer": id3(footer=True),
    "two id3": id3() + id3(100),
    "ape": APE,
    "id3 and zeros": id3() + bytes(2_000),
    "zeros": bytes(700),
    "line ends": b"\r\n\r\n",
    "byte order mark": b"\xef\xbb\xbf",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
@pytest.mark.parametrize("kind", ["flac", "mp3", "adts", "ogg", "mp2", "wav", "mp4", "webm"])
async def test_what_stands_before_the_audio_is_passed_over(
    kind: str, before: bytes, decoder: Decoder, sine: Sine, mux: Mux, riff: Riff, frequency: Callable[..., float]
) -> None:
    samples = sine(48_000, 2)
    codec = {
        "flac": "flac",
        "mp3": "libmp3lame",
        "adts": "aac",
        "ogg": "libopus",
        "mp2": "mp2",
        "mp4": "aac",
        "webm": "libopus",
    }.get(kind)
    file = mux(kind, codec, samples) if codec else riff((samples * 32767).astype("<i2").tobytes(), 48_000)
    clip = await decoder.decode(before + file, None, LIMITS)
    assert is_the_sine(clip, 2, frequency)
    assert not clip.source.cut_short


@pytest.mark.parametrize("cut", [1, 100, 417, 1000])
@pytest.mark.parametrize(("muxer", "codec"), [("mp3", "libmp3lame"), ("adts", "aac"), ("mp2", "mp2")])
async def test_a_recording_that_begins_in_the_middle_of_a_frame(
    muxer: str, codec: str, cut: int, decoder: Decoder, sine: Sine, mux: Mux, frequency: Callable[..., float]
) -> None:
    """As whoever tunes in to a broadcast has it."""
    clip = await decoder.decode(mux(muxer, codec, sine(48_000, 2))[cut:], None, LIMITS)
    assert is_the_sine(clip, 2, frequency)


async def test_an_unknown_start_is_searched_for_16_kib_and_no_further(decoder: Decoder, sine: Sine, mux: Mux) -> None:
    file = mux("mp3", "libmp3lame", sine(48_000, 1))
    assert (await decoder.decode(b"x" * 9_000 + file, None, LIMITS)).source.container == "mp3"
    with pytest.raises(AudioError) as error:
        await decoder.decode(b"x" * 17_000 + file, None, LIMITS)
    assert error.value.reason is AudioReason.AUDIO_FORMAT_REFUSED


@pytest.mark.parametrize("seed", range(20))
async def test_random_bytes_are_no_audio(seed: int, decoder: Decoder) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, 40_000, np.uint8).tobytes()
    with pytest.raises(AudioError):
        await decoder.decode(b"\x01" + noise, None, LIMITS)


@pytest.mark.parametrize(
    ("data_bytes", "riff_bytes"),
    [
        (0, 0),
        (0, 36),
        (0, None),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0),
        (0x7FFFFFFF, 36),
        (0, 0xFFFFFFFF),
        (6_400, None),
        (6_400, 6_436),
        (6_401, 6_437),
    ],
)
async def test_a_wav_whose_length_is_too_small_is_read_to_its_end(
    data_bytes: int, riff_bytes: int | None, decoder: Decoder, sine: Sine, riff: Riff
) -> None:
    samples = sine(16_000, 1)
    body = (samples * 32767).astype("<i2").tobytes()
    clip = await decoder.decode(riff(body, data_bytes=data_bytes, riff_bytes=riff_bytes), None, LIMITS)
    assert clip.samples.size == samples.size
    assert not clip.source.cut_short


@pytest.mark.parametrize(
    "after",
    [
        b"LIST\x04\0\0\0INFO",
        b"id3 \x03\0\0\0abc\0",
        b"abcd\x08\0\0\0" + bytes(8),
        b"TAG" + bytes(125),
        b"LIST\xff\xff\0\0INFO",
    ],
)
@pytest.mark.parametrize("odd", [False, True])
async def test_chunks_behind_the_audio_of_a_wav_are_no_audio(
    after: bytes, odd: bool, decoder: Decoder, riff: Riff
) -> None:
    body = b"\x90" * (8_001 if odd else 8_000)
    data = riff(body + b"\0" * odd + after, bits=8, data_bytes=len(body))
    assert (await decoder.decode(data, None, LIMITS)).samples.size == len(body)


@pytest.mark.parametrize("padding", [b"\0", b"x", b""], ids=["zero", "any byte", "left out"])
async def test_an_odd_chunk_before_the_audio_may_lack_its_padding(padding: bytes, decoder: Decoder, riff: Riff) -> None:
    before = b"LIST" + struct.pack("<I", 5) + b"INFOa" + padding
    clip = await decoder.decode(riff(b"\0\1" * 800, before=before), None, LIMITS)
    assert clip.samples.size == 800
    assert not clip.source.cut_short


async def test_zeros_behind_a_whole_wav_are_padding(decoder: Decoder, sine: Sine, riff: Riff) -> None:
    whole = riff((sine(16_000, 1) * 32767).astype("<i2").tobytes())
    assert (await decoder.decode(whole + bytes(100_000), None, LIMITS)).samples.size == 16_000


@pytest.mark.parametrize(("bits", "stored", "dtype"), [(12, 16, "<i2"), (20, 32, "<i4"), (24, 32, "<i4")])
async def test_samples_of_fewer_bits_than_they_are_stored_in(
    bits: int, stored: int, dtype: str, decoder: Decoder, sine: Sine
) -> None:
    samples = sine(16_000, 1)
    body = (samples * (2 ** (stored - 1) - 1)).astype(dtype).tobytes()
    fmt = struct.pack("<HHIIHH", 1, 1, 16_000, 16_000 * stored // 8, stored // 8, bits)
    data = (
        b"RIFF"
        + struct.pack("<I", 36 + len(body))
        + b"WAVEfmt \x10\0\0\0"
        + fmt
        + b"data"
        + struct.pack("<I", len(body))
        + body
    )
    assert np.allclose((await decoder.decode(data, None, LIMITS)).samples, samples, atol=1 / 2_000)


def files(samples: np.ndarray, mux: Mux, riff: Riff, rate: int) -> dict[str, bytes]:
    return {
        "wav": riff((samples * 32767).astype("<i2").tobytes(), rate),
        "wav of unknown length": riff((samples * 32767).astype("<i2").tobytes(), rate),
        "flac": by_libsndfile(samples, rate, "FLAC", "PCM_16"),
        "opus": encode_whole(Encoding.OGG_OPUS, samples, rate),
        "vorbis": by_libsndfile(samples, rate, "OGG", "VORBIS"),
        "mp3": mux("mp3", "libmp3lame", samples, rate),
        "aac": mux("adts", "aac", samples, rate),
        "mp4": mux("ipod", "aac", samples, rate),
        "fragmented mp4": mux("mp4", "aac", samples, rate, movflags="frag_every_frame+empty_moov+default_base_moof"),
        "webm": mux("webm", "libopus", samples, rate),
        "matroska with flac": mux("matroska", "flac", samples, rate),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "wav",
        "wav of unknown length",
        "flac",
        "opus",
        "vorbis",
        "mp3",
        "aac",
        "mp4",
        "fragmented mp4",
        "webm",
        "matroska with flac",
    ],
)
@pytest.mark.parametrize("rates", [(48_000, 48_000), (48_000, 24_000), (16_000, 48_000)])
async def test_joined_files_are_recognised_to_the_end(
    kind: str, rates: tuple[int, int], decoder: Decoder, sine: Sine, mux: Mux, riff: Riff
) -> None:
    """The second one may have another rate, and its pitch shows that it was read correctly."""
    first, second = (
        files(sine(rate, seconds, hz), mux, riff, rate)[kind]
        for rate, seconds, hz in zip(rates, (2, 3), (440, 880), strict=True)
    )
    clip = await decoder.decode(first + second, 16_000, LIMITS)
    assert clip.samples.size / 16_000 == pytest.approx(5, abs=0.3)
    spectrum = np.abs(np.fft.rfft(clip.samples[-32_000:]))
    assert np.argmax(spectrum) / 2 == pytest.approx(880, abs=3)
    assert not clip.source.cut_short


async def test_three_ogg_files_with_different_codecs(decoder: Decoder, sine: Sine) -> None:
    opus, vorbis = (
        encode_whole(Encoding.OGG_OPUS, sine(16_000, 1), 16_000),
        by_libsndfile(sine(16_000, 1), 16_000, "OGG", "VORBIS"),
    )
    clip = await decoder.decode(opus + vorbis + opus, 16_000, LIMITS)
    assert clip.samples.size / 16_000 == pytest.approx(3, abs=0.1)


async def test_a_second_file_that_cannot_be_read_is_reported(decoder: Decoder, sine: Sine, riff: Riff) -> None:
    whole = riff((sine(16_000, 1) * 32767).astype("<i2").tobytes())
    clip = await decoder.decode(whole + whole[:30], None, LIMITS)
    assert clip.samples.size == 16_000
    assert clip.source.cut_short


async def test_joined_files_do_not_pass_the_limits(decoder: Decoder, sine: Sine) -> None:
    one = encode_whole(Encoding.OGG_OPUS, sine(16_000, 2), 16_000)
    with pytest.raises(AudioError) as error:
        await decoder.decode(one * 10, 16_000, Limits(max_seconds=15))
    assert error.value.reason is AudioReason.AUDIO_TOO_LONG


@pytest.mark.parametrize("kinds", [("wav", "flac"), ("wav", "aac"), ("wav", "opus")])
async def test_joined_files_of_different_kinds(
    kinds: tuple[str, str], decoder: Decoder, sine: Sine, mux: Mux, riff: Riff
) -> None:
    made = files(sine(48_000, 2), mux, riff, 48_000)
    clip = await decoder.decode(made[kinds[0]] + made[kinds[1]], 16_000, LIMITS)
    assert clip.samples.size / 16_000 == pytest.approx(4, abs=0.3)


@pytest.mark.parametrize("kind", ["opus", "wav", "flac"])
async def test_a_file_that_is_cut_says_so(kind: str, decoder: Decoder, sine: Sine, mux: Mux, riff: Riff) -> None:
    whole = files(sine(48_000, 4), mux, riff, 48_000)[kind]
    assert not (await decoder.decode(whole, None, LIMITS)).source.cut_short
    assert (await decoder.decode(whole[: len(whole) // 2], None, LIMITS)).source.cut_short


async def test_a_tag_that_ffmpeg_takes_for_another_codec_is_refused(decoder: Decoder, sine: Sine) -> None:
    with pytest.raises(AudioError, match="0x0038") as error:
        await decoder.decode(by_libsndfile(sine(8_000, 1), 8_000, "WAV", "NMS_ADPCM_16"), None, LIMITS)
    assert error.value.reason is AudioReason.AUDIO_FORMAT_REFUSED
