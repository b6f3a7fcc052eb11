"""Speaks one stream with a hibari voice."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebox_tts.engine import GivenPhonemes, Phoneme, Samples, Speech, Stretch, Word
from voicebox_tts.engines.likeness import Colour, Shift
from voicebox_tts.engines.missing_sounds import without_sound
from voicebox_tts.engines.playback import Playback
from voicebox_tts.engines.priority_semaphore import PrioritySemaphore, Waiter
from voicebox_tts.text.given import joined, weighted, weightless

from .ahead import Workers
from .network import FRAME_SAMPLES, HibariNetwork, Prosody
from .pronunciation import Pronounced, Pronunciation
from .text import Piece, pieces
from .vocoder import LOWEST_HZ, RATE_HZ, Vocoder

CHUNK_FRAMES = (24, 96, 240)
"""How many frames of 12.5 ms are decoded at once: few at first, for early sound; the last number repeats. Each time
54 more are decoded beside them, so that larger chunks are cheaper.
"""
MARGIN_FRAMES, PAUSE_FRAMES = 3, 8
"""Silence that is left before the first phoneme of a stream, and after the last of a piece whose sentence goes on; and
before a sentence that follows another, which ends with 0.45 s of silence.
"""


UNCHANGED = Shift()


@dataclass(frozen=True)
class Shared:
    """What all streams of a voice share: the network, its reader, threads, the semaphore of cores, and the clock in
    seconds.
    """

    network: HibariNetwork
    pronunciation: Pronunciation
    workers: Workers
    cores: PrioritySemaphore
    clock: Callable[[], float]


@dataclass(frozen=True)
class VoiceChange:
    """How a stream sounds: its speed, how it differs from the voice itself, and the taps of its colour."""

    speed: float = 1.0
    shift: Shift = UNCHANGED
    taps: tuple[float, ...] = ()


class HibariSession:
    """One stream: how much was spoken so far, and its spectral colour."""

    sample_rate_hz = RATE_HZ

    def __init__(self, shared: Shared, change: VoiceChange, seed: int) -> None:
        self._shared, self._change, self._seed = shared, change, seed
        self._colour = Colour(change.taps)
        self._playback = Playback(shared.clock, RATE_HZ)
        self._waiter = Waiter(self._playback.priority)
        self._samples = self._pieces = 0
        self._pause_before = False

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        """Speak a sentence, clause by clause where it is long. There is no audio of text that it cannot read."""
        yield from self.speak_stretches((sentence,))

    def speak_stretches(self, stretches: Sequence[Stretch]) -> Generator[Speech, None, None]:
        """Likewise, with given phonemes."""
        yield from self._shared.workers.ahead(self._speak(*joined(stretches)))

    def phonemes(self, stretches: Sequence[Stretch]) -> str:
        """The IPA of a sentence."""
        text, given = joined(stretches)
        parts = pieces(weighted(text, given), eager=False)
        return " ".join(self._shared.pronunciation.pronounce(weightless(part.text), given).ipa for part in parts)

    def close(self) -> None:
        """Nothing is held between sentences."""

    def _speak(self, text: str, given: Sequence[GivenPhonemes]) -> Generator[Speech, None, None]:
        for piece in pieces(weighted(text, given), eager=self._samples == 0):
            yield from self._speak_piece(piece, given)
            self._pause_before = not piece.ends_inside

    def _speak_piece(self, piece: Piece, given: Sequence[GivenPhonemes]) -> Generator[Speech, None, None]:
        self._playback.begin()
        with self._turn():
            pronounced = self._shared.pronunciation.pronounce(weightless(piece.text), given)
            if not pronounced.words:
                return
            prosody = self._shared.network.prosody(pronounced.ids, self._change.speed)
            prosody = moved(prosody, self._change.shift)
        starts = prosody.starts
        silence = PAUSE_FRAMES if self._pause_before else MARGIN_FRAMES
        begin = max(int(starts[pronounced.sounds[0].at]) - silence, 0)
        end = min(int(starts[-2]) + MARGIN_FRAMES, prosody.frames) if piece.ends_inside else prosody.frames
        self._pieces += 1
        words, phonemes = self._timed(pronounced, starts - begin)
        warnings = without_sound(pronounced.unknown)
        for samples in self._sound(prosody, begin, end):
            yield Speech(samples, words, phonemes, warnings)
            words, phonemes, warnings = (), (), ()

    def _sound(self, prosody: Prosody, begin: int, end: int) -> Iterator[Samples]:
        """The frames from `begin` to `end`."""
        noise = np.random.default_rng((self._seed & 0xFFFF_FFFF_FFFF_FFFF, self._pieces))
        vocoder = Vocoder(prosody.pitch_hz[begin:end], noise, self._change.shift.formants)
        at, sizes = begin, iter(CHUNK_FRAMES)
        while at < end:
            until = min(at + next(sizes, CHUNK_FRAMES[-1]), end)
            with self._turn():
                samples = vocoder.push(self._shared.network.spectrum(prosody.features, at, until))
                if until == end:
                    samples = np.concatenate([samples, vocoder.finish()])
                painted = self._colour.paint(samples)
            self._samples += len(samples)
            self._playback.add(len(samples))
            yield painted
            at = until

    def _timed(
        self, pronounced: Pronounced, starts: NDArray[np.float64]
    ) -> tuple[tuple[Word, ...], tuple[Phoneme, ...]]:
        """Words and phonemes with their times in the stream; `starts` are the frames at which the numbers begin."""

        def seconds(index: int) -> float:
            return (self._samples + FRAME_SAMPLES * float(starts[index])) / RATE_HZ

        words = tuple(Word(word.text, seconds(word.begin), seconds(word.end)) for word in pronounced.words)
        return words, tuple(Phoneme(sound.ipa, seconds(sound.at)) for sound in pronounced.sounds)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Holds one of the cores: for a tenth of a second at most, so that others may go on."""
        self._shared.cores.acquire(self._waiter)
        try:
            yield
        finally:
            self._shared.cores.release(self._waiter)


def moved(prosody: Prosody, shift: Shift) -> Prosody:
    """The same with the median of its pitch, and the spread around it, multiplied; what has no voice stays without."""
    pitch_hz = prosody.pitch_hz
    voiced = pitch_hz > LOWEST_HZ
    if (shift.pitch, shift.spread) == (1.0, 1.0) or not voiced.any():
        return prosody
    middle = np.median(pitch_hz[voiced])
    wide = shift.pitch * middle * (np.maximum(pitch_hz, 1) / middle) ** shift.spread
    return prosody.at_pitch(np.where(voiced, wide, 0).astype(np.float32))
