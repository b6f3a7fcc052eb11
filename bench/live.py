"""Live recognition: how long after the audio its text comes, at the pace of speech, and what a long stream costs in
memory.
"""

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from threading import Semaphore

import grpc
import numpy as np
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc

from bench.figures import Figure, quantile
from bench.launch import Platform, memory_bytes, platform
from bench.whisper import RATE_HZ, pcm, recordings

PACKAGED = ("whisper/base", "whisper/tiny.en")
STREAMS = 8
BLOCK_SECONDS = 0.1
BLOCK_BYTES = 2 * round(BLOCK_SECONDS * RATE_HZ)
PAUSE = bytes(2 * RATE_HZ)
"""1 s of silence between two recordings."""

HOUR_MINUTES = 60
WARM_MINUTES = 10
"""The slope is that of the time after: the first utterances fill caches."""

Stub = asr_pb2_grpc.SpeechToTextServiceStub


@dataclass
class StreamTimes:
    """When a stream's audio was sent and its events came, in seconds of one clock."""

    sent: list[float] = field(default_factory=list)
    """When each block was sent: at its end, since it is spoken until then."""
    first: list[float] = field(default_factory=list)
    """From the beginning of speech to the first interim."""
    interim: list[float] = field(default_factory=list)
    """From the newest audio that an interim covers to the interim."""
    after_speech: list[float] = field(default_factory=list)
    """From the end of speech to the final."""
    after_endpoint: list[float] = field(default_factory=list)
    """From the event of the end to the final."""


def measure(folder: Path) -> list[Figure]:
    """One stream by each Whisper model that comes in packages; one, eight, and an hour by pocketsphinx."""
    clips = [pcm(path.read_bytes()) for path in recordings() if path.suffix == ".wav"]
    if not clips:
        return []
    packaged = [figure for model in PACKAGED for figure in by_whisper(folder, model, clips)]
    with platform(folder, ("asr",), ASR_ENGINE="pocketsphinx", ASR_STREAMS=str(STREAMS)) as running:
        one = paced(running, [PAUSE.join((*clips[:6], b""))])
        many = paced(running, [PAUSE.join((clips[index % len(clips)], b"")) for index in range(STREAMS)])
    with platform(folder, ("asr",), ASR_ENGINE="pocketsphinx") as running:
        growth = hour(running, clips[1])
    return [
        *packaged,
        *figures("one stream", one, 0.5, 0.4),
        *figures(f"{STREAMS} streams", many, None, None),
        growth,
    ]


def by_whisper(folder: Path, model: str, clips: Sequence[bytes]) -> list[Figure]:
    """One stream with a packaged model, and how long files take."""
    with platform(folder, ("asr",), ASR_MODEL=model) as running:
        one = paced(running, [PAUSE.join((*clips[:6], b""))])
        began = time.monotonic()
        with grpc.insecure_channel(running.asr) as channel:
            for clip in clips:
                Stub(channel).Recognize(asr_pb2.RecognizeRequest(config=headerless(), audio=clip), timeout=600)
        took = time.monotonic() - began
    spoken_seconds = sum(map(len, clips)) / 2 / RATE_HZ
    return [
        *figures(f"one stream, {model}", one, 0.5, 0.4),
        Figure(f"files, {model}: real-time factor", took / spoken_seconds, "", 0.2),
    ]


def figures(
    name: str, streams: Sequence[StreamTimes], most_interim: float | None, most_final: float | None
) -> list[Figure]:
    """What some streams that ran at once have in common."""
    first, interim, after_speech, after_endpoint = (
        list(chain.from_iterable(getattr(stream, kind) for stream in streams))
        for kind in ("first", "interim", "after_speech", "after_endpoint")
    )
    return [
        Figure(f"live, {name}: first interim after speech begins, p50", quantile(first, 0.5), "s"),
        Figure(f"live, {name}: first interim after speech begins, p95", quantile(first, 0.95), "s", most_interim),
        Figure(f"live, {name}: interim after the newest sound in it, p50", quantile(interim, 0.5), "s"),
        Figure(f"live, {name}: interim after the newest sound in it, p95", quantile(interim, 0.95), "s", most_interim),
        Figure(f"live, {name}: final after speech ends (0.5 s of it silence), p95", quantile(after_speech, 0.95), "s"),
        Figure(f"live, {name}: final after the endpoint, p95", quantile(after_endpoint, 0.95), "s", most_final),
    ]


