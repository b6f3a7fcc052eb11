"""Cuts a recording into clips at its pauses, and measures each."""

from collections.abc import Iterator

from voicebox_audio.loudness import LoudnessMeter
from voicebox_audio.pcm import Samples
from voicebox_audio.recordings.quality import ClippingMeter, FrameMeter, Measures
from voicebox_audio.recordings.utterances import utterances
from voicebox_audio.recordings.voice_activity import FRAME_SECONDS

from .clips import Clip

MIN_SECONDS, MAX_SECONDS = 3.0, 15.0
"""Of a clip: what trainers of voices take."""


def cut(
    recording: str,
    samples: Samples,
    sample_rate_hz: int,
    min_seconds: float = MIN_SECONDS,
    max_seconds: float = MAX_SECONDS,
) -> Iterator[Clip]:
    """The clips of a recording, shape (n,), in order; none where there is no speech. Their names are the recording's
    with a number.
    """
    meter = FrameMeter(sample_rate_hz)
    meter.push(samples)
    for number, span in enumerate(utterances(meter.levels, min_seconds, max_seconds), 1):
        begin, end = span.begin * FRAME_SECONDS, span.end * FRAME_SECONDS
        piece = stretch(samples, sample_rate_hz, begin, end)
        yield Clip(f"{recording}-{number:04d}", recording, begin, end, measure(piece, sample_rate_hz))


def stretch(samples: Samples, sample_rate_hz: int, begin_seconds: float, end_seconds: float) -> Samples:
    """The samples between two times."""
    return samples[round(begin_seconds * sample_rate_hz) : round(end_seconds * sample_rate_hz)]


def measure(samples: Samples, sample_rate_hz: int) -> Measures:
    """What can be measured of a clip, shape (n,)."""
    frames, clipping, loudness = FrameMeter(sample_rate_hz), ClippingMeter(), LoudnessMeter(sample_rate_hz)
    for meter in (frames, clipping, loudness):
        meter.push(samples)
    return frames.measures(sample_rate_hz, clipping.ratio, loudness.lufs)
