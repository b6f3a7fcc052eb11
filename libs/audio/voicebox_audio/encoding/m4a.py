"""Writes AAC in an MP4 file, which players of Apple and phones want."""

import io

import av
import numpy as np

from voicebox_audio.pcm import Samples

from .marks import UNMARKED, Mark

RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
BITS_PER_SECOND = 96_000
FRAME_SAMPLES = 1024


def encode_m4a(samples: Samples, sample_rate_hz: int, mark: Mark = UNMARKED) -> bytes:
    """A finished file, shape (n,) in, its index and the mark after its audio. ValueError for a rate that AAC does not
    know.
    """
    if sample_rate_hz not in RATES_HZ:
        raise ValueError(f"m4a cannot be written at {sample_rate_hz} Hz")
    file = io.BytesIO()
    with av.open(file, "w", format="ipod") as container:
        container.metadata.update(mark.entries)
        stream = container.add_stream("aac", rate=sample_rate_hz, layout="mono")
        stream.bit_rate = BITS_PER_SECOND
        for start in range(0, samples.size, FRAME_SAMPLES):
            block = np.ascontiguousarray(samples[start : start + FRAME_SAMPLES], np.float32)
            frame = av.AudioFrame.from_ndarray(block[None, :], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = sample_rate_hz, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
