"""Telephone sound, held against libsndfile."""

import io

import numpy as np
import pytest
import soundfile
from voicebox_audio.g711 import alaw_to_s16le, mulaw_to_s16le, s16le_to_alaw, s16le_to_mulaw

pytestmark = pytest.mark.unit

CODES = bytes(range(256))


@pytest.mark.parametrize(("subtype", "to_s16le"), [("ULAW", mulaw_to_s16le), ("ALAW", alaw_to_s16le)])
def test_every_code_is_the_sample_that_libsndfile_reads(subtype, to_s16le):
    samples, _ = soundfile.read(
        io.BytesIO(CODES), format="RAW", subtype=subtype, samplerate=8000, channels=1, dtype="int16"
    )
    assert np.array_equal(np.frombuffer(to_s16le(CODES), "<i2"), samples)


@pytest.mark.parametrize("to_s16le", [mulaw_to_s16le, alaw_to_s16le])
def test_nothing_is_nothing(to_s16le):
    assert to_s16le(b"") == b""


@pytest.mark.parametrize(("encode", "decode"), [(s16le_to_mulaw, mulaw_to_s16le), (s16le_to_alaw, alaw_to_s16le)])
def test_each_sample_becomes_the_nearest_that_there_is(encode, decode):
    values = np.frombuffer(decode(bytes(range(256))), "<i2")
    assert (np.frombuffer(decode(encode(values.tobytes())), "<i2") == values).all()
    every = np.arange(-32768, 32768, dtype="<i2")
    written = np.frombuffer(decode(encode(every.tobytes())), "<i2").astype(int)
    nearest = np.abs(np.sort(values).astype(int)[None, :] - every.astype(int)[::64, None]).min(axis=1)
    assert (np.abs(written - every)[::64] == nearest).all()
