"""A Qwen3-TTS model in memory: everything that its streams share."""

import gc
import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from voicebox_kit.errors import InvalidField, StartError, Unavailable
from voicebox_models.adapters.adapter import Adapter

from voicebox_tts.engine import Reference

from . import adapted, memory, runaway
from .codec.decoder import BatchedDecoder, CodecDecoder, state_after
from .codec.states import CodecStateCache
from .device import Device
from .model import config
from .model.config import Kind, ModelConfig
from .model.language_model import LanguageModel
from .model.prompt_layout import build_prompt
from .model.weights import Weights
from .noise import SamplingNoise
from .reference import Encoders
from .scheduler.admission import Admission
from .scheduler.batcher import Batcher, GenerationRequest, exhausted
from .scheduler.chunk_sizes import ChunkSizes
from .scheduler.frame_generator import FrameGenerator
from .scheduler.stream import Stream
from .voice_prompt import Qwen3Prompt

log = logging.getLogger(__name__)

MAX_TOKENS = 1280
"""Of a stream's prompt and frames together: a recording of 30 s, 381 frames, and 806 of the longest piece, spoken as
slowly as can be.
"""

MAX_STREAMS = {"cpu": 8, "cuda": 64}

SHARE_OF_STREAMS = 0.8
"""How much of a GPU's free memory streams may take: the rest is for activations."""

CODEC_STATE_BYTES = 5 << 20
"""The state of a stream in the released codec."""

MIN_FRAMES = 25
"""What goes before a text must leave room for 2 s."""


@dataclass(frozen=True)
class _Parts:
    """What is in memory. `encoders` are a base model's."""

    model: LanguageModel
    encoders: Encoders | None
    states: CodecStateCache
    batcher: Batcher


