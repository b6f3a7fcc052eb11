"""How suitable a recording is for a voice: what is measured, and the findings for a person."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from voicebox_audio.pcm import Samples

from .voice_activity import FRAME_SECONDS, Activity, Levels, loud_frames, speech_frames

FULL_SCALE = 0.999
"""A sample at or above this was clipped: rounding and lossy codecs stay 0.01 dB below 1."""
SILENCE_BELOW_LOUD_DB = 40.0
"""A frame this far below the loud ones is silence, whatever the recording's level."""
SILENCE_DBFS = -120.0
MAX_SNR_DB = 100.0
HIGH_BAND_HZ = 4_000
"""Where a telephone's band ends."""
NARROW_BAND_DB = -45.0
"""Speech holds -10 to -30 dB of its power above HIGH_BAND_HZ; what came by telephone, less than -60."""
MARGIN_FRAMES = 5
"""Noise is measured this far from speech, which swells and fades: 100 ms."""
LONG_SECONDS = 60.0
"""More than the whole reference of any engine."""


class Verdict(IntEnum):
    """What to do with a recording; the numbers are the contract's. UNKNOWN: it was added before there were reports."""

    UNKNOWN = 0
    OK = 1
    WARN = 2
    REJECT = 3


@dataclass(frozen=True)
class QualityLimit:
    """WARN beyond the first value, REJECT beyond the second."""

    warn: float
    reject: float


@dataclass(frozen=True)
class QualityLimits:
    """From where on a recording is not as it should be."""

    seconds: QualityLimit = QualityLimit(3.0, 1.0)
    """The least."""
    snr_db: QualityLimit = QualityLimit(20.0, 8.0)
    """The least."""
    clipping: QualityLimit = QualityLimit(0.001, 0.02)
    """The largest share."""
    lufs: QualityLimit = QualityLimit(-40.0, -55.0)
    """The least."""
    speech: QualityLimit = QualityLimit(0.4, 0.1)
    """The least share."""
    word_error_rate: QualityLimit = QualityLimit(0.5, 1.5)
    """The largest."""


@dataclass(frozen=True)
class Measures:
    """What is measured of the used part of a recording. Each method is documented where it is computed."""

    seconds: float
    snr_db: float
    clipping_ratio: float
    silence_ratio: float
    speech_ratio: float
    loudness_lufs: float
    high_band_db: float
    cut_short: bool = False
    """Whether the file ended before its header says."""
    peak_over_full_scale: float = 0.0
    """The highest sample, 1 being full scale, of a file that clipping has changed audibly; 0 for all others."""
    not_numbers: int = 0
    """Samples that are infinite or NaN."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Measures | None":
        """None for a recording that was added before there were reports."""
        return cls(**stored) if stored else None


@dataclass(frozen=True)
class Finding:
    """Something about a recording: a stable word, how bad it is, and a sentence that says what to do."""

    reason: str
    verdict: Verdict
    message: str


@dataclass(frozen=True)
class Report:
    """The findings, and the worst of their verdicts."""

    measures: Measures | None
    verdict: Verdict
    findings: tuple[Finding, ...] = ()


class FrameMeter:
    """Cuts a mono stream into frames of 20 ms, and stores two numbers of each: ten minutes are 0.5 MB."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._frame_samples = round(FRAME_SECONDS * sample_rate_hz)
        self._first_high_bin = math.ceil(HIGH_BAND_HZ * FRAME_SECONDS)
        self._window = np.hanning(self._frame_samples)
        self._rest: Samples = np.zeros(0, np.float32)
        self._powers: list[Levels] = []
        self._high_powers: list[Levels] = []

    def push(self, samples: Samples) -> None:
        """Take samples, shape (n,); what is left of a frame waits for the next ones."""
        joined = np.concatenate((self._rest, samples))
        whole = joined.size - joined.size % self._frame_samples
        frames = joined[:whole].reshape(-1, self._frame_samples).astype(np.float64)
        self._rest = joined[whole:]
        self._powers.append(np.square(frames).mean(axis=1))
        # By Parseval. Without the window the loud low harmonics would leak into the high band.
        spectrum = np.fft.rfft(frames * self._window, axis=1)[:, self._first_high_bin :]
        self._high_powers.append(
            2 * np.square(np.abs(spectrum)).sum(axis=1) / (np.square(self._window).sum() * self._frame_samples)
        )

    @property
    def levels(self) -> Levels:
        """The level of each frame, dB of full scale, at least SILENCE_DBFS."""
        return _decibels(self._joined(self._powers))

    def measures(self, sample_rate_hz: int, clipping_ratio: float, loudness_lufs: float) -> Measures:
        """All that is known when the stream is over. `sample_rate_hz` is the file's own: what lies above its half is
        not there.
        """
        powers, levels = self._joined(self._powers), self.levels
        active = speech_frames(levels)
        loud_db = np.percentile(levels, 95) if levels.size else SILENCE_DBFS
        silent = ~active & (levels < max(loud_db - SILENCE_BELOW_LOUD_DB, SILENCE_DBFS + 1))
        high_db = _ratio_db(self._joined(self._high_powers)[active].sum(), powers[active].sum())
        return Measures(
            seconds=levels.size * FRAME_SECONDS,
            snr_db=_snr_db(powers, active, active | loud_frames(levels)),
            clipping_ratio=clipping_ratio,
            silence_ratio=float(silent.mean()) if levels.size else 1.0,
            speech_ratio=float(active.mean()) if levels.size else 0.0,
            loudness_lufs=loudness_lufs,
            high_band_db=high_db if sample_rate_hz > 2 * HIGH_BAND_HZ else SILENCE_DBFS,
        )

    @staticmethod
    def _joined(pieces: list[Levels]) -> Levels:
        return np.concatenate([*pieces, np.zeros(0)])


