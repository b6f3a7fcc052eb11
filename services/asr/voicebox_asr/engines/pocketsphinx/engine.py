"""CMU PocketSphinx: US English on any processor, with a model that comes in its wheel."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pocketsphinx import Vad
from voicebox_audio.pcm import to_s16le
from voicebox_kit.errors import InvalidField, StartError, Unavailable, VoiceboxError
from voicebox_models.devices import cpu_only
from voicebox_models.engine import Model, Report, Setup
from voicebox_models.family import Only

from voicebox_asr.engine import SAMPLE_RATE_HZ, Capabilities, Hypothesis, Options, Samples, VoiceDetection, Word
from voicebox_asr.segmentation.level_gate import DYNAMIC_DB, AutomaticGain, LevelGate
from voicebox_asr.segmentation.segmenter import Segmenter
from voicebox_asr.segmentation.utterance_reader import FILE_ENDPOINTING, AllSpeech, UtteranceReader

from . import grammar
from .process import ANSWER, BEGIN, END, FEED, GRAMMAR, INTERIM, READY, REQUEST

LOAD_SECONDS = 60.0
"""Loading takes 0.3 s; a machine that needs longer than this is broken."""

ANSWER_SECONDS = 120.0
"""The longest step, ending a 60 s utterance, takes 2 s."""


def family(setup: Setup) -> Only["PocketsphinxEngine"]:
    """The one model that comes in the wheel."""
    return Only(PocketsphinxEngine(setup.device))


class PocketsphinxEngine:
    """Decoders in a separate process; see process.py."""

    def __init__(self, device: str = "auto") -> None:
        self.device = cpu_only(self.name, device)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def name(self) -> str:
        return "pocketsphinx"

    @property
    def model(self) -> Model:
        return Model("pocketsphinx/en-us", version("pocketsphinx"), "BSD-2-Clause", ("en-US",))

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

    @property
    def present(self) -> bool:
        return True

    @property
    def loaded(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def memory_bytes(self) -> int:
        return _resident_bytes(self._process.pid) if self._process and self.loaded else 0

    def download(self, report: Report) -> None:
        """The model comes in the wheel."""

    def load(self) -> None:
        with self._lock:
            self._load()

    def unload(self) -> None:
        """Release the loaded decoder. Open sessions continue: each has its own decoder."""
        with self._lock:
            self._unload()

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

    def _fork(self) -> "PocketsphinxSession":
        ours, theirs = socket.socketpair()
        ours.settimeout(ANSWER_SECONDS)
        with theirs, self._lock:
            self._load()
            assert self._control is not None
            socket.send_fds(self._control, [b"S"], [theirs.fileno()])
        return PocketsphinxSession(ours)

    def _load(self) -> None:
        if self.loaded:
            return
        self._unload()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(LOAD_SECONDS)
        module = f"{__package__}.process"
        with theirs:
            command = [sys.executable, "-P", "-m", module, str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        try:
            ready = self._control.recv(1)
        except TimeoutError:
            ready = b""
        if ready != READY:
            self._unload()
            raise StartError("The pocketsphinx decoder did not start; the log says why.")

    def _unload(self) -> None:
        if self._control and self._process:
            self._control.close()
            self._process.kill()  # it holds nothing but memory
            self._process.wait()
        self._control = self._process = None


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


def _resident_bytes(process_id: int) -> int:
    try:
        pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    except (OSError, IndexError):  # not Linux, or it just ended
        return 0
    return pages * 4096
