"""Cuts a recording into clips at its pauses, and measures each."""

from collections.abc import Iterator

from voicebox_audio.loudness import LoudnessMeter
from voicebox_audio.pcm import Samples
from voicebox_audio.recordings.quality import ClippingMeter, FrameMeter, Measures
from voicebox_audio.recordings.utterances import utterances
from voicebox_audio.recordings.voice_activity import FRAME_SECONDS

from .clips import Clip
from .recording import Recording

MIN_SECONDS, MAX_SECONDS = 3.0, 15.0
"""Of a clip: what trainers of voices take."""


def cut(
    name: str,
    recording: Recording,
    cleaned: Recording | None = None,
    min_seconds: float = MIN_SECONDS,
    max_seconds: float = MAX_SECONDS,
) -> Iterator[Clip]:
    """The clips of a recording in order; none where there is no speech. Their names are its name with a number. Each
    is measured as it is in `cleaned`, the recording without its noise, where there is one.
    """
    meter = FrameMeter(recording.sample_rate_hz)
    for block in recording.blocks():
        meter.push(block)
    for number, span in enumerate(utterances(meter.levels, min_seconds, max_seconds), 1):
        begin, end = span.begin * FRAME_SECONDS, span.end * FRAME_SECONDS
        measures = measure((cleaned or recording).stretch(begin, end), recording.sample_rate_hz)
        yield Clip(f"{name}-{number:04d}", name, begin, end, measures)


def measure(samples: Samples, sample_rate_hz: int) -> Measures:
    """What can be measured of a clip, shape (n,)."""
    frames, clipping, loudness = FrameMeter(sample_rate_hz), ClippingMeter(), LoudnessMeter(sample_rate_hz)
    for meter in (frames, clipping, loudness):
        meter.push(samples)
    return frames.measures(sample_rate_hz, clipping.ratio, loudness.lufs)
