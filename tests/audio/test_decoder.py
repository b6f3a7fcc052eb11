"""Files that are right, in every form that is read."""

import asyncio
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile
from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.encoding.encoder import encode_whole
from voicebox_audio.encoding.encodings import Encoding

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits()


@pytest.mark.parametrize(
    ("subtype", "codec", "accuracy"),
    [
        ("PCM_U8", "pcm_u8", 1 / 100),
        ("PCM_16", "pcm_s16le", 1 / 30_000),
        ("PCM_24", "pcm_s24le", 1e-6),
        ("PCM_32", "pcm_s32le", 1e-6),
        ("FLOAT", "pcm_f32le", 1e-7),
        ("DOUBLE", "pcm_f64le", 1e-7),
        ("ULAW", "pcm_mulaw", 0.02),
        ("ALAW", "pcm_alaw", 0.02),
    ],
)
@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
async def test_wav_of_every_kind(
    form: str, subtype: str, codec: str, accuracy: float, decoder: Decoder, sine: Callable[..., np.ndarray]
) -> None:
    samples = sine(16_000, 0.5)
    file = io.BytesIO()
    soundfile.write(file, np.stack([samples, samples * 0.5], axis=1), 16_000, subtype=subtype, format=form)
    clip = await decoder.decode(file.getvalue(), None, LIMITS)
    assert (clip.source.container, clip.source.codec, clip.source.channel_count) == ("wav", codec, 2)
    assert clip.samples.size == samples.size
    assert np.allclose(clip.samples, samples * 0.75, atol=accuracy)
    assert clip.source.duration_seconds == 0.5
    assert not clip.source.cut_short


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW"])
async def test_g711_decodes_to_the_very_values(subtype: str, decoder: Decoder, riff: Callable[..., bytes]) -> None:
    codes = bytes(range(256))
    data = riff(codes, bits=8, tag=7 if subtype == "ULAW" else 6)
    expected, _ = soundfile.read(
        io.BytesIO(codes), channels=1, samplerate=16_000, subtype=subtype, format="RAW", dtype="float32"
    )
    assert np.array_equal((await decoder.decode(data, None, LIMITS)).samples, expected)


@pytest.mark.parametrize(
    ("muxer", "codec", "container"),
    [
        ("ogg", "libopus", "ogg"),
        ("mp3", "libmp3lame", "mp3"),
        ("adts", "aac", "aac"),
        ("ipod", "aac", "mp4"),
        ("mp4", "alac", "mp4"),
        ("webm", "libopus", "webm"),
        ("matroska", "flac", "webm"),
        ("flac", "flac", "flac"),
    ],
)
async def test_compressed_files(
    muxer: str,
    codec: str,
    container: str,
    decoder: Decoder,
    sine: Callable[..., np.ndarray],
    frequency: Callable[..., float],
    mux: Callable[..., bytes],
) -> None:
    samples = sine(48_000, 2)
    clip = await decoder.decode(mux(muxer, codec, samples), 16_000, LIMITS)
    assert clip.source.container == container
    assert clip.source.codec == codec.removeprefix("lib").removesuffix("lame")
    assert clip.samples.size == pytest.approx(32_000, abs=1600)
    assert frequency(clip.samples, 16_000) == pytest.approx(440, abs=1)
    assert not clip.source.cut_short


