"""An approximate likeness: a built-in voice moved toward a recording's pitch, pitch range and spectral colour.

It is signal processing, not cloning: it sounds like a different person with the same pitch and colour.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import soxr
from numpy.typing import NDArray
from voicebox_audio.loudness import gain_to
from voicebox_kit.errors import InvalidField

from voicebox_tts.engine import LONGEST_REFERENCE_SECONDS, Packed, Reference, Samples

Floats = NDArray[np.float64]

ANALYSIS_RATE_HZ = 16_000
BANDS_HZ: Floats = 1000 * 2.0 ** (np.arange(-10, 9) / 3)
"""Third octaves, 99 Hz to 6.35 kHz: finer bands would follow the recording's vowels, not its voice."""
LIMIT_DB = 12.0
"""No band is moved further: beyond, the filter amplifies the engine's noise."""
TAPS_SECONDS = 0.012
FEWEST_VOICED_FRAMES = 30
WIDEST_SPREAD_SEMITONES = 2.5
"""Synthetic pitch contours break down beyond: at 3.5 a recogniser mishears a third of flite's words instead of a
fifth.
"""
CALIBRATION = (
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. "
    "These days a chicken leg is a rare dish. Four hours of steady work faced us."
)
"""Four of the Harvard sentences, which are phonetically balanced (IEEE 297, 1969)."""
CALIBRATION_ROUNDS = 3
LOUDNESS_LUFS = -20.0
"""Of every embedded voice: another voice is not louder, and the loudest sounds of most stay below full scale."""


@dataclass(frozen=True)
class Shift:
    """How a voice differs from itself: factors on its pitch, on its pitch's spread in semitones, and on its formants'
    frequencies, which say how large a speaker is.
    """

    pitch: float = 1.0
    spread: float = 1.0
    formants: float = 1.0

    def by_semitones(self, semitones: float) -> "Shift":
        """The same, higher by some semitones."""
        return replace(self, pitch=self.pitch * 2 ** (semitones / 12))


@dataclass(frozen=True)
class LikenessPrompt:
    """A built-in voice, its shift, and the filter that colours it: taps at the engine's rate, none to leave it as it
    is.
    """

    base_voice: str
    shift: Shift
    taps: tuple[float, ...] = field(default=(), repr=False)

    @property
    def size_bytes(self) -> int:
        """Python floats in a tuple are 32 bytes each."""
        return 200 + 32 * len(self.taps)


def pack_likeness(prompt: LikenessPrompt) -> Packed:
    """A likeness in a form that can be stored."""
    shift = np.array([prompt.shift.pitch, prompt.shift.spread, prompt.shift.formants])
    return Packed({"shift": shift, "taps": np.array(prompt.taps)}, {"base_voice": prompt.base_voice})


def unpack_likeness(packed: Packed) -> LikenessPrompt:
    """What was packed; ValueError when it is no likeness."""
    try:
        pitch, spread, *formants = packed.arrays["shift"].tolist()
        shift = Shift(pitch, spread, *formants)  # older ones have no formants
        return LikenessPrompt(packed.facts["base_voice"], shift, tuple(packed.arrays["taps"].tolist()))
    except (KeyError, TypeError) as error:
        raise ValueError(f"It is no likeness: {error}.") from error


@dataclass(frozen=True)
class VoiceProfile:
    """What is measured of a voice. `colour_db` is its long-term average spectrum, shape (bands,), its mean removed."""

    pitch_hz: float
    spread_semitones: float
    colour_db: Floats


class Colour:
    """A causal filter for one stream, or, of one tap, a gain. It adds no delay."""

    def __init__(self, taps: tuple[float, ...]) -> None:
        self._taps = np.array(taps or (1.0,))
        self._before = np.zeros(len(self._taps) - 1)

    def paint(self, samples: Samples) -> Samples:
        """The stream's next samples, filtered, in [-1, 1]."""
        if not len(self._before):
            return samples if self._taps[0] == 1.0 else np.clip(samples * np.float32(self._taps[0]), -1.0, 1.0)
        whole = np.concatenate([self._before, samples])
        self._before = whole[len(samples) :]
        painted: Samples = np.clip(np.convolve(whole, self._taps, "valid"), -1.0, 1.0).astype(np.float32)
        return painted


