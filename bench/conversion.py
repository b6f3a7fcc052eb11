"""Voice conversion by `world`: how much nearer to a voice, at which cost in words and time, and how late when live."""

import asyncio
import io
import os
import re
import tempfile
import time
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import grpc
import jiwer
import numpy as np
import soundfile
from faster_whisper import WhisperModel
from google.api.httpbody_pb2 import HttpBody
from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox.conversion.v1 import conversion_pb2_grpc
from voicebox_asr.engines.ge2e.encoder import Ge2e
from voicebox_asr.engines.whisper.published import KNOWN
from voicebox_audio.pcm import to_s16le
from voicebox_audio.resample import Resampler
from voicebox_conversion.engine import Options, Samples
from voicebox_conversion.engines.world.engine import WorldEngine
from voicebox_conversion.engines.world.trainer import WorldTrainer
from voicebox_conversion.engines.world.vocoder import SAMPLE_RATE_HZ
from voicebox_conversion.engines.world.voice import Learner, WorldVoice
from voicebox_models.trainer import OwnTurn

from bench.figures import Figure, quantile
from bench.launch import platform
from bench.recordings import FOLDER, transcripts

RECOGNISER_HZ = 16_000
LIVE_BLOCK_MS = 20
LIVE_SECONDS = "30"
"""The variable LIVE_SECONDS names another length: 600 for the aim of ten minutes."""
PLAYER_MS = 300
"""What a player holds back: what comes later than that is a dropout."""


def recording(name: str) -> Samples:
    """One of the recordings of people, at the engine's rate."""
    samples, rate = soundfile.read(FOLDER / name, dtype="float32", always_2d=True)
    return resampled(samples.mean(axis=1), rate, SAMPLE_RATE_HZ)


def readings() -> list[Samples]:
    """Those of the reader, 79 s in all."""
    return [recording(f"LJ001-{number:04d}.wav") for number in range(1, 13)]


def resampled(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """The same at another rate."""
    resampler = Resampler(from_hz, to_hz)
    return np.concatenate([resampler.push(samples), resampler.finish()])


def learned(recordings: Sequence[Samples]) -> WorldVoice:
    """The voice of some recordings."""
    learner = Learner()
    for samples in recordings:
        learner.add(samples)
    return learner.voice()


def converted(samples: Samples, voice: WorldVoice, options: Options = Options()) -> Samples:  # noqa: B008 - frozen
    """A whole file in another voice."""
    engine = WorldEngine("cpu")
    session = engine.open(voice, options)
    session.begin(samples[: round(engine.preview_seconds * SAMPLE_RATE_HZ)])
    return np.concatenate([session.push(samples), session.finish()])


def embedding(encoder: Ge2e, samples: Samples) -> Samples:
    """The mean voice of a recording, by the encoder that tells speakers apart."""
    audio, size = resampled(samples, SAMPLE_RATE_HZ, RECOGNISER_HZ), encoder.window_samples
    starts = range(0, len(audio) - size + 1, size // 2)
    mean = encoder.embed(np.stack([audio[start : start + size] for start in starts])).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def recogniser(folder: Path) -> WhisperModel:
    """Whisper tiny.en, whose weights are put into `folder`."""
    packaged = KNOWN["tiny.en"].packaged
    assert packaged is not None
    for file in packaged.files:
        file.place(folder)
    return WhisperModel(str(folder), device="cpu", compute_type="int8")


def word_error_rate(model: WhisperModel, samples: Samples, text: str) -> float:
    """Wrong, missing and extra words for each word of the text."""
    segments, _ = model.transcribe(resampled(samples, SAMPLE_RATE_HZ, RECOGNISER_HZ), language="en")
    return float(jiwer.wer(_plain(text), _plain(" ".join(segment.text for segment in segments)) or "nothing"))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower().replace("-", " ")))


def trained_archive(folder: Path, options: Mapping[str, str], count: int = 4) -> bytes:
    """A `.voicebox-voice` file, trained in `folder` on some readings."""
    paths = [FOLDER / f"LJ001-{number:04d}.wav" for number in range(1, count + 1)]
    result = WorldTrainer().train(paths, options, folder, lambda _progress: None, OwnTurn())
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name in result.files:
            archive.write(folder / name, name)
    return written.getvalue()


