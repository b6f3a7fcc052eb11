"""A Qwen3-TTS model in memory: everything that its streams share."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from voicebox_kit.errors import InvalidField
from voicebox_models.adapters.adapter import Adapter

from voicebox_tts.engine import Reference
from voicebox_tts.engines.codec_models import memory, runaway
from voicebox_tts.engines.codec_models.device import Device
from voicebox_tts.engines.codec_models.loaded import LoadedModel, explained
from voicebox_tts.engines.codec_models.noise import SamplingNoise
from voicebox_tts.engines.codec_models.scheduler.admission import Admission
from voicebox_tts.engines.codec_models.scheduler.batcher import Batcher, GenerationRequest
from voicebox_tts.engines.codec_models.scheduler.chunk_sizes import ChunkSizes
from voicebox_tts.engines.codec_models.scheduler.stream import Stream
from voicebox_tts.engines.codec_models.weights import Weights
from voicebox_tts.engines.qwen3.frame_generator import FrameGenerator

from . import adapted
from .codec.decoder import BatchedDecoder, CodecDecoder, CodecState, state_after
from .codec.states import CodecStateCache
from .model import config
from .model.config import Kind, ModelConfig
from .model.language_model import LanguageModel
from .model.prompt_layout import PromptEmbeddings, build_prompt
from .reference import Encoders
from .voice_prompt import Qwen3Prompt

log = logging.getLogger(__name__)

MAX_TOKENS = 1280
"""Of a stream's prompt and frames together: a recording of 30 s, 381 frames, and 806 of the longest piece, spoken as
slowly as can be.
"""

MAX_STREAMS = {"cpu": 8, "cuda": 64}

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
    batcher: Batcher[PromptEmbeddings, CodecState]


class LoadedQwen3(LoadedModel[_Parts]):
    """Opened by the engine, and closed when it is unloaded. Thread-safe."""

    def __init__(
        self, folder: Path, device: Device, options: Mapping[str, str], adapter: Adapter | None = None
    ) -> None:
        """`options` are the setup's; with an `adapter` its base is in `folder`. Raises StartError when the files or the
        device do not do.
        """
        super().__init__(device)
        self._adapter, self._streams = adapter, int(options.get("streams", "0"))
        self._config = adapted.read_config(adapter, folder) if adapter else config.read(folder)
        self._chunk_sizes = ChunkSizes.read(options.get("chunk_frames", ""))
        self._load(folder)

    def begin(self, voice: str | Qwen3Prompt | None, language: str, instructions: str, text: str, seed: int) -> Stream:
        """Begin to make a text. `voice` is None when the instructions describe it; `language` is BCP 47, or empty to
        find out.

        Raises InvalidField when too much goes before the text, Exhausted and Unavailable as Batching.submit.
        """
        parts = self._opened()
        spoken = self._config.language(language) if language else ""
        with explained():
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
        with explained():
            return encoders.prompt(reference)

    @torch.inference_mode()
    def _open(self, folder: Path) -> _Parts:
        device, dtype = torch.device(self._device.name), getattr(torch, self._device.compute_type)
        model = LanguageModel.load(folder, self._config, device, dtype, self._adapt)
        encoders = Encoders.load(folder, self._config, device) if self._config.kind is Kind.BASE else None
        codec = CodecDecoder.load(folder, device)
        rows = self._rows(self._streams or MAX_STREAMS[self._device.kind], _row_bytes(self._config, self._device))
        frames = FrameGenerator(model, rows, MAX_TOKENS)
        frames.warm_up()
        decoder = BatchedDecoder(codec, rows, self._chunk_sizes.frames)
        admission = Admission(rows, time.monotonic)
        batcher = Batcher[PromptEmbeddings, CodecState](
            frames, decoder, admission, self._chunk_sizes, time.monotonic, memory.is_out_of_memory, self._choose_device
        )
        return _Parts(model, encoders, CodecStateCache(partial(state_after, codec)), batcher)

    def _adapt(self, weights: Weights) -> Weights:
        if self._adapter is None:
            return weights
        return adapted.AdaptedWeights(weights, self._adapter, adapted.speaker_id(self._config))

    def _first_words(self, parts: _Parts) -> Stream:
        voice: str | Qwen3Prompt | None = next(iter(self._config.speakers), None)
        if self._config.kind is Kind.BASE:
            codes, speaker = (
                np.zeros((0, self._config.num_code_groups), np.int64),
                np.zeros(self._config.talker.hidden_size, np.float32),
            )
            voice = Qwen3Prompt("", codes, speaker)
        prompt = build_prompt(parts.model, "Hello", voice, "", "A calm voice." if voice is None else "")
        return parts.batcher.submit(
            GenerationRequest(
                prompt, SamplingNoise(0, self._config.num_code_groups), None, sum(self._chunk_sizes.frames)
            )
        )


def _row_bytes(config: ModelConfig, device: Device) -> int:
    """The memory of a stream: its keys and values, its text, and the codec's state."""
    number_bytes: int = getattr(torch, device.compute_type).itemsize
    talker = config.talker
    per_token = 2 * talker.num_hidden_layers * talker.num_key_value_heads * talker.head_dim + talker.hidden_size
    return MAX_TOKENS * per_token * number_bytes + CODEC_STATE_BYTES
