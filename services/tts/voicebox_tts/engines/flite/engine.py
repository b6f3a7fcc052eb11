"""flite, the default engine: English voices of Carnegie Mellon University, 70 to 2,000 times faster than real time."""

import json
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from queue import SimpleQueue

import numpy as np
from voicebox_kit.errors import InvalidField, NotFound, Unavailable
from voicebox_kit.languages import primary
from voicebox_models.devices import cpu_only
from voicebox_models.engine import InstalledFiles, Model, Setup
from voicebox_models.family import SingleModel, preference
from voicebox_models.lifecycle import Lifecycle

from voicebox_tts.engine import (
    Capability,
    Description,
    Gender,
    Packed,
    Reference,
    Samples,
    Speech,
    Style,
    Voice,
    VoicePrompt,
    Word,
)
from voicebox_tts.engines.latin import transliterated, unspoken
from voicebox_tts.engines.likeness import Colour, LikenessPrompt, Shift, approximate, pack_likeness, unpack_likeness
from voicebox_tts.engines.playback import Playback
from voicebox_tts.engines.priority_semaphore import PrioritySemaphore, Waiter

from .fork_server import Fork, ForkServer
from .library import Features, SpokenWord
from .text import SIGNS, Piece, pieces

MARGIN_SECONDS = 0.03
"""Silence that is left where a piece begins the stream or continues a sentence; the voices themselves begin with up to
0.26 s.
"""


@dataclass(frozen=True)
class _Pitch:
    """The spread of a voice's pitch, from its database, and whether the engine can move its pitch at all."""

    spread_hz: float
    moves: bool = True


_RATE_HZ = 16_000
_VOICES = (
    Voice("slt", "SLT (female, US)", ("en-US",), _RATE_HZ, Gender.FEMALE),
    Voice("rms", "RMS (male, US)", ("en-US",), _RATE_HZ, Gender.MALE),
    Voice("awb", "AWB (male, Scottish)", ("en-US",), _RATE_HZ, Gender.MALE),
    Voice("kal16", "Kal, 16 kHz (male, US)", ("en-US",), _RATE_HZ, Gender.MALE),
    Voice("kal", "Kal, 8 kHz (male, US)", ("en-US",), 8_000, Gender.MALE),
)
_PITCH = {
    "slt": _Pitch(27.0),
    "rms": _Pitch(24.0, moves=False),
    "awb": _Pitch(25.0),
    "kal16": _Pitch(11.0),
    "kal": _Pitch(11.0),
}
"""rms takes its pitch from a model of accents (SPAM), later than the others take these values."""
_GAIN_DB = {"slt": -3.9, "rms": 1.8, "awb": 0.7, "kal16": 8.4, "kal": 0.5}
"""What makes each voice as loud as LOUDNESS_LUFS; a likeness has that in its colour."""
_LIKENESS_VOICES_HZ = {"slt": 170.0, "awb": 125.0}
"""The statistical voices whose pitch can be changed, with their median pitch."""


@preference(20)
def family(setup: Setup) -> SingleModel["FliteEngine"]:
    """flite, on the processor."""
    return SingleModel(FliteEngine(setup.device))


