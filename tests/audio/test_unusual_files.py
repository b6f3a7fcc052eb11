"""Samples beyond full scale, files of several kinds joined, files that are cut off, and headers without a length."""

import io
import re
import struct
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
import soundfile
from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.errors import AudioError, AudioReason
from voicebox_audio.formats.ffmpeg import _DEMUXERS
from voicebox_audio.formats.mpeg import FrameWalk
from voicebox_audio.formats.sniff import NAMES

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits()
Sine = Callable[..., np.ndarray]
Mux = Callable[..., bytes]
Riff = Callable[..., bytes]


def floats(samples: np.ndarray, riff: Riff, bits: int = 32) -> bytes:
    return riff(samples.astype(f"<f{bits // 8}").tobytes(), bits=bits, tag=3)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("scale", [4.0, 2.0**15, 2.0**31, 1e30])
async def test_float_samples_far_beyond_full_scale_are_reported(
    bits: int, scale: float, decoder: Decoder, sine: Sine, riff: Riff
) -> None:
    source = (await decoder.decode(floats(sine(16_000, 1) * scale, riff, bits), None, LIMITS)).source
    assert source.is_over_full_scale
    assert source.peak == pytest.approx(0.5 * scale, rel=0.01)
    assert source.not_numbers == 0


@pytest.mark.parametrize("form", ["AIFF", "CAF", "AU"])
async def test_other_float_files_are_measured_too(form: str, decoder: Decoder, sine: Sine) -> None:
    file = io.BytesIO()
    soundfile.write(file, sine(16_000, 1) * 1000.0, 16_000, format=form, subtype="FLOAT")
    assert (await decoder.decode(file.getvalue(), None, LIMITS)).source.is_over_full_scale


@pytest.mark.parametrize("scale", [0.001, 1.0, 2.0, 2.004])
async def test_samples_within_full_scale_or_a_hair_beyond_are_ordinary(
    scale: float, decoder: Decoder, sine: Sine, riff: Riff
) -> None:
    assert not (await decoder.decode(floats(sine(16_000, 1) * scale, riff), None, LIMITS)).source.is_over_full_scale


@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("separate", [False, True])
async def test_what_is_no_number_is_counted(
    wild: float, bits: int, separate: bool, decoder: Decoder, sine: Sine, riff: Riff
) -> None:
    samples = sine(16_000, 1)
    samples[1000:8000:70] = wild
    clip = await decoder.decode(floats(samples, riff, bits), None, LIMITS, separate=separate)
    assert clip.source.not_numbers == (100 if bits == 32 or np.isnan(wild) else 0) or clip.source.is_over_full_scale
    assert np.isfinite(clip.samples).all()


def joinable(samples: np.ndarray, mux: Mux, riff: Riff) -> dict[str, bytes]:
    aiff = io.BytesIO()
    soundfile.write(aiff, samples, 48_000, format="AIFF", subtype="PCM_16")
    return {
        "wav": riff((samples * 32767).astype("<i2").tobytes(), 48_000),
        "adpcm wav": mux("wav", "adpcm_ms", samples),
        "aiff": aiff.getvalue(),
        "mp3": mux("mp3", "libmp3lame", samples),
        "flac": mux("flac", "flac", samples),
        "ogg": mux("ogg", "libopus", samples),
        "ogg flac": mux("ogg", "flac", samples),
        "mp4": mux("mp4", "aac", samples),
        "webm": mux("webm", "libopus", samples),
    }


KINDS = ("wav", "aiff", "mp3", "flac", "ogg", "mp4")


@pytest.mark.parametrize(
    "kinds", [*permutations(KINDS, 2), ("aiff", "aiff"), ("adpcm wav", "mp3"), ("ogg flac", "wav"), ("mp3", "webm")]
)
async def test_files_of_any_two_kinds_that_are_joined_are_read_to_the_end(
    kinds: tuple[str, str], decoder: Decoder, sine: Sine, mux: Mux, riff: Riff
) -> None:
    first, second = joinable(sine(48_000, 2), mux, riff)[kinds[0]], joinable(sine(48_000, 3, 880), mux, riff)[kinds[1]]
    clip = await decoder.decode(first + second, 16_000, LIMITS)
    assert clip.samples.size / 16_000 == pytest.approx(5, abs=0.3)
    assert np.argmax(np.abs(np.fft.rfft(clip.samples[-32_000:]))) / 2 == pytest.approx(880, abs=3)