class ClippingMeter:
    """Counts samples at full scale. It must see the file's own samples: resampling rounds the edges off."""

    def __init__(self) -> None:
        self._count = 0
        self._clipped = 0

    def push(self, samples: Samples) -> None:
        self._count += samples.size
        self._clipped += int(np.count_nonzero(np.abs(samples) >= FULL_SCALE))

    @property
    def ratio(self) -> float:
        """The share of them, 0 to 1."""
        return self._clipped / max(self._count, 1)


def judge(measures: Measures | None, limits: QualityLimits, word_error_rate: float | None = None) -> Report:
    """What these measures mean for a person who wants to make a voice of the recording."""
    if measures is None:
        return Report(None, Verdict.UNKNOWN)
    findings = tuple(_findings(measures, limits, word_error_rate))
    return Report(measures, max((finding.verdict for finding in findings), default=Verdict.OK), findings)


def _findings(measures: Measures, limits: QualityLimits, word_error_rate: float | None) -> Iterator[Finding]:
    if verdict := _least(measures.seconds, limits.seconds):
        sentence = f"Only {measures.seconds:.1f} s are used: record at least {limits.seconds.warn:g} s, better 10."
        yield Finding("TOO_SHORT", verdict, sentence)
    if measures.seconds > LONG_SECONDS:
        sentence = (
            "It is longer than a voice is made from: cut it into utterances (segment), or trim it to its best part."
        )
        yield Finding("TOO_LONG", Verdict.WARN, sentence)
    if measures.cut_short:
        sentence = (
            "The file ends before its header says, or a part of it cannot be read: what can be read is used. "
            "Copy or export it again to have all of it."
        )
        yield Finding("CUT_SHORT", Verdict.WARN, sentence)
    if measures.peak_over_full_scale:
        sentence = (
            f"Samples reach {measures.peak_over_full_scale:.3g} times full scale, and were clipped: scale them to -1 "
            "to 1."
        )
        yield Finding("OVER_FULL_SCALE", Verdict.WARN, sentence)
    if measures.not_numbers:
        sentence = f"{measures.not_numbers} samples are infinite or NaN, and were replaced: export the file again."
        yield Finding("NOT_A_NUMBER", Verdict.WARN, sentence)
    speech = _least(measures.speech_ratio, limits.speech)
    if speech is Verdict.REJECT:
        yield Finding(
            "NO_SPEECH", speech, "It contains no speech: check the microphone, and that this is the right file."
        )
        return  # nothing else that is measured means anything
    if speech:
        sentence = (
            f"Speech fills only {measures.speech_ratio:.0%} of it: trim the pauses at its beginning and end, and speak "
            "on."
        )
        yield Finding("MOSTLY_SILENCE", speech, sentence)
    if verdict := _least(measures.snr_db, limits.snr_db):
        sentence = (
            f"Speech is only {measures.snr_db:.0f} dB above the noise: record in a quieter room, nearer to the "
            "microphone."
        )
        yield Finding("NOISY", verdict, sentence)
    if verdict := _most(measures.clipping_ratio, limits.clipping):
        sentence = (
            f"{measures.clipping_ratio:.1%} of it is clipped: turn the recording level down, and record it again."
        )
        yield Finding("CLIPPED", verdict, sentence)
    if verdict := _least(measures.loudness_lufs, limits.lufs):
        sentence = (
            f"It is very quiet, {measures.loudness_lufs:.0f} LUFS: turn the recording level up, or go nearer to the "
            "microphone."
        )
        yield Finding("TOO_QUIET", verdict, sentence)
    if measures.high_band_db < NARROW_BAND_DB:
        sentence = (
            "It sounds like a telephone, with nothing above 4 kHz: record at 24 kHz or more, and not by a headset's "
            "call mode."
        )
        yield Finding("NARROW_BAND", Verdict.WARN, sentence)
    if word_error_rate is not None and (verdict := _most(word_error_rate, limits.word_error_rate)):
        sentence = (
            f"A recogniser found other words than the transcript has (word error rate {word_error_rate:.2f}): check "
            "the transcript."
        )
        yield Finding("TRANSCRIPT_DIFFERS", verdict, sentence)


def _least(value: float, limit: QualityLimit) -> Verdict | None:
    if value < limit.reject:
        return Verdict.REJECT
    return Verdict.WARN if value < limit.warn else None


def _most(value: float, limit: QualityLimit) -> Verdict | None:
    return _least(-value, QualityLimit(-limit.warn, -limit.reject))


def _snr_db(powers: Levels, active: Activity, audible: Activity) -> float:
    """The mean power of the frames with speech over that of the frames that keep MARGIN_FRAMES away from all that is
    audible, also clicks.

    Speech without a pause has no such frames: then its quietest twentieth stands for the noise. 0 without speech, at
    most MAX_SNR_DB.
    """
    if not active.any():
        return 0.0
    near = np.convolve(audible, np.ones(2 * MARGIN_FRAMES + 1))[MARGIN_FRAMES:-MARGIN_FRAMES] > 0
    noise = powers[~near]
    if noise.size < MARGIN_FRAMES:
        noise = np.sort(powers)[: max(powers.size // 20, 1)]
    return float(np.clip(_ratio_db(powers[active].mean(), noise.mean()), 0.0, MAX_SNR_DB))


def _ratio_db(above: float, below: float) -> float:
    if above <= 0:
        return SILENCE_DBFS
    return float(10 * math.log10(above / below)) if below > 0 else MAX_SNR_DB


def _decibels(powers: Levels) -> Levels:
    decibels: Levels = 10 * np.log10(np.maximum(powers, 10 ** (SILENCE_DBFS / 10)))
    return decibels
