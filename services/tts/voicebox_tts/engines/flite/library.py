"""libflite through ctypes: one utterance, passed on while it is made. Needs the standard library alone."""

import ctypes as c
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

NAMES = ("slt", "rms", "awb", "kal16", "kal")
"""The voices of Debian's libflite1. A name becomes part of a library's name, so no other is ever loaded."""

# flite keeps the pointers of feature names that it is given: these bytes live as long as the process.
F0_SHIFT, F0_SPREAD, STRETCH = b"f0_shift", b"int_f0_target_stddev", b"duration_stretch"
_STREAMING = b"streaming_info"
_WORD_START = b"R:SylStructure.daughter1.daughter1.R:Segment.p.end"
_WORD_END = b"R:SylStructure.daughtern.daughtern.R:Segment.end"

_PREFIX = "lib"
_FIRST_CHUNK_SAMPLES = 400
"""25 ms at 16 kHz: enough to begin with; a callback costs about 0.05 ms."""
_CHUNK_SAMPLES = 1600


class _Wave(c.Structure):
    _fields_ = (
        ("type", c.c_char_p),
        ("sample_rate", c.c_int),
        ("num_samples", c.c_int),
        ("num_channels", c.c_int),
        ("samples", c.c_void_p),
    )


class _Streaming(c.Structure):
    """cst_audio_streaming_info; the utterance frees it. Only the fields that are set here."""


_CALLBACK = c.CFUNCTYPE(c.c_int, c.POINTER(_Wave), c.c_int, c.c_int, c.c_int, c.c_void_p)
_Streaming._fields_ = (("min_buffsize", c.c_int), ("callback", _CALLBACK))

_SIGNATURES: Mapping[str, tuple[object, list[object]]] = {
    "flite_init": (c.c_int, []),
    "new_utterance": (c.c_void_p, []),
    "delete_utterance": (None, [c.c_void_p]),
    "utt_init": (c.c_void_p, [c.c_void_p, c.c_void_p]),
    "utt_set_input_text": (c.c_int, [c.c_void_p, c.c_char_p]),
    "utt_synth": (c.c_void_p, [c.c_void_p]),
    "flite_feat_set_float": (None, [c.c_void_p, c.c_char_p, c.c_float]),
    "flite_feat_set": (None, [c.c_void_p, c.c_char_p, c.c_void_p]),
    "flite_get_param_float": (c.c_float, [c.c_void_p, c.c_char_p, c.c_float]),
    "new_audio_streaming_info": (c.POINTER(_Streaming), []),
    "audio_streaming_info_val": (c.c_void_p, [c.POINTER(_Streaming)]),
    "utt_relation_present": (c.c_int, [c.c_void_p, c.c_char_p]),
    "utt_relation": (c.c_void_p, [c.c_void_p, c.c_char_p]),
    "relation_head": (c.c_void_p, [c.c_void_p]),
    "item_next": (c.c_void_p, [c.c_void_p]),
    "item_feat_string": (c.c_char_p, [c.c_void_p, c.c_char_p]),
    "flite_ffeature_float": (c.c_float, [c.c_void_p, c.c_char_p]),
}


@dataclass(frozen=True)
class SpokenWord:
    """A word as flite says it ("42" is forty, two), in seconds from the utterance's first sample."""

    text: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class Features:
    """What an utterance does otherwise than its voice; None leaves a value as the voice has it."""

    speed: float = 1.0
    f0_factor: float = 1.0
    f0_spread_hz: float | None = None


class Listener(Protocol):
    """Receives an utterance while it is generated; called on the thread that speaks."""

    def begin(self, words: list[SpokenWord]) -> None:
        """Called once, before the first samples."""

    def write(self, samples: bytes) -> bool:
        """Native 16-bit samples; False stops the engine."""


class Flite:
    """The loaded library and its voices: constant tables that the kernel may page out. One utterance at a time."""

    def __init__(self) -> None:
        """Loads everything, 40 ms in all; OSError when the library is not there."""
        self._library = _open("flite")
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
        self._library.flite_init()
        self._voices = {name: _register(name) for name in NAMES}

    def speak(self, voice: str, text: bytes, features: Features, seed: int, listener: Listener) -> None:
        """Synthesize printable ASCII without NUL; blocks until all was written or the listener stopped it, and raises
        what it raised.

        The statistical voices draw their noise from libc's rand(), which is seeded here and must not be used by others
        in this process.
        """
        library, failures = self._library, list[BaseException]()
        # Options live on the utterance, never on the voice, which the next utterance has too.
        utterance = library.utt_init(library.new_utterance(), self._voices[voice])
        self._set(utterance, features)

        def receive(wave: "c._Pointer[_Wave]", start: int, size: int, _last: int, _info: int) -> int:
            try:
                if start == 0:
                    streaming.contents.min_buffsize = _CHUNK_SAMPLES
                    listener.begin(self._words(utterance))
                samples = c.string_at(wave.contents.samples + 2 * start, 2 * size)
                return 0 if listener.write(samples) else -1
            except BaseException as error:  # an exception must not cross the C frames
                failures.append(error)
                return -1

        callback, streaming = _CALLBACK(receive), library.new_audio_streaming_info()
        streaming.contents.min_buffsize, streaming.contents.callback = _FIRST_CHUNK_SAMPLES, callback
        library.flite_feat_set(_features_of(utterance), _STREAMING, library.audio_streaming_info_val(streaming))
        try:
            library.utt_set_input_text(utterance, text)
            c.CDLL(None).srand(seed)
            library.utt_synth(utterance)
        finally:
            library.delete_utterance(utterance)
        if failures:
            raise failures[0]

    def _set(self, utterance: int, features: Features) -> None:
        set_float, address = self._library.flite_feat_set_float, _features_of(utterance)
        own_stretch = self._library.flite_get_param_float(address, STRETCH, 1.0)
        set_float(address, STRETCH, own_stretch / features.speed)
        set_float(address, F0_SHIFT, features.f0_factor)
        if features.f0_spread_hz is not None:
            set_float(address, F0_SPREAD, features.f0_spread_hz)

    def _words(self, utterance: int) -> list[SpokenWord]:
        library, words = self._library, list[SpokenWord]()
        if not library.utt_relation_present(utterance, b"Word"):
            return words
        item = library.relation_head(library.utt_relation(utterance, b"Word"))
        while item:
            text = library.item_feat_string(item, b"name").decode("latin-1")
            start, end = (library.flite_ffeature_float(item, path) for path in (_WORD_START, _WORD_END))
            if start < end:  # brackets are words without a sound
                words.append(SpokenWord(text.lstrip("_") or text, start, end))  # "_a" is the letter, not the article
            item = library.item_next(item)
        return words


def _features_of(utterance: int) -> int | None:
    """The address of an utterance's features: the structure's first field."""
    return c.c_void_p.from_address(utterance).value


def _register(name: str) -> int:
    register: Callable[[None], int] = getattr(_open(f"flite_cmu_us_{name}"), f"register_cmu_us_{name}")
    register.restype, register.argtypes = c.c_void_p, [c.c_char_p]  # type: ignore[attr-defined]  # ctypes types no functions
    return register(None)


def _open(name: str) -> c.CDLL:
    try:
        return c.CDLL(f"{_PREFIX}{name}.so.1")
    except OSError as error:
        raise OSError(f"The flite engine needs lib{name}.so.1: install the Debian package libflite1.") from error