class LoadedQwen3:
    """Opened by the engine, and closed when it is unloaded. Thread-safe."""

    def __init__(
        self, folder: Path, device: Device, options: Mapping[str, str], adapter: Adapter | None = None
    ) -> None:
        """`options` are the setup's; with an `adapter` its base is in `folder`. Raises StartError when the files or the
        device do not do.
        """
        self._device, self._adapter = device, adapter
        self._config = adapted.read_config(adapter, folder) if adapter else config.read(folder)
        self._chunk_sizes = ChunkSizes.read(options.get("chunk_frames", ""))
        self._parts: _Parts | None = None
        try:
            held = memory.reserved_bytes(device)
            self._parts = self._open(folder, int(options.get("streams", "0")))
            self._warm_up(self._parts)
        except Exception as error:  # torch raises what it likes for devices that are not what they should be
            self.close()
            if isinstance(error, StartError):
                raise
            raise StartError(f"The model in {folder} cannot be loaded on {device.name}: {error}") from error
        self.memory_bytes = memory.reserved_bytes(device) - held or memory.tensor_bytes(self._parts)
        """The device's memory that it takes, measured."""

    @property
    def usable(self) -> bool:
        """Whether it is open, and has not failed again and again."""
        parts = self._parts
        return parts is not None and parts.batcher.usable

    def begin(self, voice: str | Qwen3Prompt | None, language: str, instructions: str, text: str, seed: int) -> Stream:
        """Begin to make a text. `voice` is None when the instructions describe it; `language` is BCP 47, or empty to
        find out.

        Raises InvalidField when too much goes before the text, Exhausted and Unavailable as Batching.submit.
        """
        parts = self._opened()
        spoken = self._config.language(language) if language else ""
        with _explained():
            prompt = build_prompt(parts.model, text, voice, spoken, instructions)
            state = parts.states.after(voice.codes) if isinstance(voice, Qwen3Prompt) else None
        room = MAX_TOKENS - len(prompt.inputs_embeds)
        if room < max(MIN_FRAMES, len(prompt.trailing_text)):
            field = "style.instructions" if instructions and voice else "voice"
            raise InvalidField(
                field, "The recording or the instructions leave no room for the text.", "PROMPT_TOO_LONG"
            )
        max_frames = min(runaway.max_frames(text), room)
        return parts.batcher.submit(
            GenerationRequest(prompt, SamplingNoise(seed, self._config.num_code_groups), state, max_frames)
        )

    def prompt(self, reference: Reference) -> Qwen3Prompt:
        """Of a recording; InvalidField("reference") when it holds too little speech, Exhausted when there is no memory
        for it.
        """
        encoders = self._opened().encoders
        assert encoders is not None
        with _explained():
            return encoders.prompt(reference)

    def close(self) -> None:
        """Free its memory. What is open fails with Unavailable."""
        parts, self._parts = self._parts, None
        if parts:
            parts.batcher.close()
        del parts
        gc.collect()  # the rows hold methods of their own, which are cycles
        if self._device.kind == "cuda":
            with suppress(RuntimeError):  # a GPU that failed gives nothing back until the process ends
                torch.cuda.empty_cache()

    def _opened(self) -> _Parts:
        parts = self._parts
        if parts is None:
            raise Unavailable("MODEL_UNLOADED", "The model was unloaded.")
        return parts

    @torch.inference_mode()
    def _open(self, folder: Path, streams: int) -> _Parts:
        device, dtype = torch.device(self._device.name), getattr(torch, self._device.compute_type)
        model = LanguageModel.load(folder, self._config, device, dtype, self._adapt)
        encoders = Encoders.load(folder, self._config, device) if self._config.kind is Kind.BASE else None
        codec = CodecDecoder.load(folder, device)
        rows = self._rows(streams)
        frames = FrameGenerator(model, rows, MAX_TOKENS)
        frames.warm_up()
        decoder = BatchedDecoder(codec, rows, self._chunk_sizes.frames)
        admission = Admission(rows, time.monotonic)
        batcher = Batcher(
            frames, decoder, admission, self._chunk_sizes, time.monotonic, memory.is_out_of_memory, self._choose_device
        )
        return _Parts(model, encoders, CodecStateCache(partial(state_after, codec)), batcher)

    def _adapt(self, weights: Weights) -> Weights:
        if self._adapter is None:
            return weights
        return adapted.AdaptedWeights(weights, self._adapter, adapted.speaker_id(self._config))

    def _rows(self, streams: int) -> int:
        """How many streams are made at once: as many as asked for, or as the kind of device can, within a GPU's free
        memory.
        """
        wanted = streams or MAX_STREAMS[self._device.kind]
        if self._device.kind == "cpu":
            return wanted
        fitting = int(SHARE_OF_STREAMS * memory.free_bytes(self._device) / _row_bytes(self._config, self._device))
        if fitting < 1:
            raise StartError(f"{self._device.name} has no memory left for a single stream of this model.")
        if fitting < wanted:
            log.info("%s has memory for %d streams at once, not %d", self._device.name, fitting, wanted)
        return min(wanted, fitting)

    def _choose_device(self) -> None:
        """Each thread has a device of its own on which graphs are replayed."""
        if self._device.kind == "cuda":
            torch.cuda.set_device(self._device.index)

    def _warm_up(self, parts: _Parts) -> None:
        """Speak a word: a device compiles its kernels and allocates its buffers at the first."""
        voice: str | Qwen3Prompt | None = next(iter(self._config.speakers), None)
        if self._config.kind is Kind.BASE:
            codes, speaker = (
                np.zeros((0, self._config.num_code_groups), np.int64),
                np.zeros(self._config.talker.hidden_size, np.float32),
            )
            voice = Qwen3Prompt("", codes, speaker)
        prompt = build_prompt(parts.model, "Hello", voice, "", "A calm voice." if voice is None else "")
        stream = parts.batcher.submit(
            GenerationRequest(
                prompt, SamplingNoise(0, self._config.num_code_groups), None, sum(self._chunk_sizes.frames)
            )
        )
        deque(stream, maxlen=0)


def _row_bytes(config: ModelConfig, device: Device) -> int:
    """The memory of a stream: its keys and values, its text, and the codec's state."""
    number_bytes: int = getattr(torch, device.compute_type).itemsize
    talker = config.talker
    per_token = 2 * talker.num_hidden_layers * talker.num_key_value_heads * talker.head_dim + talker.hidden_size
    return MAX_TOKENS * per_token * number_bytes + CODEC_STATE_BYTES


@contextmanager
def _explained() -> Iterator[None]:
    """A device without memory becomes an error for the caller."""
    try:
        yield
    except Exception as error:
        if not memory.is_out_of_memory(error):
            raise
        raise exhausted() from error