Render = Callable[[str, Shift, str], Samples]
"""Speaks a text in a built-in voice, shifted: (voice, shift, text), at the engine's rate."""


def formants_kept(_: float) -> float:
    """For engines that cannot move them."""
    return 1.0


def approximate(
    reference: Reference,
    voices_hz: Mapping[str, float],
    rate_hz: int,
    render: Render,
    formants: Callable[[float], float] = formants_kept,
) -> LikenessPrompt:
    """Move the voice whose median pitch is nearest toward the reference.

    An engine's pitch parameter is not the median pitch, so that both factors are corrected by a measurement. `formants`
    is the factor on them for a factor on the pitch. Raises InvalidField("reference") when the reference holds too
    little speech.
    """
    target = profile(reference.samples, reference.sample_rate_hz)
    if target is None:
        sentence = "The recording holds less than a third of a second of voiced speech."
        raise InvalidField("reference", sentence, "REFERENCE_TOO_LITTLE_SPEECH")
    voice = min(voices_hz, key=lambda name: abs(np.log2(target.pitch_hz / voices_hz[name])))
    ratio = target.pitch_hz / voices_hz[voice]
    shift, colour_db = Shift(ratio, formants=formants(ratio)), np.zeros(len(BANDS_HZ))
    for _ in range(CALIBRATION_ROUNDS):
        spoken = render(voice, shift, CALIBRATION)
        measured = profile(spoken, rate_hz)
        assert measured is not None, "a built-in voice is voiced speech"
        shift, colour_db = _corrected(shift, target, measured), target.colour_db - measured.colour_db
    taps = minimum_phase(np.clip(colour_db, -LIMIT_DB, LIMIT_DB), rate_hz)
    gain = gain_to(LOUDNESS_LUFS, np.convolve(spoken, taps).astype(np.float32), rate_hz)
    return LikenessPrompt(voice, shift, tuple((taps * gain).tolist()))


def _corrected(shift: Shift, target: VoiceProfile, measured: VoiceProfile) -> Shift:
    wanted_spread = min(target.spread_semitones, WIDEST_SPREAD_SEMITONES)
    return replace(
        shift,
        pitch=shift.pitch * float(np.clip(target.pitch_hz / measured.pitch_hz, 0.7, 1.4)),
        spread=shift.spread * float(np.clip(wanted_spread / max(measured.spread_semitones, 0.2), 0.5, 1.6)),
    )


def profile(samples: Samples, rate_hz: int) -> VoiceProfile | None:
    """Measure a voice; None with fewer than 30 voiced frames of 10 ms."""
    x = soxr.resample(samples[: LONGEST_REFERENCE_SECONDS * rate_hz].astype(np.float64), rate_hz, ANALYSIS_RATE_HZ)
    track = pitch_track(x)
    voiced = track[track > 0]
    if len(voiced) < FEWEST_VOICED_FRAMES:
        return None
    middle = float(np.median(voiced))
    upper, lower = np.percentile(12 * np.log2(voiced / middle), [75, 25])
    # 1.349 is the interquartile range of a normal distribution in standard deviations: it shrugs off octave errors.
    return VoiceProfile(middle, float(upper - lower) / 1.349, third_octaves(x))


