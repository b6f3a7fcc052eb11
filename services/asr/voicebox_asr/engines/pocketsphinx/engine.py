"""CMU PocketSphinx: US English on any processor, with a model that comes in its wheel."""

import contextlib
import json
import socket
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from pocketsphinx import Vad
from voicebox_audio.pcm import to_s16le
from voicebox_kit.errors import InvalidField, Unavailable, VoiceboxError
from voicebox_models.devices import cpu_only
from voicebox_models.engine import InstalledFiles, Model, Setup
from voicebox_models.family import SingleModel, preference
from voicebox_models.lifecycle import Lifecycle

from voicebox_asr.engine import SAMPLE_RATE_HZ, Capabilities, Hypothesis, Options, Samples, VoiceDetection, Word
from voicebox_asr.segmentation.level_gate import DYNAMIC_DB, AutomaticGain, LevelGate
from voicebox_asr.segmentation.segmenter import Segmenter
from voicebox_asr.segmentation.utterance_reader import FILE_ENDPOINTING, AllSpeech, UtteranceReader

from . import grammar
from .fork_server import ForkServer
from .process import ANSWER, BEGIN, END, FEED, GRAMMAR, INTERIM, REQUEST

ANSWER_SECONDS = 120.0
"""The longest step, ending a 60 s utterance, takes 2 s."""


@preference(10)
def family(setup: Setup) -> SingleModel["PocketsphinxEngine"]:
    """The one model that comes in the wheel. A session keeps a core busy."""
    return SingleModel(PocketsphinxEngine(setup.device), concurrency=2)


class PocketsphinxEngine(Lifecycle[ForkServer]):
    """Decoders in processes of their own, see `process`. Open sessions go on when it is unloaded."""

    name = "pocketsphinx"

    def __init__(self, device: str = "auto") -> None:
        super().__init__(InstalledFiles(revision=version("pocketsphinx")))
        self.device = cpu_only(self.name, device)

    @property
    def model(self) -> Model:
        return Model("pocketsphinx/en-us", self.files.revision, "BSD-2-Clause", ("en-US",))

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            detects_language=False,
            multilingual=False,
            translates=False,
            prompts=False,
            hotwords=False,
            grammars=True,
            decoding=False,
            voice_threshold=False,
            longest_utterance_seconds=60.0,
            preview_seconds=1.0,
        )

    def open(self, options: Options) -> "PocketsphinxSession":
        if not options.grammar:
            return self._fork()
        jsgf = grammar.searched(options.grammar)
        session = self._fork()
        try:
            session.limit_to(jsgf, grammar.field(options.grammar))
        except VoiceboxError:
            session.close()
            raise
        return session

    def read(self, options: Options) -> UtteranceReader:
        detection = options.voice_detection
        activity = AllSpeech() if detection.off else self.voice_activity(detection)
        return UtteranceReader(self.open(options), Segmenter(activity, FILE_ENDPOINTING))

    def voice_activity(self, detection: VoiceDetection) -> "PocketsphinxVoiceActivity":
        return PocketsphinxVoiceActivity()

    def _open_model(self) -> ForkServer:
        return ForkServer()

    def _is_usable(self, loaded: ForkServer) -> bool:
        return loaded.alive

    def _memory_bytes(self, loaded: ForkServer) -> int:
        return loaded.memory_bytes

    def _fork(self) -> "PocketsphinxSession":
        ours, theirs = socket.socketpair()
        ours.settimeout(ANSWER_SECONDS)
        with theirs:
            self._opened().serve(theirs)
        return PocketsphinxSession(ours)


class PocketsphinxSession:
    """One decoder, behind a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rwb")

    def limit_to(self, jsgf: str, field: str) -> None:
        """Recognise only a grammar's sentences; before the first utterance. InvalidField when it cannot be used."""
        complaint = self._ask(GRAMMAR, jsgf.encode())
        if "word" in complaint:
            raise InvalidField(field, _unknown(complaint["word"]), "WORD_UNKNOWN")
        if "error" in complaint:
            raise InvalidField(field, f"The grammar cannot be used: {complaint['error']}", "GRAMMAR_BROKEN")

    def begin(self, preview: Samples) -> None:
        self._ask(BEGIN, to_s16le(preview))

    def feed(self, samples: Samples) -> None:
        self._ask(FEED, to_s16le(samples))

    def interim(self) -> Hypothesis:
        text = str(self._ask(INTERIM)["text"])
        return Hypothesis(text, None, tuple(Word(word, 0.0, 0.0, None) for word in text.split()))

    def end(self) -> Hypothesis:
        words = tuple(Word(w["text"], w["start"], w["end"], w["confidence"]) for w in self._ask(END)["words"])
        return Hypothesis(" ".join(word.text for word in words), _confidence(words), words, "en-US")

    def interrupt(self) -> None:
        """Ending a long utterance takes the decoder up to 2 s; then it finds its pipe closed, and ends."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._connection.close()
        with contextlib.suppress(OSError):  # the decoder may be gone already
            self._stream.close()

    def _ask(self, operation: bytes, data: bytes = b"") -> Mapping[str, Any]:
        try:
            self._stream.write(REQUEST.pack(operation, len(data)) + data)
            self._stream.flush()
            (length,) = ANSWER.unpack(self._read(ANSWER.size))
            answer: Mapping[str, Any] = json.loads(self._read(length))
        except OSError as error:
            raise Unavailable("RECOGNISER_LOST", "The recogniser's process ended before it answered.") from error
        return answer

    def _read(self, length: int) -> bytes:
        data = self._stream.read(length)
        if len(data) < length:
            raise ConnectionError("the answer was cut short")
        return data


class PocketsphinxVoiceActivity:
    """WebRTC's voice activity detector, strict, and a gate: in a hall it calls the background speech as well."""

    def __init__(self) -> None:
        self._vad = Vad(Vad.STRICT, SAMPLE_RATE_HZ)
        self._level = AutomaticGain()
        self._gate = LevelGate()

    @property
    def frame_samples(self) -> int:
        return int(self._vad.frame_bytes) // 2

    def is_speech(self, frame: Samples) -> bool:
        raised = self._level.apply(frame)
        loud = self._gate.is_loud(raised)
        shown = raised if self._gate.over_background_db > DYNAMIC_DB else frame
        return bool(self._vad.is_speech(to_s16le(shown))) and loud


def _unknown(word: str) -> str:
    digits = " Write numbers as they are spoken." if any(character.isdigit() for character in word) else ""
    return f"The recogniser does not know the word {word!r}.{digits}"


def _confidence(words: tuple[Word, ...]) -> float | None:
    """The words' posteriors, weighted by their lengths; the utterance's own would be 0 for anything long."""
    weighted = [
        (word.confidence, word.end_seconds - word.start_seconds) for word in words if word.confidence is not None
    ]
    seconds = sum(length for _, length in weighted)
    return sum(confidence * length for confidence, length in weighted) / seconds if seconds else None