def measure(folder: Path) -> list[Figure]:
    """Likeness and words, training, real-time factor, and how late live speech is."""
    encoder, whisper, texts = Ge2e(), recogniser(folder), transcripts()
    man, reader = recording("jfk.flac"), readings()
    man_voice, reader_voice = embedding(encoder, man), embedding(encoder, np.concatenate(reader))
    began = time.process_time()
    trained = learned(reader)
    training_seconds = time.process_time() - began
    began = time.process_time()
    as_reader = converted(man, trained)
    factor = (time.process_time() - began) / (len(man) / SAMPLE_RATE_HZ)
    as_man = converted(reader[0], learned([man]))
    to_reader = float(embedding(encoder, as_reader) @ reader_voice - man_voice @ reader_voice)
    to_man = float(embedding(encoder, as_man) @ man_voice - embedding(encoder, reader[0]) @ man_voice)
    return [
        Figure("conversion, similarity rises, 79 s of the target", to_reader, "", at_least=0.12),
        Figure("conversion, similarity rises, 11 s of the target", to_man, "", at_least=0.06),
        Figure("conversion, WER of these", word_error_rate(whisper, as_reader, texts["jfk.flac"]), "", 0.35),
        Figure("conversion, WER of those", word_error_rate(whisper, as_man, texts["LJ001-0001.wav"]), "", 0.10),
        Figure("conversion, training on 79 s, processor time", training_seconds, "s", 15),
        Figure("conversion, real-time factor of a file", factor, "", 0.2),
        *_live(folder / "platform"),
    ]


def _live(folder: Path) -> list[Figure]:
    with platform(folder, ("accounts", "catalog", "conversion")) as running:
        late_ms = asyncio.run(_late(running.conversion))
    dropouts = sum(
        max(late_ms[start : start + LIVE_BLOCK_MS]) > PLAYER_MS for start in range(0, len(late_ms), LIVE_BLOCK_MS)
    )
    return [
        Figure("conversion, live, latency added p95", quantile(late_ms, 0.95), "ms", 150),
        Figure(f"conversion, live, dropouts in {len(late_ms) / 1000:.0f} s", dropouts, "", 0),
    ]


async def _late(address: str) -> list[float]:
    """For each millisecond of speech that came back, how much later it was there than it was sent."""
    speech = np.resize(recording("jfk.flac"), int(os.environ.get("LIVE_SECONDS", LIVE_SECONDS)) * SAMPLE_RATE_HZ)
    step = SAMPLE_RATE_HZ * LIVE_BLOCK_MS // 1000
    sent: list[float] = []
    async with grpc.aio.insecure_channel(address) as channel:
        with tempfile.TemporaryDirectory() as folder:
            archive = trained_archive(Path(folder), {"name": "bench", "consent": "yes"})
        models = conversion_pb2_grpc.VoiceModelServiceStub(channel)

        async def upload() -> AsyncIterator[pb.ImportVoiceModelRequest]:
            yield pb.ImportVoiceModelRequest(archive=HttpBody(data=archive))

        stored = await models.ImportVoiceModel(upload())  # type: ignore[misc,arg-type]

        async def spoken() -> AsyncIterator[pb.StreamingConvertRequest]:
            conversion = pb.ConversionConfig(target=stored.name)
            config = pb.StreamingConvertConfig(conversion=conversion, sample_rate_hz=SAMPLE_RATE_HZ)
            yield pb.StreamingConvertRequest(config=config)
            begun = time.monotonic()
            for number, start in enumerate(range(0, len(speech), step)):
                await asyncio.sleep(max(begun + number * LIVE_BLOCK_MS / 1000 - time.monotonic(), 0))
                sent.append(time.monotonic())
                yield pb.StreamingConvertRequest(audio=to_s16le(speech[start : start + step]))

        arrived: list[tuple[int, float]] = [(0, 0.0)]
        stub = conversion_pb2_grpc.ConversionServiceStub(channel)
        async for answer in stub.StreamingConvert(spoken()):  # type: ignore[attr-defined,arg-type]
            if answer.audio:
                arrived.append((arrived[-1][0] + len(answer.audio) // 2, time.monotonic()))
    return [
        1000 * (then - sent[min(sample // step, len(sent) - 1)])
        for (first, _), (last, then) in pairwise(arrived)
        for sample in range(first, last, SAMPLE_RATE_HZ // 1000)
    ]
