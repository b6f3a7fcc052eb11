"""Qwen3-TTS: what the service and cloned voices cost, and what batching gains, on tiny models of random weights: all is
overhead there.
"""

import io
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import grpc
import numpy as np
import soundfile
import torch
from google.api import httpbody_pb2
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_models.engine import Setup
from voicebox_tts.engine import Reference, Samples, Style, VoicePrompt
from voicebox_tts.engines.qwen3.engine import Qwen3Engine
from voicebox_tts.engines.qwen3.family import family
from voicebox_tts.engines.qwen3.voice_prompt import Qwen3Prompt

from bench.figures import Figure, quantile, seconds_of
from bench.launch import Platform, platform
from bench.tts import TEXT
from bench.whisper import RATE_HZ, pcm, recordings

MAKE_MODELS = Path(__file__).parents[1] / "tests" / "support" / "tiny_qwen3.py"

SHORT = "Good morning to you."
VOICE_SECONDS = 10
STREAMS = 8
WARM_UP, RUNS, RUNS_AT_ONCE, FIRST_RUNS, PROMPTS = 2, 12, 6, 40, 10

Stub = tts_pb2_grpc.TextToSpeechServiceStub


@dataclass(frozen=True)
class Sides:
    """The engine in this process and the service in another, each with a core, with the same endless model and
    recording.

    Its speech never ends by itself: a piece has as many frames as its text can need at most, always the same number.
    """

    engine: Qwen3Engine
    prompt: Qwen3Prompt
    service: Stub
    reference: tts_pb2.InlineReference


def measure(folder: Path) -> list[Figure]:
    """Service over engine, streams at once over streams in turn, first audio, and prompts."""
    audio = b"".join(pcm(path.read_bytes()) for path in recordings())[: 2 * VOICE_SECONDS * RATE_HZ]
    if not audio:
        return []
    samples: Samples = (np.frombuffer(audio, "<i2") / 32768).astype(np.float32)
    recording = Reference(samples, RATE_HZ, TEXT)
    models = folder / "models"
    subprocess.run([sys.executable, MAKE_MODELS, models / "qwen3"], check=True, stdout=subprocess.DEVNULL)
    settings = {
        "TTS_ENGINE": "qwen3",
        "TTS_MODEL": "qwen3/endless",
        "TTS_DEVICE": "cpu",
        "VOICEBOX_MODELS": str(models),
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            platform(folder, ("catalog", "tts"), OMP_NUM_THREADS="1", **settings) as running,
            opened(models, running, recording) as sides,
        ):
            profile = made_profile(running, sides.reference)
            return [
                *service_over_engine(sides),
                *at_once_over_in_turn(sides),
                *first_audio(sides),
                *by_voice(sides, profile),
                *by_voice_without_service(models, recording),
                *listening(sides.engine, recording),
            ]
    finally:
        torch.set_num_threads(threads)


@contextmanager
def opened(models: Path, running: Platform, recording: Reference) -> Iterator[Sides]:
    """Both sides, until the block ends."""
    engine = loaded(models, "endless")
    with io.BytesIO() as file:
        soundfile.write(file, recording.samples, RATE_HZ, format="WAV")
        reference = tts_pb2.InlineReference(audio=file.getvalue(), transcript=recording.transcript)
    with grpc.insecure_channel(running.tts) as channel:
        yield Sides(engine, engine.prompt(recording), Stub(channel), reference)
    engine.unload()


def loaded(models: Path, kind: str) -> Qwen3Engine:
    """One of the models, in this process."""
    engine = family(Setup("cpu", "auto", models)).engine(f"qwen3/{kind}")
    assert engine is not None
    engine.load()
    return engine


def made_profile(running: Platform, reference: tts_pb2.InlineReference) -> str:
    """A profile with the same recording."""
    with grpc.insecure_channel(running.catalog) as channel:
        catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
        made = catalog.CreateProfile(
            catalog_pb2.CreateProfileRequest(profile=catalog_pb2.Profile(display_name="Bench"))
        )
        audio = httpbody_pb2.HttpBody(data=reference.audio)
        sample = catalog_pb2.UploadSampleRequest(
            parent=made.name, transcript=reference.transcript, request_id=str(uuid4()), audio=audio
        )
        catalog.UploadSample(iter([sample]))
    return made.name


