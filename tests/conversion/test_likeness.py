"""Converted speech is nearer to the voice, and its words are still there."""

import numpy as np
import pytest
from faster_whisper import WhisperModel
from voicebox_asr.engines.ge2e.encoder import Ge2e
from voicebox_conversion.engine import Samples

from bench.conversion import converted, embedding, learned, readings, recording, word_error_rate
from bench.recordings import transcripts


@pytest.fixture(scope="module")
def whisper(packaged_whisper) -> WhisperModel:
    return WhisperModel(str(packaged_whisper / "tiny.en"), device="cpu", compute_type="int8")


def test_a_man_becomes_more_like_a_reader(man: Samples, whisper: WhisperModel) -> None:
    encoder, reader = Ge2e(), readings()[:6]
    voice = embedding(encoder, np.concatenate(reader))
    made = converted(man, learned(reader))
    assert embedding(encoder, made) @ voice - embedding(encoder, man) @ voice > 0.08  # measured: 0.13
    assert word_error_rate(whisper, made, transcripts()["jfk.flac"]) < 0.4  # measured: 0.09


def test_a_reader_becomes_more_like_a_man(man: Samples, whisper: WhisperModel) -> None:
    encoder, reading = Ge2e(), recording("LJ001-0001.wav")
    voice = embedding(encoder, man)
    made = converted(reading, learned([man]))
    assert embedding(encoder, made) @ voice - embedding(encoder, reading) @ voice > 0.05  # measured: 0.14
    assert word_error_rate(whisper, made, transcripts()["LJ001-0001.wav"]) < 0.3  # measured: 0.07
