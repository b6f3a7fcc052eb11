import io
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_audio.encoding.encoder import encode_whole, open_encoder, wav_header
from voicebox_audio.encoding.encodings import Encoding, supported_rate
from voicebox_audio.g711 import alaw_to_s16le, mulaw_to_s16le
from voicebox_audio.pcm import from_s16le

shares_the_decoder = pytest.mark.asyncio(loop_scope="module")
RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
HEADERLESS = (Encoding.PCM_S16LE, Encoding.MULAW, Encoding.ALAW)
FILES = [encoding for encoding in Encoding if encoding not in HEADERLESS]
# MP3 at 8 kHz: 1,105 samples of delay, and up to 576 to fill the last frame.
PADDING_SECONDS = {
    Encoding.WAV: 0.0,
    Encoding.FLAC: 0.0,
    Encoding.OGG_OPUS: 0.001,
    Encoding.MP3: 0.21,
    Encoding.AAC: 0.26,
}


def _streamed(encoding: Encoding, samples: np.ndarray, sample_rate_hz: int) -> list[bytes]:
    """What each push of 20 ms gives, and last what finish gives."""
    encoder = open_encoder(encoding, sample_rate_hz)
    step = sample_rate_hz // 50
    pushes = [encoder.push(samples[start : start + step]) for start in range(0, samples.size, step)]
    return [*pushes, encoder.finish()]


@shares_the_decoder
@pytest.mark.parametrize("encoding", FILES)
async def test_what_is_streamed_decodes_back(
    encoding: Encoding, decoder: Decoder, sine: Callable[..., np.ndarray], frequency: Callable[..., float]
) -> None:
    for rate in filter(lambda rate: supported_rate(encoding, rate), RATES):
        samples = sine(rate, 1.503)
        for data in (b"".join(_streamed(encoding, samples, rate)), encode_whole(encoding, samples, rate)):
            clip = await decoder.decode(data, rate, Limits())
            assert 0 <= clip.samples.size - samples.size <= PADDING_SECONDS[encoding] * rate + 1
            assert frequency(clip.samples, rate) == pytest.approx(440, abs=2)
            assert clip.source.sample_rate_hz == (48_000 if encoding is Encoding.OGG_OPUS else rate)
            assert not clip.source.cut_short


@shares_the_decoder
@pytest.mark.parametrize("encoding", [Encoding.WAV, Encoding.FLAC])
async def test_lossless_files_hold_the_very_samples(encoding: Encoding, decoder: Decoder) -> None:
    samples = from_s16le(np.random.default_rng(0).integers(-32768, 32767, 20_000).astype("<i2").tobytes())
    for data in (b"".join(_streamed(encoding, samples, 16_000)), encode_whole(encoding, samples, 16_000)):
        assert np.array_equal((await decoder.decode(data, None, Limits())).samples, samples)


def test_pcm_is_the_samples_and_nothing_else() -> None:
    samples = np.linspace(-1, 1, 4000, dtype=np.float32)
    assert np.allclose(from_s16le(b"".join(_streamed(Encoding.PCM_S16LE, samples, 16_000))), samples, atol=1 / 32768)
    assert encode_whole(Encoding.PCM_S16LE, samples, 16_000) == b"".join(_streamed(Encoding.PCM_S16LE, samples, 16_000))


@pytest.mark.parametrize(
    ("encoding", "law"), [(Encoding.MULAW, mulaw_to_s16le), (Encoding.ALAW, alaw_to_s16le)], ids=["mulaw", "alaw"]
)
def test_telephone_audio_is_a_byte_for_each_sample(encoding: Encoding, law: Callable[[bytes], bytes]) -> None:
    samples = np.linspace(-0.9, 0.9, 4000, dtype=np.float32)
    streamed = b"".join(_streamed(encoding, samples, 8_000))
    assert streamed == encode_whole(encoding, samples, 8_000)
    assert len(streamed) == samples.size
    assert np.allclose(from_s16le(law(streamed)), samples, atol=0.02)


