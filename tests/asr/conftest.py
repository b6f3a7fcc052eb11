"""Speech that the project makes itself, a ten-line engine that recognises tones, and the asr service."""

import io
import re
import sys
import wave
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from voicebox.asr.v1 import asr_pb2_grpc
from voicebox_asr.app import open_service
from voicebox_asr.engine import SAMPLE_RATE_HZ, Capabilities, Engine, Hypothesis, Options, Samples, VoiceDetection, Word
from voicebox_asr.segmentation.segmenter import Segmenter
from voicebox_asr.segmentation.utterance_reader import FILE_ENDPOINTING, UtteranceReader
from voicebox_audio.pcm import to_s16le
from voicebox_models.engine import InstalledFiles, Model
from voicebox_models.family import SingleModel

from bench.launch import platform
from tests.support.aio import aio_stub


@pytest.fixture(scope="module")
def whisper_at(tmp_path_factory: pytest.TempPathFactory, packaged_whisper: Path) -> Iterator[Callable[[str], str]]:
    """Gives the address of an asr with the packaged Whisper of a name, loaded once for the tests of a module."""
    with ExitStack() as stack:

        @cache
        def address(name: str) -> str:
            variables = {"ASR_ENGINE": "whisper", "ASR_MODEL": str(packaged_whisper / name)}
            return stack.enter_context(platform(tmp_path_factory.mktemp("asr"), ("asr",), **variables)).asr

        yield address


SENTENCES = ("The weather is very nice today.", "Please open the window and close the door.")


def wav(samples: NDArray[np.float32], sample_rate_hz: int = SAMPLE_RATE_HZ, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate_hz)
        writer.writeframes(to_s16le(np.repeat(samples, channels)))
    return file.getvalue()


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)


def tone(seconds: float) -> Samples:
    return (0.5 * np.sin(np.arange(round(seconds * SAMPLE_RATE_HZ)) * 0.3)).astype(np.float32)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower().replace("-", " "))


def word_errors(spoken_text: list[str], recognised: list[str]) -> int:
    """The Levenshtein distance in words."""
    row = list(range(len(recognised) + 1))
    for i, word in enumerate(spoken_text, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(recognised, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


@pytest.fixture(scope="session")
def spoken() -> Samples:
    """Two sentences of synthetic speech with a second of silence before, between and after, 16 kHz."""
    from voicebox_tts.engine import Style
    from voicebox_tts.engines.flite.engine import FliteEngine

    engine = FliteEngine()
    pieces = [silence(1.0)]
    for sentence in SENTENCES:
        session = engine.open("slt", Style(), 1)
        assert session.sample_rate_hz == SAMPLE_RATE_HZ
        pieces += [*(piece.samples for piece in session.speak(sentence)), silence(1.0)]
        session.close()
    return np.concatenate(pieces)


@dataclass
class LoudActivity:
    """Everything that is not silence is speech."""

    frame_samples: int = 160

    def is_speech(self, frame: Samples) -> bool:
        return bool(np.abs(frame).max() > 0.1)


@dataclass
class CountingSession:
    """Hears how many samples were fed; remembers what was asked of it."""

    log: list[tuple[str, int]] = field(default_factory=list)
    fed: int = 0

    def begin(self, preview: Samples) -> None:
        self.fed = 0
        self.log.append(("begin", preview.size))

    def feed(self, samples: Samples) -> None:
        self.fed += samples.size
        self.log.append(("feed", samples.size))

    def interim(self) -> Hypothesis:
        return Hypothesis(
            f"about {self.fed // 3200}",
            None,
            (Word("about", 0.0, 0.0, None), Word(str(self.fed // 3200), 0.0, 0.0, None)),
        )

    def end(self) -> Hypothesis:
        self.log.append(("end", self.fed))
        return Hypothesis(str(self.fed), 0.5, (Word(str(self.fed), 0.0, self.fed / SAMPLE_RATE_HZ, 0.5),))

    def interrupt(self) -> None:
        self.log.append(("interrupt", 0))

    def close(self) -> None:
        self.log.append(("close", 0))


CAPABILITIES = Capabilities(
    detects_language=False,
    multilingual=False,
    translates=False,
    prompts=False,
    hotwords=False,
    grammars=False,
    decoding=False,
    voice_threshold=False,
    longest_utterance_seconds=60.0,
    preview_seconds=1.0,
)


@dataclass
class CountingEngine:
    """The Engine protocol with a CountingSession behind it."""

    name: str = "counting"
    model: Model = field(default_factory=lambda: Model("counting/1", "1", "Apache-2.0", ("en-US", "de-DE")))
    device: str = "cpu"
    capabilities: Capabilities = CAPABILITIES
    files: InstalledFiles = field(default_factory=InstalledFiles)
    loaded: bool = False
    memory_bytes: int = 0
    session: CountingSession = field(default_factory=CountingSession)

    def load(self) -> None:
        self.loaded = True

    def unload(self) -> None:
        self.loaded = False

    def open(self, options: Options) -> CountingSession:
        return self.session

    def read(self, options: Options) -> UtteranceReader:
        return UtteranceReader(self.open(options), Segmenter(LoudActivity(), FILE_ENDPOINTING))

    def voice_activity(self, detection: VoiceDetection) -> LoudActivity:
        return LoudActivity()


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Engine], None]:
    """Installs an engine as a package would, by its entry point: ASR_ENGINE is its name."""

    def install(engine: Engine) -> None:
        module = ModuleType("installed_engine")
        vars(module)["family"] = lambda setup: SingleModel(engine)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        package = tmp_path / "packages" / "voicebox_installed_engine-1.0.dist-info"
        package.mkdir(parents=True)
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: voicebox-installed-engine\nVersion: 1.0\n")
        (package / "entry_points.txt").write_text(f"[voicebox.asr.engines]\n{engine.name} = installed_engine:family\n")
        monkeypatch.syspath_prepend(str(package.parent))

    return install


@pytest.fixture
async def stub(start: Callable[..., Awaitable[Any]]) -> Any:
    """The asr service with pocketsphinx."""
    return aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, (await start(open_service)).channel)
