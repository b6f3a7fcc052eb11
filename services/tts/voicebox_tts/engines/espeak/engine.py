"""espeak-ng: formant voices in 130 languages, in processes of its own."""

import json
import threading
from collections.abc import Generator, Iterator, Mapping, MutableMapping, Sequence
from contextlib import closing
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import numpy as np
from voicebox_kit.errors import InvalidField, NotFound, Unavailable
from voicebox_kit.languages import covers, own
from voicebox_models.devices import cpu_only
from voicebox_models.engine import InstalledFiles, Model, Setup
from voicebox_models.family import SingleModel, preference
from voicebox_models.lifecycle import Lifecycle

from voicebox_tts.engine import (
    Capability,
    Description,
    Gender,
    GivenPhonemes,
    Packed,
    Reference,
    Samples,
    Speech,
    Stretch,
    Style,
    Voice,
    VoicePrompt,
)
from voicebox_tts.engines.likeness import Colour, LikenessPrompt, Shift, approximate, pack_likeness, unpack_likeness
from voicebox_tts.engines.missing_sounds import without_sound
from voicebox_tts.normalization.characters import wants_sound
from voicebox_tts.text.given import has_placeholder, joined, weighted, weightless
from voicebox_tts.text.sentences import sentences

from .languages import most_specific
from .mnemonics import TRIALS, Mnemonics
from .named_phonemes import NamedPhonemes, named_phonemes
from .phonemizer import phonemes_by
from .pool import STOP_SECONDS, EspeakPool, EspeakProcess
from .words import WordTimeline, words_of

WORDS_PER_MINUTE = 175
MIN_SPEED = 0.46
"""80 words a minute is espeak-ng's least."""
LOWEST_SEMITONES, HIGHEST_SEMITONES = -8.0, 9.0
"""What its pitch parameter reaches."""

_SHARE_OF_PITCH, _SHARE_OF_RANGE = 0.66, 0.135
"""How much of the median pitch moves with each parameter (pitch by octaves of 50, range in proportion); the rest stays.
Measured on en-us and its variants at 0, 25, 50, 75 and 99; right to 3%.
"""

_GAIN_DB = {"mi": -9.0, "haw": -5.0, "piqd": -4.5, "chr-US-Qaaa-x-west": 5.5}
"""The voices that are not as loud as LOUDNESS_LUFS by themselves, and what makes them so."""

INSTRUCTIONS = "It needs the Debian packages libespeak-ng1 and espeak-ng-data; then start tts again."

MAX_VOICES = 256
"""Of which the names of phonemes are known, which take 10 ms to find out."""
MAX_SIGNS = 4096
"""Of which it is known whether they have a sound, which takes 2 ms to find out."""

_DEFAULT_VOICE, _FEMALE_VOICE = "en-us", "en-us+f2"
_LIKENESS_VOICES_HZ = {_DEFAULT_VOICE: 102.0, _FEMALE_VOICE: 197.0}


@preference(10)
def family(setup: Setup) -> SingleModel["EspeakEngine"]:
    """espeak, on the processor."""
    return SingleModel(EspeakEngine(setup.device))


