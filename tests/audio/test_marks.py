"""A file says in its own metadata that its speech is synthetic, and its samples stay as they are."""

import io
from collections.abc import Callable

import av
import numpy as np
import pytest
import soundfile
from voicebox_audio.encoding.encoder import encode_whole, open_encoder
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.encoding.headers import finished, g711_wav
from voicebox_audio.encoding.m4a import encode_m4a
from voicebox_audio.encoding.marks import DIGITAL_SOURCE_TYPE, synthetic
from voicebox_audio.g711 import s16le_to_alaw

MARK = synthetic("tone", "tone/1")
SENTENCE = "AI-generated speech. Made by voicebox with the engine tone, model tone/1."
STREAMS = (Encoding.FLAC, Encoding.OGG_OPUS, Encoding.MP3)
UNMARKED = (Encoding.PCM_S16LE, Encoding.WAV, Encoding.AAC, Encoding.MULAW, Encoding.ALAW)


def metadata(data: bytes) -> dict[str, str]:
    with av.open(io.BytesIO(data)) as container:
        stated = {**container.metadata, **container.streams.audio[0].metadata}
    return {name.lower(): value for name, value in stated.items()}


def streamed(encoding: Encoding, samples: np.ndarray) -> bytes:
    encoder = open_encoder(encoding, 16_000, MARK)
    pieces = [encoder.push(samples[start : start + 320]) for start in range(0, samples.size, 320)]
    return b"".join(pieces) + encoder.finish()


@pytest.mark.parametrize("encoding", STREAMS)
def test_a_streamed_file_says_that_its_speech_is_synthetic(encoding: Encoding, sine: Callable[..., np.ndarray]) -> None:
    for data in (streamed(encoding, sine(16_000, 1)), encode_whole(encoding, sine(16_000, 1), 16_000, MARK)):
        stated = metadata(data)
        assert stated["comment"] == SENTENCE
        assert stated["digital_source_type"] == DIGITAL_SOURCE_TYPE


@pytest.mark.parametrize("encoding", UNMARKED)
def test_a_stream_without_room_for_it_stays_as_it_is(encoding: Encoding, sine: Callable[..., np.ndarray]) -> None:
    encoder = open_encoder(encoding, 16_000)
    assert streamed(encoding, sine(16_000, 0.02)) == encoder.push(sine(16_000, 0.02)) + encoder.finish()


def test_a_whole_wav_file_has_it_behind_its_samples(sine: Callable[..., np.ndarray]) -> None:
    samples = sine(16_000, 1.0)
    plain, marked = encode_whole(Encoding.WAV, samples, 16_000), encode_whole(Encoding.WAV, samples, 16_000, MARK)
    assert marked[36 : len(plain)] == plain[36:]
    assert marked[44 + 32_000 :].startswith(b"LIST")
    assert int.from_bytes(marked[4:8], "little") == len(marked) - 8
    with soundfile.SoundFile(io.BytesIO(marked)) as file:
        assert (file.frames, file.comment.startswith(SENTENCE), file.software) == (16_000, True, "voicebox")
    assert finished(Encoding.WAV, streamed(Encoding.WAV, samples), samples.size, MARK) == marked


@pytest.mark.parametrize("count", [800, 801])
def test_g711_in_a_wav_file_has_it_too(count: int, sine: Callable[..., np.ndarray]) -> None:
    law = s16le_to_alaw(bytes(2 * count))
    data = g711_wav(law, 6, 8_000, MARK)
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert (file.frames, file.comment.startswith(SENTENCE)) == (count, True)


def test_m4a_has_it_as_its_comment(sine: Callable[..., np.ndarray]) -> None:
    assert metadata(encode_m4a(sine(16_000, 1), 16_000, MARK))["comment"] == SENTENCE


def test_an_mp3_stream_begins_with_tag_and_audio_together(sine: Callable[..., np.ndarray]) -> None:
    encoder = open_encoder(Encoding.MP3, 16_000, MARK)
    pushes = [encoder.push(sine(16_000, 0.02)) for _ in range(20)]
    first = next(data for data in pushes if data)
    assert first.startswith(b"ID3")
    assert b"\xff\xf3" in first[200:]  # a frame of MPEG-2