def service_over_engine(sides: Sides) -> list[Figure]:
    """The same texts and seeds by both, in turns: one stream, then several at once."""
    figures = []
    for streams, runs in ((1, RUNS), (STREAMS, RUNS_AT_ONCE)):
        ways = {
            "engine": partial(together, streams, partial(by_engine, sides)),
            "service": partial(together, streams, partial(by_service, sides)),
        }
        factors = {name: quantile(each, 0.5) for name, each in interleaved(ways, runs).items()}
        name = "one stream" if streams == 1 else f"{streams} streams at once"
        figures += [
            Figure(f"qwen3 real-time factor, {name}, engine alone", factors["engine"], ""),
            Figure(
                f"qwen3 {name}, through gRPC over engine alone",
                factors["service"] / factors["engine"],
                "x",
                at_most=1.1,
            ),
        ]
    return figures


def at_once_over_in_turn(sides: Sides) -> list[Figure]:
    """What streams gain by being made together."""
    speak = partial(by_engine, sides)
    ways = {"at once": partial(together, STREAMS, speak), "in turn": partial(in_turn, STREAMS, speak)}
    factors = {name: quantile(each, 0.5) for name, each in interleaved(ways, RUNS_AT_ONCE).items()}
    gain = factors["in turn"] / factors["at once"]
    return [Figure(f"qwen3 throughput, {STREAMS} streams at once over in turn", gain, "x", at_least=3.0)]


def first_audio(sides: Sides) -> list[Figure]:
    """At the client, alone and while others are spoken."""
    alone = [first_seconds(sides.service, cloned(sides, SHORT)) for _ in range(WARM_UP + FIRST_RUNS)][WARM_UP:]
    done = threading.Event()

    def other(seed: int) -> None:
        while not done.is_set():
            by_service(sides, seed)

    with ThreadPoolExecutor(STREAMS - 1) as executor:
        others = [executor.submit(other, seed) for seed in range(STREAMS - 1)]
        try:
            among = [first_seconds(sides.service, cloned(sides, SHORT)) for _ in range(WARM_UP + FIRST_RUNS)][WARM_UP:]
        finally:
            done.set()
    for each in others:
        each.result()
    return [
        Figure(f"qwen3 first audio {name}, {where}", 1000 * quantile(seconds, share), "ms")
        for where, seconds in (("alone", alone), (f"with {STREAMS - 1} others", among))
        for name, share in (("p50", 0.5), ("p95", 0.95))
    ]


def by_voice(sides: Sides, profile: str) -> list[Figure]:
    """A cloned voice that the process knows against a built-in one: of two models that differ in nothing else that
    costs.
    """
    speaker = tts_pb2.VoiceSelection(voice="qwen3/ryan")
    requests = {
        "built-in voice": request(SHORT, "custom-voice", speaker),
        "known recording": request(SHORT, "base", tts_pb2.VoiceSelection(reference=sides.reference)),
        "known profile": request(SHORT, "base", tts_pb2.VoiceSelection(profile=profile)),
    }
    ways = {name: partial(first_seconds, sides.service, each) for name, each in requests.items()}
    medians = {name: 1000 * quantile(each, 0.5) for name, each in interleaved(ways, FIRST_RUNS).items()}
    built_in = medians["built-in voice"]
    return [
        Figure("qwen3 first audio p50, built-in voice", built_in, "ms"),
        *(
            Figure(f"qwen3 first audio p50, {name} over built-in voice", medians[name] / built_in, "x", at_most=1.1)
            for name in ("known recording", "known profile")
        ),
    ]