class EspeakEngine(Lifecycle[EspeakPool]):
    """espeak-ng over pipes. Each process speaks one sentence at a time, for whichever stream is first.

    Its processes take 20 MB each: its memory is reported as 0.
    """

    name = "espeak"
    default_voice = _DEFAULT_VOICE
    capabilities = frozenset(
        {Capability.CLONING_APPROXIMATE, Capability.WORD_TIMINGS, Capability.PHONEME_TIMINGS}
        | {Capability.SPEED, Capability.PITCH, Capability.SEED, Capability.PHONEMES}
    )

    def __init__(self, device: str = "auto", processes: int = 4) -> None:
        super().__init__(InstalledFiles(library="espeak-ng", instructions=INSTRUCTIONS))
        self.device = cpu_only(self.name, device)
        self._max_processes = processes
        self._version = ""
        self._voices: tuple[Voice, ...] = ()
        self._identifiers: Mapping[str, str] = {}
        self._is_audible = dict[str, bool]()
        self._mnemonics = dict[str, Mnemonics]()

    @property
    def model(self) -> Model:
        """What it runs; the revision and languages are known once it was loaded."""
        languages = sorted({voice.languages[0] for voice in self._voices})
        return Model("espeak/espeak-ng", self._version, "GPL-3.0-or-later", tuple(languages))

    def voices(self) -> Sequence[Voice] | None:
        """Default first, then those that are best for their language; known once the library is loaded."""
        return self._voices or None

    def prompt(self, reference: Reference) -> LikenessPrompt:
        """An approximate likeness, in a fifth of a second; InvalidField("reference") when it holds too little
        speech.
        """
        self._opened()
        return approximate(reference, _LIKENESS_VOICES_HZ, self._voices[0].sample_rate_hz, self._render)

    def pack(self, prompt: VoicePrompt) -> Packed:
        """A likeness, to be stored."""
        assert isinstance(prompt, LikenessPrompt)
        return pack_likeness(prompt)

    def unpack(self, packed: Packed) -> LikenessPrompt:
        """What was packed; ValueError when it is no likeness."""
        return unpack_likeness(packed)

    def unspoken(self, text: str) -> str:
        """Signs and pictures that make no phoneme when they are spoken alone. Letters without a sound are spelled."""
        return "".join(
            dict.fromkeys(
                each for each in text if wants_sound(each) and not each.isalnum() and not self._has_sound(each)
            )
        )

    def _has_sound(self, character: str) -> bool:
        if character not in self._is_audible and len(self._is_audible) < MAX_SIGNS:
            with closing(self.open(self.default_voice, Style(), seed=0).speak(character)) as spoken:
                self._is_audible[character] = any(speech.phonemes for speech in spoken)
        return self._is_audible.get(character, True)

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> "EspeakSession":
        """Begin a stream; NotFound("voice"), or InvalidField("style.…") for what espeak-ng cannot do."""
        pool = self._opened()
        prompt = voice if isinstance(voice, LikenessPrompt) else None
        chosen = self._prompt_voice(prompt, style.language) if prompt else self._named_voice(str(voice), style.language)
        _refuse(style)
        shift = (prompt.shift if prompt else Shift()).by_semitones(style.pitch_semitones)
        identifier = self._identifiers[chosen.name]
        if prompt and _is_female(prompt.base_voice) and not _is_female(chosen.name):
            identifier += _variant(prompt.base_voice)
        request = {"voice": identifier, "seed": seed & 0xFFFFFFFF} | _parameters(style.speed, shift)
        colour = Colour(prompt.taps if prompt else (10 ** (_GAIN_DB.get(chosen.name, 0.0) / 20),))
        return EspeakSession(pool, request, chosen.sample_rate_hz, colour, self._mnemonics)

    def _named_voice(self, name: str, language: str) -> Voice:
        voice = next((voice for voice in self._voices if voice.name == name), None)
        if voice is None:
            raise NotFound("voice", f"espeak/{name}")
        if language and not _speaks(voice, language):
            raise InvalidField("style.language", f"The voice {name} does not speak {language}.", "LANGUAGE_NOT_SPOKEN")
        return voice

    def _prompt_voice(self, prompt: LikenessPrompt, language: str) -> Voice:
        """A likeness speaks every language: its shift and colour are laid on that language's voice."""
        base = self._named_voice(prompt.base_voice, "")
        for voice in (base, *self._voices):
            if not language or _speaks(voice, language):
                return voice
        raise InvalidField("style.language", f"espeak-ng does not speak {language}.", "LANGUAGE_NOT_SPOKEN")

    def _render(self, voice: str, shift: Shift, text: str) -> Samples:
        session = self.open(LikenessPrompt(voice, shift), Style(), seed=0)
        return np.concatenate([speech.samples for speech in session.speak(text)])

    def _open_model(self) -> EspeakPool:
        """Start the first process, which lists the voices."""
        first = EspeakProcess()
        self._version = first.hello.version
        self._voices, self._identifiers = _listed(first.hello.voices, first.hello.sample_rate_hz)
        return EspeakPool(self._max_processes, first)