def paced(running: Platform, clips: Sequence[bytes]) -> list[StreamTimes]:
    """Streams at once, each as fast as it was spoken."""
    with grpc.insecure_channel(running.asr) as channel, ThreadPoolExecutor(len(clips)) as executor:
        return list(executor.map(lambda clip: listen(Stub(channel), clip), clips))


def listen(stub: Stub, clip: bytes) -> StreamTimes:
    """One stream, as fast as it was spoken."""
    times = StreamTimes()
    utterance, ended = -1, 0.0
    for event in stub.StreamingRecognize(spoken(clip, times), timeout=600):
        now = time.monotonic()
        match event.WhichOneof("event"):
            case "speech_event" if event.speech_event.type == asr_pb2.SpeechEvent.TYPE_SPEECH_END:
                ended = now
            case "interim":
                if event.interim.utterance_index > utterance:
                    utterance = event.interim.utterance_index
                    times.first.append(now - sent(times, event.interim.start_offset))
                times.interim.append(now - sent(times, event.interim.end_offset))
            case "final":
                times.after_speech.append(now - sent(times, event.final.end_offset))
                times.after_endpoint.append(now - ended)
    return times


def sent(times: StreamTimes, offset: Duration) -> float:
    """When the audio up to an offset had been sent."""
    blocks = math.ceil((offset.seconds + offset.nanos / 1e9) / BLOCK_SECONDS - 1e-6)
    return times.sent[min(max(blocks, 1), len(times.sent)) - 1]


def spoken(clip: bytes, times: StreamTimes) -> Iterator[asr_pb2.StreamingRecognizeRequest]:
    """What a client sends whose microphone gives blocks of 0.1 s."""
    yield config()
    began = time.monotonic()
    for start in range(0, len(clip), BLOCK_BYTES):
        time.sleep(max(0.0, began + (start / BLOCK_BYTES + 1) * BLOCK_SECONDS - time.monotonic()))
        times.sent.append(time.monotonic())
        yield asr_pb2.StreamingRecognizeRequest(audio=clip[start : start + BLOCK_BYTES])


def config() -> asr_pb2.StreamingRecognizeRequest:
    return asr_pb2.StreamingRecognizeRequest(
        config=asr_pb2.StreamingConfig(recognition=headerless(), interim_results=True)
    )


def headerless() -> asr_pb2.RecognitionConfig:
    """For bare samples, with the words' times."""
    return asr_pb2.RecognitionConfig(
        encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ, word_offsets=True
    )


def hour(running: Platform, sentence: bytes) -> Figure:
    """How much the service's memory grows in a stream of an hour, with one sentence at the end of each minute.

    A minute is sent once the one before was recognised: what waits in buffers would hide a slow growth.
    """
    minute = (bytes(60 * 2 * RATE_HZ) + sentence + PAUSE)[-60 * 2 * RATE_HZ :]
    times = Semaphore(1)
    hours, megabytes = [], []
    with grpc.insecure_channel(running.asr) as channel:
        for event in Stub(channel).StreamingRecognize(minutes(minute, times), timeout=1200):
            if event.HasField("final"):
                hours.append(event.final.end_offset.ToTimedelta().total_seconds() / 3600)
                megabytes.append(memory_bytes(running.process.pid, "Pss_Anon") / 1e6)
                times.release()
    warm = slice(WARM_MINUTES, WARM_MINUTES + HOUR_MINUTES)
    slope, _ = np.polyfit(hours[warm], megabytes[warm], 1)
    return Figure("live: memory over a stream of an hour, growth", float(slope), "MB/h", 5)


def minutes(minute: bytes, times: Semaphore) -> Iterator[asr_pb2.StreamingRecognizeRequest]:
    """An hour of the same minute, and some to warm up."""
    yield config()
    for _ in range(WARM_MINUTES + HOUR_MINUTES + 1):  # the stream is still open when it is measured last
        times.acquire()
        yield asr_pb2.StreamingRecognizeRequest(audio=minute)