def by_voice_without_service(models: Path, recording: Reference) -> list[Figure]:
    """The same by the engines alone: without the recording's way to the service, and without asking for a profile."""
    engines = {kind: loaded(models, kind) for kind in ("custom-voice", "base")}
    voices: dict[str, str | VoicePrompt] = {"custom-voice": "ryan", "base": engines["base"].prompt(recording)}
    ways = {kind: partial(first_seconds_of_engine, engine, voices[kind]) for kind, engine in engines.items()}
    medians = {kind: quantile(each, 0.5) for kind, each in interleaved(ways, FIRST_RUNS).items()}
    for engine in engines.values():
        engine.unload()
    return [
        Figure("qwen3 engine's first audio p50, built-in voice", 1000 * medians["custom-voice"], "ms"),
        Figure(
            "qwen3 engine's first audio p50, prompt over built-in voice",
            medians["base"] / medians["custom-voice"],
            "x",
            at_most=1.1,
        ),
    ]


def listening(engine: Qwen3Engine, recording: Reference) -> list[Figure]:
    """A voice prompt, each time made anew: an engine keeps none."""
    seconds = [seconds_of(partial(engine.prompt, recording)) for _ in range(WARM_UP + PROMPTS)][WARM_UP:]
    return [Figure(f"qwen3 voice prompt from {VOICE_SECONDS} s", 1000 * quantile(seconds, 0.5), "ms")]


def interleaved(ways: Mapping[str, Callable[[], float]], runs: int) -> dict[str, list[float]]:
    """What each way measures, taken in turns so that noise falls on all alike."""
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for run in range(WARM_UP + runs):
        for name, way in ways.items():
            value = way()
            if run >= WARM_UP:
                measured[name].append(value)
    return measured


def together(streams: int, speak: Callable[[int], float]) -> float:
    """Real-time factor of all of them: seconds of work for each second of audio."""
    began = time.perf_counter()
    with ThreadPoolExecutor(streams) as executor:
        audio = sum(executor.map(speak, range(streams)))
    return (time.perf_counter() - began) / audio


def in_turn(streams: int, speak: Callable[[int], float]) -> float:
    """The same, one after the other."""
    began = time.perf_counter()
    audio = sum(map(speak, range(streams)))
    return (time.perf_counter() - began) / audio


def by_engine(sides: Sides, seed: int) -> float:
    """Seconds of audio."""
    with closing(sides.engine.open(sides.prompt, Style(), seed)) as session:
        return sum(speech.samples.size for speech in session.speak(TEXT)) / session.sample_rate_hz


def by_service(sides: Sides, seed: int) -> float:
    """Seconds of audio."""
    requests = cloned(sides, TEXT)
    requests.config.seed = seed
    return (
        sum(event.chunk.duration.ToMicroseconds() for event in sides.service.StreamSynthesize(requests, timeout=120))
        / 1e6
    )


def cloned(sides: Sides, text: str) -> tts_pb2.StreamSynthesizeRequest:
    """Speech in the recording's voice."""
    return request(text, "endless", tts_pb2.VoiceSelection(reference=sides.reference))


def request(text: str, model: str, voice: tts_pb2.VoiceSelection) -> tts_pb2.StreamSynthesizeRequest:
    """Headerless samples, so that the first bytes are audio, as fast as they are made."""
    audio = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE)
    return tts_pb2.StreamSynthesizeRequest(
        text=text,
        ahead_seconds=3600,
        config=tts_pb2.SynthesisConfig(model=f"models/qwen3/{model}", voice=voice, audio=audio, seed=1, store=False),
    )


def first_seconds(service: Stub, requests: tts_pb2.StreamSynthesizeRequest) -> float:
    """Seconds from the call to the first chunk; the rest is read too."""
    began = time.perf_counter()
    first = 0.0
    for event in service.StreamSynthesize(requests, timeout=120):
        if event.HasField("chunk") and not first:
            first = time.perf_counter() - began
    return first


def first_seconds_of_engine(engine: Qwen3Engine, voice: str | VoicePrompt) -> float:
    """Seconds until there is audio; the rest is made too."""
    began = time.perf_counter()
    with closing(engine.open(voice, Style(), 1)) as session:
        speech = session.speak(SHORT)
        next(speech)
        first = time.perf_counter() - began
        deque(speech, maxlen=0)
    return first