@pytest.mark.parametrize(
    ("encoding", "pushes"),
    [
        (Encoding.PCM_S16LE, 1),
        (Encoding.WAV, 1),
        (Encoding.FLAC, 6),
        (Encoding.MP3, 7),
        (Encoding.AAC, 7),
        (Encoding.OGG_OPUS, 21),
    ],
)
def test_bytes_come_soon_and_often(encoding: Encoding, pushes: int, sine: Callable[..., np.ndarray]) -> None:
    """Within so many pushes of 20 ms there are ever new bytes."""
    given = [bool(data) for data in _streamed(encoding, sine(16_000, 3), 16_000)[1:-1]]
    assert all(any(given[start : start + pushes]) for start in range(len(given) - pushes))
    assert len(_streamed(encoding, sine(16_000, 3), 16_000)[0]) > (600 if pushes == 1 else -1)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_finishing_without_audio_is_no_error(encoding: Encoding) -> None:
    assert isinstance(open_encoder(encoding, 16_000).finish(), bytes)
    encoder = open_encoder(encoding, 16_000)
    assert isinstance(encoder.push(np.zeros(0, np.float32)) + encoder.finish(), bytes)
    assert isinstance(encode_whole(encoding, np.zeros(0, np.float32), 16_000), bytes)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_pieces_of_odd_sizes_are_taken(encoding: Encoding, sine: Callable[..., np.ndarray]) -> None:
    encoder = open_encoder(encoding, 24_000)
    samples = sine(24_000, 1)
    for start, end in [(0, 1), (1, 2), (2, 1000), (1000, 1000), (1000, 24_000)]:
        encoder.push(samples[start:end])
    encoder.finish()


@shares_the_decoder
@pytest.mark.parametrize("encoding", [Encoding.FLAC, Encoding.OGG_OPUS, Encoding.MP3, Encoding.AAC])
async def test_too_loud_samples_are_clipped_not_wrapped(
    encoding: Encoding, decoder: Decoder, sine: Callable[..., np.ndarray]
) -> None:
    samples = 4 * sine(48_000, 0.5)
    clip = await decoder.decode(encode_whole(encoding, samples, 48_000), None, Limits())
    assert np.corrcoef(np.clip(samples, -1, 1)[4800:19200], _aligned(clip.samples, samples)[4800:19200])[0, 1] > 0.97


def _aligned(decoded: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """The decoded samples without the encoder's delay, at most one period of 440 Hz of which matters."""
    shifts = range(0, 110)
    return decoded[max(shifts, key=lambda shift: float(np.dot(decoded[shift : shift + 9600], samples[:9600]))) :]


@pytest.mark.parametrize(
    ("encoding", "rate"),
    [
        (Encoding.OGG_OPUS, 44_100),
        (Encoding.OGG_OPUS, 22_050),
        (Encoding.MP3, 96_000),
        (Encoding.WAV, 7),
        (Encoding.FLAC, 1_000_000_000),
    ],
)
def test_a_rate_that_cannot_be_written_is_refused(encoding: Encoding, rate: int) -> None:
    assert not supported_rate(encoding, rate)
    with pytest.raises(ValueError, match=str(rate)):
        open_encoder(encoding, rate)
    with pytest.raises(ValueError, match=str(rate)):
        encode_whole(encoding, np.zeros(10, np.float32), rate)


def test_headers_of_whole_files_contain_the_length(sine: Callable[..., np.ndarray]) -> None:
    samples = sine(16_000, 1)
    for encoding in (Encoding.WAV, Encoding.FLAC):
        assert soundfile.info(io.BytesIO(encode_whole(encoding, samples, 16_000))).frames == samples.size


def test_a_streamed_wav_header_claims_the_greatest_length() -> None:
    header = wav_header(16_000, None)
    assert len(header) == 44
    assert header[4:8] == header[40:44] == b"\xff\xff\xff\xff"


def test_every_encoding_has_a_type_and_a_suffix() -> None:
    assert len({encoding.content_type for encoding in Encoding}) == len(Encoding)
    assert len({encoding.suffix for encoding in Encoding}) == len(Encoding)


def test_pcm_and_wav_load_no_codec_library() -> None:
    code = (
        "import sys; from voicebox_audio.encoding.encoder import *; open_encoder(Encoding.WAV, 16000); sys.exit('av' "
        "in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
