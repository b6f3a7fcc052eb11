"""An Orpheus model in memory: everything that its streams share."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from voicebox_kit.errors import InvalidField
from voicebox_models.adapters.adapter import Adapter

from voicebox_tts.engines.codec_models import memory, runaway
from voicebox_tts.engines.codec_models.adapted import MergedWeights
from voicebox_tts.engines.codec_models.device import Device
from voicebox_tts.engines.codec_models.loaded import LoadedModel
from voicebox_tts.engines.codec_models.noise import SamplingNoise
from voicebox_tts.engines.codec_models.scheduler.admission import Admission
from voicebox_tts.engines.codec_models.scheduler.batcher import Batcher, GenerationRequest
from voicebox_tts.engines.codec_models.scheduler.chunk_sizes import ChunkSizes
from voicebox_tts.engines.codec_models.scheduler.stream import Stream
from voicebox_tts.engines.codec_models.weights import Weights

from .frame_generator import FrameGenerator, Prompt
from .model import config
from .model.checkpoint import SNAC
from .model.language_model import LanguageModel
from .snac.codec import load_decoder
from .snac.streaming import WindowedDecoder
from .tokens import SLOTS

MAX_TOKENS = 3072
"""Of a stream's prompt and frames together: 400 tokens of text, and 380 frames, as long as a piece can take, spoken
slowly.
"""
MAX_STREAMS = {"cpu": 2, "cuda": 32}
MIN_FRAMES = 25
"""What goes before the speech must leave room for 2 s."""


@dataclass(frozen=True)
class _Parts:
    """What is in memory."""

    model: LanguageModel
    frame_seconds: float
    batcher: Batcher[Prompt, int]


class LoadedOrpheus(LoadedModel[_Parts]):
    """Opened by the engine, and closed when it is unloaded. Thread-safe."""

    def __init__(
        self, folder: Path, device: Device, options: Mapping[str, str], adapter: Adapter | None = None
    ) -> None:
        """`options` are the setup's; with an `adapter` its base is in `folder`. Raises StartError when the files or the
        device do not do.
        """
        super().__init__(device)
        self._adapter, self._streams = adapter, int(options.get("streams", "0"))
        self._config = config.read(folder)
        self._chunk_sizes = ChunkSizes.read(options.get("chunk_frames", ""))
        self._load(folder)

    def begin(self, voice: str, text: str, seed: int) -> Stream:
        """Begin to make a text. Raises InvalidField when it is too long for the model, Exhausted and Unavailable as
        Batcher.submit.
        """
        parts = self._opened()
        return self._submit(parts, voice, text, seed, runaway.max_frames(text, parts.frame_seconds))

    def _submit(self, parts: _Parts, voice: str, text: str, seed: int, max_frames: int) -> Stream:
        prompt = np.array(parts.model.tokenizer.prompt(voice, text), np.int64)
        room = (MAX_TOKENS - len(prompt)) // SLOTS
        if room < MIN_FRAMES:
            raise InvalidField("text", "A part of the text has too many tokens for the model.", "TEXT_TOO_LONG")
        noise = SamplingNoise(seed, SLOTS)
        return parts.batcher.submit(GenerationRequest(prompt, noise, seed, min(max_frames, room)))

    @torch.inference_mode()
    def _open(self, folder: Path) -> _Parts:
        device, dtype = torch.device(self._device.name), getattr(torch, self._device.compute_type)
        model = LanguageModel.load(folder, self._config, device, dtype, self._adapt)
        decoder = load_decoder(folder / SNAC, device)
        rows = self._rows(self._streams or MAX_STREAMS[self._device.kind], self._row_bytes())
        frames = FrameGenerator(model, rows, MAX_TOKENS)
        frames.warm_up()
        frame_seconds = decoder.config.frame_samples / decoder.config.sampling_rate
        batcher = Batcher[Prompt, int](
            frames,
            WindowedDecoder(decoder, rows),
            Admission(rows, time.monotonic),
            self._chunk_sizes.after(decoder.config.context_frames),
            time.monotonic,
            memory.is_out_of_memory,
            self._choose_device,
        )
        return _Parts(model, frame_seconds, batcher)

    def _adapt(self, weights: Weights) -> Weights:
        return MergedWeights(weights, self._adapter) if self._adapter else weights

    def _row_bytes(self) -> int:
        """The memory of a stream: its keys and values."""
        number_bytes: int = getattr(torch, self._device.compute_type).itemsize
        sizes = self._config.transformer
        per_token = 2 * sizes.num_hidden_layers * sizes.num_key_value_heads * sizes.head_dim
        return MAX_TOKENS * per_token * number_bytes

    def _first_words(self, parts: _Parts) -> Stream:
        return self._submit(parts, "tara", "Hello", 0, sum(self._chunk_sizes.frames))
