"""A streamed file that is given its length is the file that a reader of whole files expects."""

import io

import numpy as np
import pytest
import soundfile
from voicebox_audio.encoding.encoder import encode_whole, open_encoder
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.encoding.headers import with_length

pytestmark = pytest.mark.unit

TONE = (0.5 * np.sin(np.arange(40_001) / 10)).astype(np.float32)


def streamed(encoding: Encoding) -> bytes:
    encoder = open_encoder(encoding, 16_000)
    return b"".join(encoder.push(TONE[at : at + 1600]) for at in range(0, len(TONE), 1600)) + encoder.finish()


@pytest.mark.parametrize("encoding", [Encoding.WAV, Encoding.FLAC])
def test_a_reader_of_whole_files_reads_it(encoding):
    samples, rate = soundfile.read(io.BytesIO(with_length(encoding, streamed(encoding), len(TONE))))
    assert (len(samples), rate) == (len(TONE), 16_000)
    assert np.abs(samples - TONE).max() < 1e-4


def test_a_wav_is_then_what_is_written_whole():
    assert with_length(Encoding.WAV, streamed(Encoding.WAV), len(TONE)) == encode_whole(Encoding.WAV, TONE, 16_000)


@pytest.mark.parametrize("encoding", [Encoding.PCM_S16LE, Encoding.OGG_OPUS, Encoding.MP3])
def test_a_format_without_a_length_stays_as_it_is(encoding):
    audio = streamed(encoding)
    assert with_length(encoding, audio, len(TONE)) == audio