def pitch_track(x: Floats, lowest_hz: float = 60.0, highest_hz: float = 400.0) -> Floats:
    """Pitch in Hz at every 10 ms, 0 where unvoiced, shape (frames,), of audio at ANALYSIS_RATE_HZ.

    The autocorrelation of windowed frames over that of the window: P. Boersma, "Accurate short-term analysis of the
    fundamental frequency", IFA Proceedings 17, 1993; without its path search, so that jumps of an octave are dropped.
    """
    size, hop = int(0.048 * ANALYSIS_RATE_HZ), ANALYSIS_RATE_HZ // 100
    frames = _frames(x, size, hop) * np.hanning(size)
    if not len(frames):
        return np.zeros(0)
    correlation = _autocorrelation(frames)
    correlation /= (correlation[:, :1] + 1e-12) * (_window_correlation(size) + 1e-6)
    lags, strength = _first_peaks(correlation, int(ANALYSIS_RATE_HZ / highest_hz), int(ANALYSIS_RATE_HZ / lowest_hz))
    power = (frames**2).mean(axis=1)
    voiced = (strength > 0.55) & (power > 0.01 * power.max())
    pitch = np.where(voiced, ANALYSIS_RATE_HZ / lags, 0.0)
    middle = np.median(pitch[voiced]) if voiced.any() else 0.0
    return np.where((pitch > 1.8 * middle) | (pitch < middle / 1.8), 0.0, pitch)


def third_octaves(x: Floats) -> Floats:
    """The long-term average spectrum of the loud frames, in dB in each of BANDS_HZ, its mean removed. Audio at
    ANALYSIS_RATE_HZ.
    """
    power = np.abs(np.fft.rfft(_frames(x, 1024, 512) * np.hanning(1024))) ** 2
    energy = power.sum(axis=1)
    average = power[energy > 0.01 * energy.max()].mean(axis=0)
    hz = np.fft.rfftfreq(1024, 1 / ANALYSIS_RATE_HZ)
    bins = 8.0  # half a bin of the transform: a low band is narrower than one
    inside = [(hz >= band * 2 ** (-1 / 6) - bins) & (hz < band * 2 ** (1 / 6) + bins) for band in BANDS_HZ]
    db: Floats = np.array([10 * np.log10(average[band].mean() + 1e-12) for band in inside])
    return db - float(db.mean())


def minimum_phase(colour_db: Floats, rate_hz: int, size: int = 4096) -> Floats:
    """A causal filter without delay, shape (taps,), whose gain goes smoothly through the bands' values.

    By folding the real cepstrum: A. V. Oppenheim, R. W. Schafer, "Discrete-Time Signal Processing", chapter on
    homomorphic systems.
    """
    taps = int(TAPS_SECONDS * rate_hz)
    hz = np.fft.rfftfreq(size, 1 / rate_hz)
    db = np.interp(np.log(np.maximum(hz, 1.0)), np.log(BANDS_HZ), colour_db)
    cepstrum = np.fft.irfft(db * np.log(10) / 20)
    fold = np.zeros(size)
    fold[0], fold[1 : size // 2], fold[size // 2] = 1, 2, 1
    impulse = np.fft.irfft(np.exp(np.fft.rfft(cepstrum * fold)))[:taps]
    fade = np.append(np.ones(taps - taps // 2), np.hanning(2 * (taps // 2))[taps // 2 :])
    faded: Floats = impulse * fade
    return faded


def _frames(x: Floats, size: int, hop: int) -> Floats:
    """Overlapping frames, shape (frames, size); none when there are too few samples."""
    return np.lib.stride_tricks.sliding_window_view(x, size)[::hop] if len(x) >= size else np.empty((0, size))


def _autocorrelation(frames: Floats) -> Floats:
    size = frames.shape[-1]
    length = 2 ** int(np.ceil(np.log2(2 * size)))
    correlation: Floats = np.fft.irfft(np.abs(np.fft.rfft(frames, length)) ** 2)[..., :size]
    return correlation


def _window_correlation(size: int) -> Floats:
    correlation = _autocorrelation(np.hanning(size))
    return correlation / float(correlation[0])


def _first_peaks(correlation: Floats, shortest: int, longest: int) -> tuple[NDArray[np.int64], Floats]:
    """The lag of each frame's first strong peak, and how strong the strongest is: the first, since all multiples of a
    period peak.
    """
    part = correlation[:, shortest:longest]
    strength = part.max(axis=1)
    near = np.argmax(part >= 0.9 * strength[:, None], axis=1)
    climb = np.minimum(near[:, None] + np.arange(12), part.shape[1] - 1)
    top = np.argmax(np.take_along_axis(part, climb, axis=1), axis=1)
    return np.take_along_axis(climb, top[:, None], axis=1)[:, 0] + shortest, strength