class EspeakSession:
    """One stream; it holds a process only while it speaks a sentence."""

    def __init__(
        self,
        pool: EspeakPool,
        request: Mapping[str, Any],
        sample_rate_hz: int,
        colour: Colour,
        mnemonics: MutableMapping[str, Mnemonics],
    ) -> None:
        """`mnemonics` are those of the voices of which they are known."""
        self.sample_rate_hz = sample_rate_hz
        self._pool, self._request, self._colour, self._mnemonics = pool, request, colour, mnemonics
        self._samples = 0

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        """Speak a sentence, in parts where it is very long."""
        yield from self.speak_stretches((sentence,))

    def speak_stretches(self, stretches: Sequence[Stretch]) -> Generator[Speech, None, None]:
        """Likewise, with given phonemes."""
        for part, given in self._parts(stretches):
            if any(map(wants_sound, part)):
                yield from self._speak_part(part, given)

    def phonemes(self, stretches: Sequence[Stretch]) -> str:
        """The IPA of a sentence."""
        found = list[str]()
        for part, given in self._parts(stretches):
            text = self._with_names(part, given).text if given else part
            found += self._ask([text], has_phonemes=bool(given))
        return " ".join(" ".join(found).split())

    def close(self) -> None:
        """Nothing is held between sentences."""

    def _parts(self, stretches: Sequence[Stretch]) -> Iterator[tuple[str, tuple[GivenPhonemes, ...]]]:
        """The parts of a sentence, with what the placeholders in them stand for."""
        text, given = joined(stretches)
        for part in sentences(weighted(text, given)):
            yield weightless(part), given if has_placeholder(part) else ()

    def _with_names(self, text: str, given: Sequence[GivenPhonemes]) -> NamedPhonemes:
        return named_phonemes(text, given, self._mnemonics_of_voice())

    def _mnemonics_of_voice(self) -> Mnemonics:
        voice = self._request["voice"]
        if voice not in self._mnemonics:
            trials = self._ask(TRIALS, has_phonemes=True)
            if len(self._mnemonics) >= MAX_VOICES:
                self._mnemonics.clear()
            self._mnemonics[voice] = Mnemonics(trials)
        return self._mnemonics[voice]

    def _ask(self, texts: Sequence[str], *, has_phonemes: bool) -> list[str]:
        process = self._pool.acquire()
        try:
            found = phonemes_by(process, texts, self._request["voice"], has_phonemes=has_phonemes)
        except (EOFError, TimeoutError) as error:
            self._pool.discard(process)
            raise Unavailable("ENGINE_FAILED", f"{error}: it will be started again.") from error
        except BaseException:
            self._pool.release(process)
            raise
        self._pool.release(process)
        return found

    def _speak_part(self, text: str, given: Sequence[GivenPhonemes]) -> Generator[Speech, None, None]:
        named = self._with_names(text, given) if given else NamedPhonemes(text, words_of(text))
        request = {**self._request, "text": named.text, "has_phonemes": bool(given)}
        warnings = without_sound(named.unknown)
        timeline = WordTimeline(named.words, self._samples, self.sample_rate_hz)
        with closing(_TextReader(self._pool, request).read()) as made:
            for item in made:
                if isinstance(item, np.ndarray):
                    timeline.add_audio(item)
                else:
                    timeline.add_events(item)
                if speech := timeline.ready():
                    yield replace(self._painted(speech), warnings=warnings)
                    warnings = ()
        if speech := timeline.finish():
            yield replace(self._painted(speech), warnings=warnings)

    def _painted(self, speech: Speech) -> Speech:
        self._samples += len(speech.samples)
        return Speech(self._colour.paint(speech.samples), speech.words, speech.phonemes)


