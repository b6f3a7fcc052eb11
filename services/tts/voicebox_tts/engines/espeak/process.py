"""A program that speaks with libespeak-ng, over a plain pipe protocol.

A program of its own, because libespeak-ng is under the GPL-3: whoever loads that library is one program with it, and
nothing else of voicebox is. (Apache-2.0, under which this file is, may be combined with the GPL-3.) The library also
keeps its state in globals, so that a process speaks one text at a time.

Standard input has one JSON object per line: {"text", "voice", "words_per_minute", "pitch", "pitch_range", "seed"} to
speak, or {"phonemes": [text, ...], "voice", "tie"}; with "has_phonemes": true in either of them, names of phonemes are
followed in a text, as in [[h@l'oU]]. An empty line while it speaks stops it. Standard output has frames,
a letter, a 4-byte little-endian length, and so many bytes:

H  hello, first and once: JSON {"version", "sample_rate_hz", "voices": [{"identifier", "name", "languages":
    [[priority, code], ...]}]}
    A  audio: native signed 16-bit samples, mono
    E  events of the audio that follows: JSON [["word" | "phoneme", text, sample, first character, characters], ...]
    P  phonemes: JSON [IPA of each text, ...], words separated by spaces; a `tie` that is not empty joins the letters of
        one phoneme
    D  done: the text is spoken, or was stopped
    F  failure: a sentence in UTF-8; the program goes on when it can

Runs with the standard library alone: python -I -S process.py
"""

import ctypes as c
import json
import os
import select
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import NoReturn

_SYNCHRONOUS, _EVENTS_OF_PHONEMES, _PHONEMES_IN_IPA, _DO_NOT_EXIT = 2, 0x1, 0x2, 0x8000
_TIED = 0x80
_UTF8, _RATE, _PITCH, _RANGE = 1, 1, 3, 4
_NAMES_OF_PHONEMES = 0x100
_END, _WORD, _PHONEME = 0, 1, 7
_BUFFER_MS = 20


class _Id(c.Union):
    _fields_ = (("number", c.c_int), ("name", c.c_void_p), ("string", c.c_char * 8))


class _Event(c.Structure):
    _fields_ = (
        ("type", c.c_int),
        ("unique", c.c_uint),
        ("text_position", c.c_int),
        ("length", c.c_int),
        ("audio_ms", c.c_int),
        ("sample", c.c_int),
        ("user_data", c.c_void_p),
        ("id", _Id),
    )


class _Voice(c.Structure):
    _fields_ = (("name", c.c_char_p), ("languages", c.c_void_p), ("identifier", c.c_char_p))


_CALLBACK = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int, c.POINTER(_Event))


def write_frame(out: int, letter: bytes, body: bytes = b"") -> None:
    """Write one frame to a file descriptor."""
    data = memoryview(letter + struct.pack("<I", len(body)) + body)
    while data:
        data = data[os.write(out, data) :]


