"""A data set as files that trainers read: LJSpeech's layout, and JSON Lines."""

import json
from collections.abc import Iterable, Iterator

import numpy as np
from voicebox_audio.levels import PEAK_CEILING, peak
from voicebox_audio.loudness import gain_to
from voicebox_audio.pcm import Samples

from .clips import Clip

LOUDNESS_LUFS = -23.0
"""EBU R 128."""
FOLDER = "wavs"


def levelled(samples: Samples, sample_rate_hz: int) -> Samples:
    """At LOUDNESS_LUFS, or less where a peak would exceed -1 dBFS."""
    gain = gain_to(LOUDNESS_LUFS, samples, sample_rate_hz)
    highest = peak(samples) * gain
    return samples * np.float32(gain * min(1.0, PEAK_CEILING / highest) if highest else gain)


def audio_path(clip: Clip) -> str:
    """Where the archive has its audio."""
    return f"{FOLDER}/{clip.name}.wav"


def ljspeech(clips: Iterable[Clip]) -> Iterator[str]:
    """The lines of `metadata.csv`, of the form of keithito.com/LJ-Speech-Dataset: name|transcript|transcript."""
    for clip in clips:
        if clip.kept:
            text = _one_line(clip.transcript).replace("|", " ")
            yield f"{clip.name}|{text}|{text}\n"


def json_lines(clips: Iterable[Clip]) -> Iterator[str]:
    """The lines of `dataset.jsonl`."""
    for clip in clips:
        if clip.kept:
            line = {
                "audio": audio_path(clip),
                "text": _one_line(clip.transcript),
                "duration_seconds": round(clip.seconds, 3),
                "snr_db": round(clip.measures.snr_db, 1),
                "recording": clip.recording,
            }
            yield json.dumps(line, ensure_ascii=False) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())