class FliteEngine(Lifecycle[ForkServer]):
    """libflite in processes of its own, one more at work than there are cores. They take turns after every second of
    audio, 10 to 20 ms of work.

    Its tables are mapped from the libraries' files, and its process takes 20 MB: its memory is reported as 0.
    """

    name = "flite"
    model = Model("flite/cmu-us", "2.2", "MIT-Festival", ("en-US",))
    default_voice = _VOICES[0].name
    capabilities = frozenset(
        {Capability.CLONING_APPROXIMATE, Capability.WORD_TIMINGS, Capability.SPEED, Capability.PITCH, Capability.SEED}
    )

    def __init__(self, device: str = "auto", clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(InstalledFiles(revision=self.model.revision))
        self.device = cpu_only(self.name, device)
        # One process works while another passes its turn on.
        self._cores, self._clock = PrioritySemaphore(len(os.sched_getaffinity(0)) + 1), clock

    def voices(self) -> Sequence[Voice]:
        """The five voices of Debian's libflite1, default first."""
        return _VOICES

    def prompt(self, reference: Reference) -> LikenessPrompt:
        """An approximate likeness, in half a second; InvalidField("reference") when it holds too little speech."""
        return approximate(reference, _LIKENESS_VOICES_HZ, _RATE_HZ, self._render)

    def pack(self, prompt: VoicePrompt) -> Packed:
        """A likeness, to be stored."""
        assert isinstance(prompt, LikenessPrompt)
        return pack_likeness(prompt)

    def unpack(self, packed: Packed) -> LikenessPrompt:
        """What was packed; ValueError when it is no likeness."""
        return unpack_likeness(packed)

    def unspoken(self, text: str) -> str:
        """The characters that are no part of its alphabet, and that nothing in it stands for."""
        return unspoken(text, SIGNS)

    def transliterated(self, text: str) -> str:
        """Greek and Cyrillic letters, which it speaks by Latin ones."""
        return transliterated(text)

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> "FliteSession":
        """Begin a stream; NotFound("voice"), or InvalidField("style.…") for what flite cannot do."""
        prompt = voice if isinstance(voice, LikenessPrompt) else None
        chosen = _voice(prompt.base_voice if prompt else str(voice))
        _refuse(chosen, style)
        return self._session(self._opened(), chosen, style, seed, prompt)

    def _open_model(self) -> ForkServer:
        """Start the process and speak a word, so that the first caller does not wait for the disk."""
        server = ForkServer()
        try:
            with closing(self._session(server, _voice(self.default_voice), Style(), 0, None)) as session:
                list(session.speak("Hello."))
        except BaseException:
            server.close()
            raise
        return server

    def _session(
        self, server: ForkServer, voice: Voice, style: Style, seed: int, prompt: LikenessPrompt | None
    ) -> "FliteSession":
        shift = (prompt.shift if prompt else Shift()).by_semitones(style.pitch_semitones)
        colour = Colour(prompt.taps if prompt else (10 ** (_GAIN_DB[voice.name] / 20),))
        shared = _Shared(server, self._cores, self._clock)
        return FliteSession(shared, voice, _features(voice, style.speed, shift), seed, colour)

    def _render(self, voice: str, shift: Shift, text: str) -> Samples:
        session = self.open(LikenessPrompt(voice, shift), Style(), seed=0)
        return np.concatenate([speech.samples for speech in session.speak(text)])


@dataclass(frozen=True)
class _Shared:
    """What all streams share: the fork server, the semaphore of processes at work, and the clock in seconds."""

    server: ForkServer
    cores: PrioritySemaphore
    clock: Callable[[], float]


class FliteSession:
    """One stream: what was spoken so far, and the spectral colour of its voice."""

    def __init__(self, shared: _Shared, voice: Voice, features: Features, seed: int, colour: Colour) -> None:
        self.sample_rate_hz = voice.sample_rate_hz
        self._shared, self._voice, self._features = shared, voice.name, features
        self._seed, self._colour = seed, colour
        self._samples = 0
        self._pieces = 0
        self._pause_before = False
        self._playback = Playback(shared.clock, voice.sample_rate_hz)

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        """Speak a sentence; the first one of the stream begins with a short piece. There is no audio of text that flite
        cannot read.
        """
        for piece in pieces(sentence, eager=self._samples == 0):
            yield from self._speak_piece(piece)
            self._pause_before = not piece.ends_inside

    def close(self) -> None:
        """Nothing is held between sentences."""

    def _speak_piece(self, piece: Piece) -> Generator[Speech, None, None]:
        request = {"voice": self._voice, "text": piece.text, "seed": self._next_seed(), **asdict(self._features)}
        reader = _PieceReader(self._shared, request, self._playback)
        with closing(reader.read()) as made:
            words = next(made, [])
            assert isinstance(words, list)
            trim = _Trim.of(words, self.sample_rate_hz, begin=not self._pause_before, end=piece.ends_inside)
            timed = tuple(self._timed(word, trim.begin) for word in words)
            for samples in made:
                assert isinstance(samples, np.ndarray)
                if len(inside := trim.push(samples)):
                    self._samples += len(inside)
                    yield Speech(self._colour.paint(inside), timed)
                    timed = ()

    def _timed(self, word: SpokenWord, cut_samples: int) -> Word:
        """A word with its times in the stream, when `cut_samples` are cut off the beginning of its piece."""
        shift = (self._samples - cut_samples) / self.sample_rate_hz
        return Word(word.text, word.start_seconds + shift, word.end_seconds + shift)

    def _next_seed(self) -> int:
        self._pieces += 1
        return zlib.crc32(struct.pack("<II", self._seed & 0xFFFFFFFF, self._pieces))


class _Trim:
    """Cuts what lies outside of [begin, end) samples off a piece, while it passes."""

    def __init__(self, begin: int, end: float) -> None:
        self.begin, self._end, self._at = begin, end, 0

    @classmethod
    def of(cls, words: Sequence[SpokenWord], rate_hz: int, *, begin: bool, end: bool) -> "_Trim":
        first = max(0, int((words[0].start_seconds - MARGIN_SECONDS) * rate_hz)) if words and begin else 0
        return cls(first, int((words[-1].end_seconds + MARGIN_SECONDS) * rate_hz) if words and end else float("inf"))

    def push(self, samples: Samples) -> Samples:
        low, high = max(self.begin - self._at, 0), max(min(self._end - self._at, len(samples)), 0)
        self._at += len(samples)
        return samples[low : int(high)]


class _PieceReader:
    """One piece, which a fork makes. A thread reads it to its end, so that a slow listener never stops others."""

    def __init__(self, shared: _Shared, request: Mapping[str, object], playback: Playback) -> None:
        self._cores, self._playback, self._waiter = shared.cores, playback, Waiter(playback.priority)
        self._server, self._request = shared.server, request
        self._fork = self._server.fork(request)
        self._has_begun = False
        # Holds one piece at most, about 20 s of audio.
        self._made: SimpleQueue[list[SpokenWord] | Samples | Exception | None] = SimpleQueue()

    def read(self) -> Generator[list[SpokenWord] | Samples, None, None]:
        """The words, then the samples as they are made. Closing it ends the fork and the thread."""
        self._playback.begin()
        worker = threading.Thread(target=self._run, name="flite", daemon=True)
        worker.start()
        try:
            while (item := self._made.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self._cores.cancel(self._waiter)
            self._fork.stop()
            worker.join()
            self._fork.close()

    def _run(self) -> None:
        try:
            self._work_with_retry()
        except (EOFError, OSError) as error:
            self._made.put(Unavailable("ENGINE_FAILED", f"{error}: this text was not spoken to its end."))
        except Exception as error:
            self._made.put(error)
        finally:
            self._cores.release(self._waiter)
            self._made.put(None)

    def _work_with_retry(self) -> None:
        """Work; begin again when the process ended before it had forked."""
        try:
            self._work()
        except (EOFError, OSError):
            if self._has_begun or self._waiter.is_cancelled:
                raise
            self._fork.close()
            self._fork = self._server.fork(self._request)
            self._work()

    def _work(self) -> None:
        while (self._waiter.has_acquired or self._cores.acquire(self._waiter)) and self._turn(self._fork):
            self._cores.release(self._waiter)

    def _turn(self, fork: Fork) -> bool:
        """Let the fork work, and pass on what it makes; False when it is done."""
        fork.resume()
        while True:
            letter, body = fork.read()
            self._has_begun = True
            if letter == b"A":
                samples = np.frombuffer(body, np.int16).astype(np.float32) / np.float32(32768)
                self._playback.add(len(samples))
                self._made.put(samples)
            elif letter == b"W":
                self._made.put([SpokenWord(*word) for word in json.loads(body)])
            else:
                return letter == b"Y"


def _voice(name: str) -> Voice:
    for voice in _VOICES:
        if voice.name == name:
            return voice
    raise NotFound("voice", f"flite/{name}")


def _refuse(voice: Voice, style: Style) -> None:
    """InvalidField for what this voice cannot honour."""
    if style.instructions:
        raise InvalidField("style.instructions", "flite follows no instructions.", "UNSUPPORTED_BY_ENGINE")
    if style.language and primary(style.language) != "en":
        raise InvalidField("style.language", f"flite speaks English, not {style.language}.", "LANGUAGE_NOT_SPOKEN")
    if style.pitch_semitones and not _PITCH[voice.name].moves:
        raise InvalidField(
            "style.pitch_semitones", f"The voice {voice.name} keeps its own pitch.", "UNSUPPORTED_BY_ENGINE"
        )


def _features(voice: Voice, speed: float, shift: Shift) -> Features:
    if shift == Shift():
        return Features(speed)
    return Features(speed, shift.pitch, _PITCH[voice.name].spread_hz * shift.pitch * shift.spread)