class EspeakLibrary:
    """The library; one per process."""

    def __init__(self, out: int) -> None:
        """Loads the library and its data; OSError when either is missing. Frames go to the file descriptor `out`."""
        self._out = out
        library = self._library = c.CDLL("libespeak-ng.so.1")
        library.espeak_Info.restype = c.c_char_p
        library.espeak_ListVoices.restype = c.POINTER(c.POINTER(_Voice))
        library.espeak_SetVoiceByName.argtypes = [c.c_char_p]
        library.espeak_Synth.argtypes = [
            c.c_char_p,
            c.c_size_t,
            c.c_uint,
            c.c_int,
            c.c_uint,
            c.c_uint,
            c.c_void_p,
            c.c_void_p,
        ]
        flags = _EVENTS_OF_PHONEMES | _PHONEMES_IN_IPA | _DO_NOT_EXIT
        self._rate = library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, None, flags)
        if self._rate <= 0:
            raise OSError("espeak-ng finds no data")
        library.espeak_TextToPhonemes.restype = c.c_char_p
        library.espeak_TextToPhonemes.argtypes = [c.POINTER(c.c_void_p), c.c_int, c.c_int]
        self._callback = _CALLBACK(self._receive)  # must live: the library holds the pointer
        library.espeak_SetSynthCallback(self._callback)
        self._has_failed = self._is_muted = False

    def hello(self) -> None:
        """Send the library's version and voices."""
        version = self._library.espeak_Info(None).decode().partition(" ")[0]
        self._json(b"H", {"version": version, "sample_rate_hz": self._rate, "voices": self._voices()})

    def speak(
        self,
        text: str,
        voice: str,
        words_per_minute: int,
        pitch: int,
        pitch_range: int,
        seed: int,
        has_phonemes: bool = False,
    ) -> None:
        """Write a text's frames; ValueError for an unknown voice, or when the library crashes.

        A fork speaks, which costs 1 ms: each voice and text moves the library's state on, but the same request must
        give the same samples. And a text that breaks the library breaks nothing else.
        """
        if not (child := os.fork()):
            parameters = ((_RATE, words_per_minute), (_PITCH, pitch), (_RANGE, pitch_range))
            self._speak_and_exit(text, voice, parameters, seed, _flags(has_phonemes=has_phonemes))
        _, status = os.waitpid(child, 0)
        if status:
            raise ValueError(f"espeak-ng cannot speak this text with the voice {voice!r}")
        write_frame(self._out, b"D")

    def phonemize(self, texts: Sequence[str], voice: str, tie: str, *, has_phonemes: bool) -> None:
        """Write the IPA of some texts; ValueError for an unknown voice, or when the library crashes. A fork does it, as
        in `speak`.
        """
        if not (child := os.fork()):
            self._phonemize_and_exit(texts, voice, tie, has_phonemes=has_phonemes)
        _, status = os.waitpid(child, 0)
        if status:
            raise ValueError(f"espeak-ng finds no phonemes for this text with the voice {voice!r}")
        write_frame(self._out, b"D")

    def _phonemize_and_exit(self, texts: Sequence[str], voice: str, tie: str, *, has_phonemes: bool) -> NoReturn:
        status = 1
        try:
            if not self._library.espeak_SetVoiceByName(voice.encode()):
                if has_phonemes:  # what was last spoken decides whether they are followed
                    self._is_muted = True
                    self._library.espeak_Synth(b"\0", 1, 0, 1, 0, _flags(has_phonemes=True), None, None)
                self._json(b"P", [" ".join(self._clauses(text, tie)) for text in texts])
                status = 0
        finally:
            os._exit(status)

    def _clauses(self, text: str, tie: str) -> Iterator[str]:
        """The IPA of each clause: the library moves the pointer on, and sets it to NULL at the end."""
        mode = _PHONEMES_IN_IPA | (_TIED | ord(tie) << 8 if tie else 0)
        raw = c.create_string_buffer(text.encode())
        rest = c.c_void_p(c.addressof(raw))
        while rest.value:
            clause = self._library.espeak_TextToPhonemes(c.byref(rest), _UTF8, mode)
            yield (clause or b"").decode("utf-8", "replace").strip()

    def _speak_and_exit(
        self, text: str, voice: str, parameters: Sequence[tuple[int, int]], seed: int, flags: int
    ) -> NoReturn:
        status = 1
        try:
            if not self._library.espeak_SetVoiceByName(voice.encode()):
                for parameter, value in parameters:
                    self._library.espeak_SetParameter(parameter, value, 0)
                c.CDLL(None).srand(seed)  # breathy voices draw their noise from rand()
                raw = text.encode() + b"\0"
                self._library.espeak_Synth(raw, len(raw), 0, 1, 0, flags, None, None)
                status = int(self._has_failed)
        finally:
            os._exit(status)

    def _json(self, letter: bytes, value: object) -> None:
        write_frame(self._out, letter, json.dumps(value).encode())

    def _voices(self) -> list[dict[str, object]]:
        listed, index, voices = self._library.espeak_ListVoices(None), 0, list[dict[str, object]]()
        while listed[index]:
            voice = listed[index].contents
            languages = list(_languages(voice.languages))
            voices.append(
                {"identifier": voice.identifier.decode(), "name": voice.name.decode(), "languages": languages}
            )
            index += 1
        return voices

    def _receive(self, wave: int, count: int, events: "c._Pointer[_Event]") -> int:
        """The library's callback; 1 stops it."""
        if self._is_muted:
            return 0
        try:
            listed = list(_listed(events))
            if listed:
                self._json(b"E", listed)
            if wave and count:
                write_frame(self._out, b"A", c.string_at(wave, 2 * count))
            return 1 if select.select([0], [], [], 0)[0] else 0
        except OSError:  # the reader has left; an exception must not cross the C frames
            self._has_failed = True
            return 1


def _flags(*, has_phonemes: bool) -> int:
    return _UTF8 | (_NAMES_OF_PHONEMES if has_phonemes else 0)


def _listed(events: "c._Pointer[_Event]") -> Iterator[tuple[str, str, int, int, int]]:
    """The words and phonemes; positions count characters, from 0 here."""
    index = 0
    while events[index].type != _END:
        event = events[index]
        if event.type == _WORD:
            yield "word", "", event.sample, event.text_position - 1, event.length
        elif event.type == _PHONEME:
            yield "phoneme", event.id.string.decode("utf-8", "replace"), event.sample, 0, 0
        index += 1


def _languages(address: int) -> Iterator[tuple[int, str]]:
    """(priority, code): a byte and a string that ends in NUL, again and again until a 0."""
    while priority := c.string_at(address, 1)[0]:
        code = c.string_at(address + 1)
        yield priority, code.decode()
        address += len(code) + 2


def main() -> None:
    """Serve until standard input ends."""
    out = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints stays out of the frames
    try:
        speaker = EspeakLibrary(out)
    except OSError as error:
        write_frame(out, b"F", str(error).encode())
        sys.exit(1)
    speaker.hello()
    with os.fdopen(0, "rb", buffering=0) as requests:
        while line := requests.readline():
            if line == b"\n":
                continue
            try:
                request = json.loads(line)
                if "phonemes" in request:
                    has_phonemes = request.get("has_phonemes", False)
                    speaker.phonemize(request["phonemes"], request["voice"], request["tie"], has_phonemes=has_phonemes)
                else:
                    speaker.speak(**request)
            except ValueError as error:
                write_frame(out, b"F", str(error).encode())


if __name__ == "__main__":
    main()