@pytest.mark.parametrize(
    ("format_", "subtype"), [("OGG", "VORBIS"), ("FLAC", "PCM_24"), ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III")]
)
async def test_what_libsndfile_writes(
    format_: str, subtype: str, decoder: Decoder, sine: Callable[..., np.ndarray]
) -> None:
    samples = sine(44_100, 2)
    file = io.BytesIO()
    soundfile.write(file, np.stack([samples, samples], axis=1), 44_100, subtype=subtype, format=format_)
    clip = await decoder.decode(file.getvalue(), None, LIMITS)
    assert clip.samples.size == pytest.approx(samples.size, abs=2500)
    assert clip.source.channel_count == 2
    if format_ == "FLAC":
        assert np.allclose(clip.samples, samples, atol=1 / 30_000)


async def test_the_audio_of_a_film_is_taken(
    decoder: Decoder, sine: Callable[..., np.ndarray], mux: Callable[..., bytes]
) -> None:
    for muxer in ("mp4", "matroska"):
        clip = await decoder.decode(mux(muxer, "aac", sine(48_000, 1), video=True), 16_000, LIMITS)
        assert clip.samples.size == pytest.approx(16_000, abs=1000)


async def test_an_mp4_with_its_index_in_front(
    decoder: Decoder, sine: Callable[..., np.ndarray], mux: Callable[..., bytes]
) -> None:
    clip = await decoder.decode(
        mux("mp4", "aac", sine(48_000, 1), movflags="frag_every_frame+empty_moov+default_base_moof"), None, LIMITS
    )
    assert clip.samples.size == pytest.approx(48_000, abs=3000)


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 96_000, 192_000])
async def test_any_rate_becomes_the_requested_one(
    rate: int,
    decoder: Decoder,
    sine: Callable[..., np.ndarray],
    frequency: Callable[..., float],
    riff: Callable[..., bytes],
) -> None:
    data = riff((sine(rate, 1.0) * 32767).astype("<i2").tobytes(), sample_rate_hz=rate)
    clip = await decoder.decode(data, 16_000, LIMITS)
    assert abs(clip.samples.size - 16_000) <= 1
    assert frequency(clip.samples, 16_000) == pytest.approx(440, abs=1)
    assert clip.source.sample_rate_hz == rate
    assert (await decoder.decode(data, None, LIMITS)).sample_rate_hz == rate


@pytest.mark.parametrize(
    "sizes",
    [
        {"data_bytes": 0xFFFFFFFF},
        {"data_bytes": 0, "riff_bytes": 0},
        {"data_bytes": 0, "riff_bytes": 36},
        {"data_bytes": 0x7FFFFFFF},
    ],
)
async def test_a_wav_header_from_before_the_length_was_known(
    sizes: dict[str, int], decoder: Decoder, riff: Callable[..., bytes]
) -> None:
    clip = await decoder.decode(riff(b"\0\1" * 8000, **sizes), None, LIMITS)
    assert clip.samples.size == 8000
    assert not clip.source.cut_short


async def test_chunks_around_the_audio_are_passed_over(decoder: Decoder, riff: Callable[..., bytes]) -> None:
    data = riff(b"\0\1" * 8000, before=b"LIST\x03\0\0\0abc\0" + b"bext\x04\0\0\0abcd") + b"LIST\x04\0\0\0abcd"
    assert (await decoder.decode(data, None, LIMITS)).samples.size == 8000


async def test_nan_and_infinity_become_audio(decoder: Decoder, riff: Callable[..., bytes]) -> None:
    wild = np.tile(np.array([np.nan, np.inf, -np.inf, 1e30, 0.25], "<f4"), 1000)
    clip = await decoder.decode(riff(wild.tobytes(), bits=32, tag=3), 8_000, LIMITS)
    assert np.isfinite(clip.samples).all()
    assert np.abs(clip.samples).max() < 2


async def test_many_files_at_once(decoder: Decoder, sine: Callable[..., np.ndarray]) -> None:
    files = [encode_whole(list(Encoding)[1 + n % 4], sine(48_000, 0.2 + n / 100), 48_000) for n in range(24)]
    clips = await asyncio.gather(*(decoder.decode(data, 16_000, LIMITS) for data in files))
    for n, clip in enumerate(clips):
        assert clip.samples.size == pytest.approx(16_000 * (0.2 + n / 100), abs=900)


async def test_samples_may_be_written_to(decoder: Decoder, riff: Callable[..., bytes]) -> None:
    clip = await decoder.decode(riff(b"\0\1" * 100), None, LIMITS)
    clip.samples[0] = 0
    assert "array" not in repr(clip)


async def test_a_rate_that_is_inaudible_is_the_callers_mistake(decoder: Decoder) -> None:
    with pytest.raises(ValueError, match="0 Hz"):
        await decoder.decode(b"RIFF", 0, LIMITS)


async def test_real_recordings(decoder: Decoder, speech_data: Any) -> None:
    for path in sorted(speech_data.folder.iterdir()):
        if path.suffix in (".wav", ".flac", ".mp3", ".ogg"):
            clip = await decoder.decode(path.read_bytes(), 16_000, LIMITS)
            assert clip.samples.size == pytest.approx(clip.source.duration_seconds * 16_000, abs=2)
            assert not clip.source.cut_short
