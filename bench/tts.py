"""Speech: time to first audio by each way in, and what the service costs over its engine. Of hibari and flite, with 20
words.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_models.engine import Setup
from voicebox_tts.engine import Engine, Style
from voicebox_tts.engines.flite.engine import FliteEngine
from voicebox_tts.engines.hibari import engine as hibari

from bench.figures import Figure, quantile
from bench.launch import Platform

TEXT = "The old man by the harbour told us a long story about the ships that came home in winter storms."
WARM_UP, RUNS = 5, 60


@dataclass(frozen=True)
class Speaker:
    """A voice, its engine, and what is wanted of it: the first audio in milliseconds, the service's throughput over the
    engine's.
    """

    voice: str
    make: Callable[[], Engine]
    first_ms: float
    least_throughput: float


SPEAKERS = (
    Speaker("hibari/heart", lambda: hibari.family(Setup("cpu", "auto", Path("no models"))).engines()[0], 40, 0.9),
    Speaker("flite/slt", FliteEngine, 15, 0.8),
)


def measure(running: Platform) -> list[Figure]:
    """Each voice."""
    return [figure for speaker in SPEAKERS for figure in measure_speaker(running, speaker)]


def measure_speaker(running: Platform, speaker: Speaker) -> list[Figure]:
    """First audio direct, through Envoy by gRPC, and by HTTP, interleaved so that noise falls on all alike; then
    throughput.
    """
    with (
        grpc.insecure_channel(running.tts) as direct,
        grpc.insecure_channel(running.gateway) as through,
        httpx.Client() as http,
    ):
        ways: dict[str, Callable[[], float]] = {
            "gRPC direct": lambda: first_audio_by_grpc(direct, speaker.voice),
            "gRPC through Envoy": lambda: first_audio_by_grpc(through, speaker.voice),
            "HTTP through Envoy": lambda: first_audio_by_http(http, running.gateway, speaker.voice),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for run in range(WARM_UP + RUNS):
            for way, first_audio in ways.items():
                seconds = first_audio()
                if run >= WARM_UP:
                    times[way].append(1000 * seconds)
        base = quantile(times["gRPC direct"], 0.5)
        first = [
            Figure(
                f"{speaker.voice}: first audio p50, {way}",
                quantile(each, 0.5),
                "ms",
                base + 3 if way[-5:] == "Envoy" else speaker.first_ms,
            )
            for way, each in times.items()
        ]
        tails = [
            Figure(f"{speaker.voice}: first audio p99, {way}", quantile(each, 0.99), "ms")
            for way, each in times.items()
        ]
        return [*first, *tails, *throughput(direct, speaker)]


def request(voice: str) -> tts_pb2.StreamSynthesizeRequest:
    """Twenty words as headerless samples, so that the first bytes are audio."""
    return tts_pb2.StreamSynthesizeRequest(
        text=TEXT,
        ahead_seconds=3600,
        config=tts_pb2.SynthesisConfig(
            voice=tts_pb2.VoiceSelection(voice=voice),
            audio=tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE),
        ),
    )


def first_audio_by_grpc(channel: grpc.Channel, voice: str) -> float:
    """Seconds from the call to the first chunk at the client; the rest of the stream is read too."""
    began = time.perf_counter()
    first = 0.0
    for event in tts_pb2_grpc.TextToSpeechServiceStub(channel).StreamSynthesize(request(voice), timeout=60):
        if event.HasField("chunk") and not first:
            first = time.perf_counter() - began
    return first


def first_audio_by_http(http: httpx.Client, gateway: str, voice: str) -> float:
    """Seconds from the POST to the first byte of audio."""
    config = {"voice": {"voice": voice}, "audio": {"encoding": "AUDIO_ENCODING_PCM_S16LE"}}
    body = {"text": TEXT, "config": config, "aheadSeconds": 3600}
    began = time.perf_counter()
    first = 0.0
    with http.stream("POST", f"http://{gateway}/v1/speech:play", json=body, timeout=60) as response:
        for _ in response.iter_raw():
            first = first or time.perf_counter() - began
    return first


def throughput(channel: grpc.Channel, speaker: Speaker) -> list[Figure]:
    """Audio per second, whole streams one after the other, against the engine alone in a loop; the two take turns."""
    engine = speaker.make()
    engine.load()
    bare, served = [], []
    for run in range(WARM_UP + RUNS // 2):
        pair = timed(lambda: by_engine(engine)), timed(lambda: by_service(channel, speaker.voice))
        if run >= WARM_UP:
            bare.append(pair[0])
            served.append(pair[1])
    factor, engine_factor = quantile(served, 0.5), quantile(bare, 0.5)
    return [
        Figure(f"{speaker.voice}: real-time factor, streamed through gRPC", factor, "", 0.05),
        Figure(f"{speaker.voice}: real-time factor, engine alone", engine_factor, ""),
        Figure(
            f"{speaker.voice}: throughput, service over engine",
            engine_factor / factor,
            "",
            at_least=speaker.least_throughput,
        ),
    ]


def timed(speak: Callable[[], Iterator[float]]) -> float:
    """Real-time factor: seconds of work for each second of audio."""
    began = time.perf_counter()
    audio_seconds = sum(speak())
    return (time.perf_counter() - began) / audio_seconds


def by_engine(engine: Engine) -> Iterator[float]:
    session = engine.open(engine.default_voice, Style(), seed=1)
    for speech in session.speak(TEXT):
        yield len(speech.samples) / session.sample_rate_hz
    session.close()


def by_service(channel: grpc.Channel, voice: str) -> Iterator[float]:
    spoken_request = request(voice)
    spoken_request.config.seed = 1
    for event in tts_pb2_grpc.TextToSpeechServiceStub(channel).StreamSynthesize(spoken_request, timeout=60):
        yield event.chunk.duration.ToMicroseconds() / 1e6