@pytest.mark.parametrize("kind", ["mp3", "ogg flac", "flac", "aiff", "adpcm wav"])
async def test_one_file_by_itself_is_not_taken_for_two(
    kind: str, decoder: Decoder, sine: Sine, mux: Mux, riff: Riff
) -> None:
    clip = await decoder.decode(joinable(sine(48_000, 3), mux, riff)[kind], 16_000, LIMITS)
    assert clip.samples.size / 16_000 == pytest.approx(3, abs=0.2)
    assert not clip.source.cut_short


@pytest.mark.parametrize("rate", [48_000, 22_050, 8_000])
@pytest.mark.parametrize("write_xing", ["1", "0"])
@pytest.mark.parametrize("kind", [("mp3", "libmp3lame"), ("mp2", "mp2")])
async def test_mpeg_audio_that_is_cut_off_says_so(
    kind: tuple[str, str], write_xing: str, rate: int, decoder: Decoder, sine: Sine, mux: Mux
) -> None:
    if kind[0] == "mp2" and rate == 8_000:
        rate = 16_000  # MPEG 2.5 is for layer III alone
    options = {"write_xing": write_xing} if kind[0] == "mp3" else {}
    whole = mux(*kind, sine(rate, 4), rate, **options)
    assert not (await decoder.decode(whole, None, LIMITS)).source.cut_short
    assert not (await decoder.decode(whole + b"TAG" + bytes(125), None, LIMITS)).source.cut_short
    assert (await decoder.decode(whole[: len(whole) // 2 + 5], None, LIMITS)).source.cut_short


async def test_adts_that_is_cut_off_says_so(decoder: Decoder, sine: Sine, mux: Mux) -> None:
    whole = mux("adts", "aac", sine(48_000, 4))
    assert not (await decoder.decode(whole, None, LIMITS)).source.cut_short
    assert (await decoder.decode(whole[: len(whole) // 2 + 5], None, LIMITS)).source.cut_short


async def test_an_mp3_that_is_cut_between_frames_is_reported_by_its_count(
    decoder: Decoder, sine: Sine, mux: Mux
) -> None:
    whole = mux("mp3", "libmp3lame", sine(48_000, 4), id3v2_version="0")
    walk = FrameWalk()
    ends = []
    for at in range(len(whole)):
        walk.push(whole[at : at + 1])
        if walk.is_whole:
            ends.append(at)
    assert (await decoder.decode(whole[: ends[len(ends) // 2] + 1], None, LIMITS)).source.cut_short


@pytest.mark.parametrize("length", [0, 8, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("form_length", [None, 0, 0xFFFFFFFF])
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
async def test_aiff_whose_writer_did_not_know_its_length(
    length: int, form_length: int | None, subtype: str, decoder: Decoder, sine: Sine, frequency: Callable[..., float]
) -> None:
    file = io.BytesIO()
    soundfile.write(file, sine(16_000, 2), 16_000, format="AIFF", subtype=subtype)
    data = bytearray(file.getvalue())
    at, comm = data.index(b"SSND"), data.index(b"COMM")
    data[at + 4 : at + 8] = struct.pack(">I", length)
    data[comm + 10 : comm + 14] = bytes(4)
    data[4:8] = data[4:8] if form_length is None else struct.pack(">I", form_length)
    clip = await decoder.decode(bytes(data), None, LIMITS)
    assert clip.samples.size / 16_000 == pytest.approx(2, abs=0.1)
    assert frequency(clip.samples, 16_000) == pytest.approx(440, abs=3)
    assert not clip.source.cut_short


@pytest.mark.parametrize(("bits", "subtype"), [(16, "PCM_16"), (24, "PCM_24"), (32, "FLOAT")])
async def test_big_endian_wav(
    bits: int, subtype: str, decoder: Decoder, sine: Sine, frequency: Callable[..., float]
) -> None:
    file = io.BytesIO()
    soundfile.write(file, sine(16_000, 2), 16_000, format="WAV", subtype=subtype, endian="BIG")
    assert file.getvalue().startswith(b"RIFX")
    clip = await decoder.decode(file.getvalue(), None, LIMITS)
    assert clip.samples.size / 16_000 == pytest.approx(2, abs=0.05)
    assert frequency(clip.samples, 16_000) == pytest.approx(440, abs=3)
    assert (await decoder.decode(file.getvalue()[:20_000], None, LIMITS)).source.cut_short


@pytest.mark.parametrize("tag", [0xFF, 0x1600, 0x706D])
async def test_aac_in_wav_is_read_where_its_frames_can_be_found(
    tag: int, decoder: Decoder, sine: Sine, mux: Mux, riff: Riff, frequency: Callable[..., float]
) -> None:
    clip = await decoder.decode(riff(mux("adts", "aac", sine(48_000, 2)), 48_000, tag=tag), None, LIMITS)
    assert (clip.source.container, clip.source.codec) == ("wav", "aac")
    assert frequency(clip.samples, clip.sample_rate_hz) == pytest.approx(440, abs=3)


async def test_other_aac_in_wav_is_refused_by_name(decoder: Decoder, sine: Sine, mux: Mux) -> None:
    with pytest.raises(AudioError, match="AAC") as error:
        await decoder.decode(mux("wav", "aac", sine(48_000, 1)), None, LIMITS)
    assert error.value.reason is AudioReason.AUDIO_FORMAT_REFUSED


async def test_the_refusal_of_what_is_no_audio_names_all_that_is_read(decoder: Decoder) -> None:
    assert set(NAMES) == {*_DEMUXERS, "flac"}
    with pytest.raises(AudioError) as error:
        await decoder.decode(b"The quick brown fox. " * 100, None, LIMITS)
    assert all(name in error.value.sentence for name in NAMES.values())


@pytest.mark.parametrize(
    "kind", [("avi", "pcm_s16le"), ("avi", "libmp3lame"), ("caf", "pcm_s16be"), ("mpegts", "aac"), ("wv", "wavpack")]
)
async def test_other_files_that_are_cut_off_say_so(
    kind: tuple[str, str], decoder: Decoder, sine: Sine, mux: Mux
) -> None:
    whole = mux(*kind, sine(48_000, 4))
    assert not (await decoder.decode(whole, None, LIMITS)).source.cut_short
    assert (await decoder.decode(whole[: len(whole) * 3 // 5 + 7], None, LIMITS)).source.cut_short


async def test_an_ogg_file_with_missing_pages_says_so(decoder: Decoder, sine: Sine, mux: Mux) -> None:
    whole = mux("ogg", "libopus", sine(48_000, 10), page_duration="200000")
    pages = [found.start() for found in re.finditer(b"OggS", whole)]
    holed = whole[: pages[10]] + whole[pages[14] :]
    assert not (await decoder.decode(whole, None, LIMITS)).source.cut_short
    assert (await decoder.decode(holed, None, LIMITS)).source.cut_short


async def test_a_transport_stream_with_missing_packets_says_so(decoder: Decoder, sine: Sine, mux: Mux) -> None:
    whole = mux("mpegts", "aac", sine(48_000, 4))
    middle = len(whole) // 188 // 2 * 188
    assert (await decoder.decode(whole[:middle] + whole[middle + 188 * 20 :], None, LIMITS)).source.cut_short


async def test_wavpack_files_that_are_joined_are_read_to_the_end(decoder: Decoder, sine: Sine, mux: Mux) -> None:
    first, second = (mux("wv", "wavpack", sine(48_000, 2, frequency)) for frequency in (440, 880))
    clip = await decoder.decode(first + second, 16_000, LIMITS)
    assert clip.samples.size / 16_000 == pytest.approx(4, abs=0.01)
    assert np.argmax(np.abs(np.fft.rfft(clip.samples[-16_000:]))) == pytest.approx(880, abs=3)
    assert not clip.source.cut_short


async def test_an_mp4_file_without_its_index_is_named_as_such(decoder: Decoder, sine: Sine, mux: Mux) -> None:
    whole = mux("mp4", "aac", sine(48_000, 2))
    with pytest.raises(AudioError, match="no index"):
        await decoder.decode(whole[: whole.index(b"moov") - 4], None, LIMITS)
