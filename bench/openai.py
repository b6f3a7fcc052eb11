"""OpenAI's speech path: what the facade adds to the first audio of the native call, both through Envoy. flite, 20
words.
"""

import time
from collections.abc import Callable, Mapping

import grpc
import httpx
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

from bench.figures import Figure, quantile
from bench.launch import Platform
from bench.tts import TEXT

WARM_UP, RUNS = 5, 60
RATE_HZ = 24_000
"""OpenAI's `pcm` has this rate: asked of both, so that both resample."""


def measure(running: Platform) -> list[Figure]:
    """First audio by each way, interleaved so that noise falls on all alike."""
    with grpc.insecure_channel(running.gateway) as channel, httpx.Client(base_url=f"http://{running.gateway}") as http:
        ways: dict[str, Callable[[], float]] = {
            "native gRPC": lambda: by_grpc(channel),
            "native HTTP": lambda: by_http(http, "/v1/speech:play", NATIVE),
            "OpenAI": lambda: by_http(http, "/v1/audio/speech", OPENAI),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for run in range(WARM_UP + RUNS):
            for way, first_audio in ways.items():
                seconds = first_audio()
                if run >= WARM_UP:
                    times[way].append(1000 * seconds)
    medians = {way: quantile(each, 0.5) for way, each in times.items()}
    return [
        *(Figure(f"openai first audio p50, {way} through Envoy", median, "ms") for way, median in medians.items()),
        *(
            Figure(f"openai first audio p99, {way} through Envoy", quantile(each, 0.99), "ms")
            for way, each in times.items()
        ),
        Figure("openai first audio p50, facade over native gRPC", medians["OpenAI"] - medians["native gRPC"], "ms", 2),
        Figure("openai first audio p50, facade over native HTTP", medians["OpenAI"] - medians["native HTTP"], "ms", 2),
    ]


NATIVE = {
    "text": TEXT,
    "config": {"audio": {"encoding": "AUDIO_ENCODING_PCM_S16LE", "sampleRateHz": RATE_HZ}},
    "aheadSeconds": 3600,
}
OPENAI = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "pcm"}


def by_http(http: httpx.Client, path: str, body: Mapping[str, object]) -> float:
    """Seconds from the POST to the first byte of audio; the rest is read too."""
    began = time.perf_counter()
    first = 0.0
    with http.stream("POST", path, json=body, timeout=60) as response:
        for _ in response.iter_raw():
            first = first or time.perf_counter() - began
    return first


def by_grpc(channel: grpc.Channel) -> float:
    """Seconds from the call to the first chunk; the rest is read too."""
    audio = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ)
    request = tts_pb2.StreamSynthesizeRequest(
        text=TEXT, ahead_seconds=3600, config=tts_pb2.SynthesisConfig(audio=audio)
    )
    began = time.perf_counter()
    first = 0.0
    for event in tts_pb2_grpc.TextToSpeechServiceStub(channel).StreamSynthesize(request, timeout=60):
        if event.HasField("chunk") and not first:
            first = time.perf_counter() - began
    return first
