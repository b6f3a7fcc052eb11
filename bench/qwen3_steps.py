"""What makes Qwen3-TTS fast, one step after the other: milliseconds of a frame without and with CUDA graphs, alone and
in a batch.

All that is timed ends with numbers on the host, and so when the device is done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from voicebox_tts.engine import Reference
from voicebox_tts.engines.codec_models.cuda_graphs import Capture
from voicebox_tts.engines.codec_models.device import Device
from voicebox_tts.engines.codec_models.noise import SamplingNoise
from voicebox_tts.engines.codec_models.scheduler.chunk_sizes import ChunkSizes
from voicebox_tts.engines.qwen3.codec.decoder import BatchedDecoder, CodecDecoder
from voicebox_tts.engines.qwen3.frame_generator import FrameGenerator
from voicebox_tts.engines.qwen3.loaded import MAX_TOKENS
from voicebox_tts.engines.qwen3.model import config
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel
from voicebox_tts.engines.qwen3.model.prompt_layout import build_prompt
from voicebox_tts.engines.qwen3.reference import Encoders
from voicebox_tts.engines.qwen3.voice_prompt import Qwen3Prompt

from bench.figures import Figure, quantile, seconds_of
from bench.hum import RATE_HZ, hum
from bench.qwen3_load import TRANSCRIPT, VOICE_SECONDS
from bench.tts import TEXT

PROMPT_SECONDS = (10, 30)
WARM_UP, RUNS, PROMPTS = 5, 50, 10


@dataclass(frozen=True)
class Parts:
    """A base model's, as the engine loads them."""

    model: LanguageModel
    codec: CodecDecoder
    encoders: Encoders

    @classmethod
    def load(cls, folder: Path, device: Device) -> "Parts":
        known, place = config.read(folder), torch.device(device.name)
        model = LanguageModel.load(folder, known, place, getattr(torch, device.compute_type))
        return cls(model, CodecDecoder.load(folder, place), Encoders.load(folder, known, place))


def measure(name: str, folder: Path, device: Device, batch: int) -> list[Figure]:
    """Prompts, frames of codes, and their audio."""
    with torch.inference_mode():
        parts = Parts.load(folder, device)
    voice = parts.encoders.prompt(Reference(hum(VOICE_SECONDS), RATE_HZ, TRANSCRIPT))
    return [*prompts(name, parts.encoders), *frames(name, parts.model, voice, batch), *audio(name, parts.codec, batch)]


def prompts(name: str, encoders: Encoders) -> list[Figure]:
    """A voice prompt from recordings of some lengths."""
    figures = []
    for seconds in PROMPT_SECONDS:
        reference = Reference(hum(seconds), RATE_HZ, TRANSCRIPT * (seconds // VOICE_SECONDS))
        took = [1000 * seconds_of(partial(encoders.prompt, reference)) for _ in range(PROMPTS)]
        figures.append(Figure(f"{name} voice prompt from {seconds} s", quantile(took, 0.5), "ms"))
    return figures


def frames(name: str, model: LanguageModel, voice: Qwen3Prompt, batch: int) -> list[Figure]:
    """The talker and the predictor: with memory that stays in place, then as graphs, then of many streams together."""
    static = frame_milliseconds(model, voice, 1, without_graphs)
    figures = [Figure(f"{name} frame, static cache without graphs", static, "ms")]
    recorder: Capture | None = without_graphs
    if model.device.type == "cuda":
        recorder = None
        figures.append(Figure(f"{name} frame, CUDA graphs", frame_milliseconds(model, voice, 1, recorder), "ms"))
    batched = frame_milliseconds(model, voice, batch, recorder)
    return [
        *figures,
        Figure(f"{name} frame of {batch} streams together", batched, "ms"),
        Figure(f"{name} the same, for each stream", batched / batch, "ms"),
    ]


def without_graphs(work: Callable[[], None]) -> Callable[[], None]:
    """A recorder that records nothing."""
    work()
    return work


def frame_milliseconds(model: LanguageModel, voice: Qwen3Prompt, rows: int, recorder: Capture | None) -> float:
    """One frame of so many rows, all in the same voice."""
    made = FrameGenerator(model, rows, MAX_TOKENS, counts=(rows,), capture=recorder)
    prompt = build_prompt(model, TEXT, voice, "", "")
    for row in range(rows):
        made.begin(row, prompt, SamplingNoise(row, model.config.num_code_groups))
    everybody = np.ones(rows, np.bool_)
    took = [1000 * seconds_of(partial(made.step, rows, everybody)) for _ in range(WARM_UP + RUNS)]
    return quantile(took[WARM_UP:], 0.5)


def audio(name: str, codec: CodecDecoder, batch: int) -> list[Figure]:
    """The codec: a stream's first chunk, its later ones, and those of many streams."""
    sizes = ChunkSizes().frames
    figures = []
    for rows, size in ((1, sizes[0]), (1, sizes[-1]), (batch, sizes[-1])):
        made = BatchedDecoder(codec, rows, sizes)
        codes = np.random.default_rng(0).integers(0, codec.codebook_size, (rows, size, codec.num_quantizers))
        took = [1000 * seconds_of(partial(made.decode, range(rows), codes)) for _ in range(WARM_UP + RUNS)]
        streams = "one stream" if rows == 1 else f"{rows} streams"
        figures.append(Figure(f"{name} sound of {size} frames of {streams}", quantile(took[WARM_UP:], 0.5), "ms"))
    return figures
