"""Channels that are asked for one by one."""

import io
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.errors import AudioError, AudioReason
from voicebox_audio.resample import Resampler

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits()
TONES_HZ = (440.0, 1000.0)


@pytest.fixture(scope="module")
def stereo(sine: Callable[..., NDArray[np.float32]]) -> Callable[[str, str], bytes]:
    """stereo(format, subtype): two seconds at 44.1 kHz with a tone of its own in each channel."""

    def stereo(form: str, subtype: str) -> bytes:
        file = io.BytesIO()
        soundfile.write(
            file, np.stack([sine(44_100, 2.0, hz) for hz in TONES_HZ], axis=1), 44_100, subtype=subtype, format=form
        )
        return file.getvalue()

    return stereo


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "PCM_24"),
        ("WAV", "FLOAT"),
        ("FLAC", "PCM_16"),
        ("FLAC", "PCM_24"),
        ("MP3", "MPEG_LAYER_III"),
        ("OGG", "VORBIS"),
    ],
)
async def test_each_channel_has_its_own_audio(
    form: str, subtype: str, decoder: Decoder, stereo: Callable[[str, str], bytes], frequency: Callable[..., float]
) -> None:
    clip = await decoder.decode(stereo(form, subtype), 16_000, LIMITS, separate=True)
    assert clip.samples.shape == (pytest.approx(32_000, abs=1_000), 2)
    assert [frequency(channel, 16_000) for channel in clip.samples.T] == pytest.approx(TONES_HZ, abs=1)
    assert clip.source.duration_seconds == pytest.approx(2.0, abs=0.06)
    for channel, other in zip(clip.samples.T, reversed(TONES_HZ), strict=True):
        spectrum = np.abs(np.fft.rfft(channel * np.hanning(channel.size)))
        assert spectrum[round(other * channel.size / 16_000)] < 0.02 * spectrum.max()


async def test_it_is_the_same_audio_as_mixed(decoder: Decoder, stereo: Callable[[str, str], bytes]) -> None:
    for form, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III")):
        data = stereo(form, subtype)
        separate = (await decoder.decode(data, 16_000, LIMITS, separate=True)).samples
        mixed = (await decoder.decode(data, 16_000, LIMITS)).samples
        assert mixed.shape == (len(separate),)
        assert np.allclose(separate.mean(axis=1), mixed, atol=1e-5)


async def test_one_channel_is_one_column(
    decoder: Decoder, sine: Callable[..., NDArray[np.float32]], mux: Callable[..., bytes]
) -> None:
    for muxer, codec in (("wav", "pcm_s16le"), ("flac", "flac"), ("ogg", "libopus")):
        clip = await decoder.decode(mux(muxer, codec, sine(48_000, 1.0)), 16_000, LIMITS, separate=True)
        assert clip.samples.shape == (pytest.approx(16_000, abs=800), 1)


@pytest.mark.parametrize("channels", [3, 8])
async def test_many_channels_keep_their_order(channels: int, decoder: Decoder, riff: Callable[..., bytes]) -> None:
    levels = np.arange(1, channels + 1, dtype="<i2") * 1000
    clip = await decoder.decode(riff(np.tile(levels, 40_000).tobytes(), channels=channels), None, LIMITS, separate=True)
    assert clip.samples.shape == (40_000, channels)
    assert np.allclose(clip.samples, levels / 32768)


async def test_more_channels_than_allowed_are_refused(decoder: Decoder, riff: Callable[..., bytes]) -> None:
    with pytest.raises(AudioError) as caught:
        await decoder.decode(riff(bytes(900), channels=9), None, LIMITS, separate=True)
    assert caught.value.reason == AudioReason.AUDIO_FORMAT_REFUSED


async def test_seconds_are_counted_by_frames(decoder: Decoder, riff: Callable[..., bytes]) -> None:
    second = bytes(2 * 8 * 16_000)
    assert (
        await decoder.decode(riff(second, channels=8), None, Limits(max_seconds=1.0), separate=True)
    ).source.duration_seconds == 1.0
    with pytest.raises(AudioError) as caught:
        await decoder.decode(riff(second + second, channels=8), None, Limits(max_seconds=1.5), separate=True)
    assert caught.value.reason == AudioReason.AUDIO_TOO_LONG


async def test_a_file_whose_channels_change_is_mixed_or_refused(
    decoder: Decoder,
    stereo: Callable[[str, str], bytes],
    sine: Callable[..., NDArray[np.float32]],
    mux: Callable[..., bytes],
) -> None:
    changing = stereo("MP3", "MPEG_LAYER_III") + mux(
        "mp3", "libmp3lame", sine(44_100, 1.0), 44_100, id3v2_version="0", write_xing="0"
    )
    assert (await decoder.decode(changing, 16_000, LIMITS)).samples.size > 40_000
    with pytest.raises(AudioError, match="from 2 to 1 channels") as caught:
        await decoder.decode(changing, 16_000, LIMITS, separate=True)
    assert caught.value.reason == AudioReason.AUDIO_FORMAT_REFUSED


async def test_live_channels_stay_whole_however_the_bytes_are_cut(decoder: Decoder, riff: Callable[..., bytes]) -> None:
    frames = np.stack([np.full(320, 8192), np.full(320, -8192)], axis=1).astype("<i2").tobytes()
    sound = np.concatenate([piece async for piece in decoder.stream(_cut(frames, riff), None, LIMITS, separate=True)])
    assert sound.shape == (1600, 2)
    assert (sound == [0.25, -0.25]).all()


async def _cut(frames: bytes, riff: Callable[..., bytes]) -> AsyncIterator[bytes]:
    yield riff(b"", channels=2, data_bytes=0xFFFFFFFF)
    for _ in range(5):
        yield frames[:7]
        yield frames[7:]


async def test_a_resampler_keeps_channels_apart(sine: Callable[..., NDArray[np.float32]]) -> None:
    frames = np.stack([sine(44_100, 1.0, hz) for hz in TONES_HZ], axis=1)
    several = Resampler(44_100, 16_000, 2)
    together = np.concatenate([several.push(piece) for piece in np.array_split(frames, 37)] + [several.finish()])
    for column, channel in zip(together.T, frames.T, strict=True):
        alone = Resampler(44_100, 16_000)
        assert np.allclose(
            column, np.concatenate([alone.push(np.ascontiguousarray(channel)), alone.finish()]), atol=1e-6
        )
    same = Resampler(16_000, 16_000, 2)
    assert same.push(frames) is frames
    assert same.finish().shape == (0, 2)
