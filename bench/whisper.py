"""Whisper: what the service costs over the library alone, on a model of random weights, so that nothing but overhead
counts.
"""

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import soundfile
import soxr
from faster_whisper import BatchedInferencePipeline, WhisperModel
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc

from bench.figures import Figure
from bench.launch import platform
from bench.recordings import FOLDER

RATE_HZ = 16_000
FILES = 20
CLIENTS = STREAMS = 8
STREAM_SECONDS = 8
BLOCK_SECONDS = 0.1

MAKE_MODEL = Path(__file__).parents[1] / "tests" / "support" / "tiny_whisper.py"

Stub = asr_pb2_grpc.SpeechToTextServiceStub
CERTAIN = asr_pb2.Decoding(temperatures=[0.0])
"""Sampling, of which random weights need more than trained ones, would make each run another one."""


@dataclass(frozen=True)
class Sides:
    """The library and the service, with the same model on the same cores."""

    library: WhisperModel
    service: Stub


def measure(folder: Path) -> list[Figure]:
    """Files one after the other, files by many clients at once, and live streams."""
    files = [path.read_bytes() for path in recordings()]
    files = [files[index % len(files)] for index in range(FILES)]
    subprocess.run([sys.executable, MAKE_MODEL, folder / "made"], check=True)
    model = folder / "made" / "random"
    with (
        platform(folder, ("asr",), ASR_ENGINE="whisper", ASR_MODEL=str(model)) as running,
        grpc.insecure_channel(running.asr) as channel,
    ):
        sides = Sides(WhisperModel(str(model), device="cpu", compute_type="int8"), Stub(channel))
        return [*one_by_one(sides, files), *at_once(sides, files), *live(sides.service, files)]


def recordings() -> list[Path]:
    return sorted(path for path in FOLDER.iterdir() if path.suffix in {".wav", ".flac", ".mp3"})


def one_by_one(sides: Sides, files: Sequence[bytes]) -> list[Figure]:
    """Each file by the library and by the service, in turns, so that what else the machine does hits both."""
    for each in (by_library, by_service):
        each(sides, files[0])
    library, service = 0.0, 0.0
    for file in files:
        library += seconds(partial(by_library, sides, file))
        service += seconds(partial(by_service, sides, file))
    return [
        Figure("whisper: 20 files by faster-whisper alone", library, "s"),
        Figure("whisper: the same through gRPC, over that", service / library, "x", at_most=1.05),
    ]


def at_once(sides: Sides, files: Sequence[bytes]) -> list[Figure]:
    """The files by 8 clients at once, against the library's own batched pipeline."""
    pipeline = BatchedInferencePipeline(sides.library)

    def batched() -> None:
        for file in files:
            segments, _ = pipeline.transcribe(
                io.BytesIO(file), language="en", temperature=0.0, without_timestamps=False, batch_size=8
            )
            list(segments)

    def clients() -> None:
        with ThreadPoolExecutor(CLIENTS) as executor:
            list(executor.map(lambda file: by_service(sides, file), files))

    batched()
    clients()
    library, service = min(seconds(batched) for _ in range(2)), min(seconds(clients) for _ in range(2))
    return [
        Figure("whisper: 20 files by the library's batched pipeline", library, "s"),
        Figure("whisper: the same by 8 clients through gRPC, over that", service / library, "x", at_most=1.1),
    ]


def live(service: Stub, files: Sequence[bytes]) -> list[Figure]:
    """8 live streams together, against the same 8 one after the other."""
    audio = b"".join(pcm(file) for file in files)
    size = 2 * STREAM_SECONDS * RATE_HZ
    streams = [audio[index * size : (index + 1) * size] for index in range(STREAMS)]

    def together() -> None:
        with ThreadPoolExecutor(STREAMS) as executor:
            list(executor.map(lambda audio: by_stream(service, audio), streams))

    def apart() -> None:
        for audio in streams:
            by_stream(service, audio)

    together()
    one, all_ = min(seconds(apart) for _ in range(2)), min(seconds(together) for _ in range(2))
    return [
        Figure("whisper: 8 live streams, one after the other", one, "s"),
        Figure("whisper: 8 live streams at once, over that", all_ / one, "x", at_most=0.5),
    ]


def by_library(sides: Sides, file: bytes) -> None:
    """As its users call it: decoded, silence left out, written."""
    segments, _ = sides.library.transcribe(io.BytesIO(file), language="en", temperature=0.0, vad_filter=True)
    list(segments)


def by_service(sides: Sides, file: bytes) -> None:
    """The same by gRPC."""
    config = asr_pb2.RecognitionConfig(language="en", decoding=CERTAIN)
    sides.service.Recognize(asr_pb2.RecognizeRequest(audio=file, config=config), timeout=60)


def by_stream(service: Stub, audio: bytes) -> None:
    """A live stream as fast as it is taken, to its last event."""
    for _ in service.StreamingRecognize(messages(audio), timeout=120):
        pass


def messages(audio: bytes) -> Iterator[asr_pb2.StreamingRecognizeRequest]:
    """What a live client sends: the config, then blocks of 0.1 s."""
    recognition = asr_pb2.RecognitionConfig(
        encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ, language="en", decoding=CERTAIN
    )
    yield asr_pb2.StreamingRecognizeRequest(
        config=asr_pb2.StreamingConfig(recognition=recognition, interim_results=True)
    )
    size = 2 * round(BLOCK_SECONDS * RATE_HZ)
    for start in range(0, len(audio), size):
        yield asr_pb2.StreamingRecognizeRequest(audio=audio[start : start + size])


def pcm(file: bytes) -> bytes:
    """A file as headerless 16-bit samples at 16 kHz."""
    samples, rate = soundfile.read(io.BytesIO(file), dtype="float32", always_2d=True)
    return bytes((soxr.resample(samples.mean(axis=1), rate, RATE_HZ) * 32767).astype("<i2").tobytes())


def seconds(work: Callable[[], None]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