class _TextReader:
    """One text while a process speaks it; a thread reads it to its end, so that a slow listener never blocks a
    process.
    """

    def __init__(self, pool: EspeakPool, request: Mapping[str, Any]) -> None:
        self._pool, self._request = pool, dict(request)
        self._made: SimpleQueue[list[Any] | Samples | Exception | None] = SimpleQueue()
        self._lock, self._is_read = threading.Lock(), False

    def read(self) -> Generator[list[Any] | Samples, None, None]:
        """Events and samples as they are made. Closing it stops the process's text and ends the thread."""
        process = self._pool.acquire()
        reader = threading.Thread(target=self._read, args=(process,), name="espeak", daemon=True)
        reader.start()
        try:
            while (item := self._made.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self._stop(process, reader)

    def _stop(self, process: EspeakProcess, reader: threading.Thread) -> None:
        with self._lock:  # once it was read to its end, the process may already be another's
            if not self._is_read:
                process.stop()
        reader.join(STOP_SECONDS)
        if reader.is_alive():
            process.kill()
            reader.join()

    def _read(self, process: EspeakProcess) -> None:
        try:
            process.send(self._request)
            self._frames(process)
        except (EOFError, TimeoutError) as error:
            self._end(process, is_usable=False)
            self._made.put(Unavailable("ENGINE_FAILED", f"{error}: it will be started again."))
        else:
            self._end(process, is_usable=True)
        self._made.put(None)

    def _frames(self, process: EspeakProcess) -> None:
        while True:
            letter, body = process.read()
            if letter == b"A":
                self._made.put(np.frombuffer(body, np.int16).astype(np.float32) / np.float32(32768))
            elif letter == b"E":
                self._made.put(json.loads(body))
            elif letter == b"F":
                self._made.put(InvalidField("text", f"{body.decode()}.", "TEXT_NOT_SPEAKABLE"))
                return
            else:
                return

    def _end(self, process: EspeakProcess, *, is_usable: bool) -> None:
        with self._lock:
            self._is_read = True
        if is_usable:
            self._pool.release(process)
        else:
            self._pool.discard(process)


def _listed(entries: Sequence[Mapping[str, Any]], rate_hz: int) -> tuple[tuple[Voice, ...], Mapping[str, str]]:
    """The voices, and the identifier of each by name. A code that espeak-ng lists twice is named by its identifier the
    second time.
    """
    voices, identifiers, ranks = list[Voice](), dict[str, str](), dict[str, tuple[int, int]]()
    for voice in entries:
        codes = [code for _, code in voice["languages"]]
        name = codes[0] if codes[0] not in identifiers else voice["identifier"].rpartition("/")[2].lower()
        identifiers[name] = voice["identifier"]
        # "fr" for French: fr-fr has the priority 5, fr-be 8.
        ranks[name] = min((code.count("-"), priority) for priority, code in voice["languages"])
        voices.append(Voice(name, voice["name"], tuple(most_specific(list(dict.fromkeys(map(own, codes))))), rate_hz))
    voices.sort(key=lambda voice: (voice.name != _DEFAULT_VOICE, ranks[voice.name], voice.name))
    female = Voice(_FEMALE_VOICE, f"{voices[0].display_name}, female", voices[0].languages, rate_hz, Gender.FEMALE)
    identifiers[_FEMALE_VOICE] = identifiers[_DEFAULT_VOICE] + _variant(_FEMALE_VOICE)
    return (voices[0], female, *voices[1:]), identifiers


def _speaks(voice: Voice, language: str) -> bool:
    return any(covers(language, each) for each in voice.languages)


def _is_female(name: str) -> bool:
    return name == _FEMALE_VOICE


def _variant(name: str) -> str:
    """The end of a voice's name that says which variant it is, as espeak-ng writes it."""
    return name[name.index("+") :]


def _refuse(style: Style) -> None:
    """InvalidField for what espeak-ng cannot honour."""
    if style.instructions:
        raise InvalidField("style.instructions", "espeak-ng follows no instructions.", "UNSUPPORTED_BY_ENGINE")
    if style.speed < MIN_SPEED:
        raise InvalidField("style.speed", f"espeak-ng speaks no slower than {MIN_SPEED}.", "UNSUPPORTED_BY_ENGINE")
    if not LOWEST_SEMITONES <= style.pitch_semitones <= HIGHEST_SEMITONES:
        sentence = f"espeak-ng moves its pitch by {LOWEST_SEMITONES:g} to {HIGHEST_SEMITONES:g} semitones."
        raise InvalidField("style.pitch_semitones", sentence, "UNSUPPORTED_BY_ENGINE")


def _parameters(speed: float, shift: Shift) -> dict[str, int]:
    """espeak-ng's own parameters, 50 where nothing is changed; a likeness that reaches beyond them stops there."""
    pitch_range = min(shift.pitch * shift.spread, 99 / 50)
    octaves = (shift.pitch - _SHARE_OF_RANGE * pitch_range - (1 - _SHARE_OF_PITCH - _SHARE_OF_RANGE)) / _SHARE_OF_PITCH
    pitch = 50 + 50 * np.log2(max(octaves, 0.5))
    return {
        "words_per_minute": round(WORDS_PER_MINUTE * speed),
        "pitch": min(round(float(pitch)), 99),
        "pitch_range": round(50 * pitch_range),
    }
