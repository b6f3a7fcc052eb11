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

from voicebox_tts.engine import Reference

from . import memory, runaway
from .codec.decoder import CodecDecoder, CodecRows, warm
from .codec.states import CodecStates
from .device import Device
from .model import config
from .model.config import Config, Kind
from .model.language_model import LanguageModel
from .model.prompt_layout import layout
from .noise import Noise
from .reference import Encoders
from .scheduler.admission import Admission
from .scheduler.batcher import Batching, Speaking, exhausted
from .scheduler.chunk_sizes import Schedule
from .scheduler.frame_generator import Frames
from .scheduler.stream import Stream
from .voice_prompt import Qwen3Prompt

log = logging.getLogger(__name__)

LONGEST_TOKENS = 1280
"""Of a stream's prompt and frames together: a recording of 30 s, 381 frames, and 806 of the longest piece, spoken as
slowly as can be.
"""

MOST_STREAMS = {"cpu": 8, "cuda": 64}

SHARE_OF_STREAMS = 0.8
"""How much of a GPU's free memory streams may take: the rest is for what is computed with."""

CODEC_STATE_BYTES = 5 << 20
"""What the released codec remembers of a stream."""

FEWEST_FRAMES = 25
"""Room for 2 s must be left by what a text is spoken with."""


@dataclass(frozen=True)
class _Parts:
    """What is in memory. `encoders` are a base model's."""

    model: LanguageModel
    encoders: Encoders | None
    states: CodecStates
    batching: Batching


class LoadedQwen3:
    """Opened by the engine, and closed when it is unloaded. Thread-safe."""

    def __init__(self, folder: Path, device: Device, options: Mapping[str, str]) -> None:
        """`options` are the setup's. Raises StartError when the files or the device do not do."""
        self._config, self._device = config.read(folder), device
        self._schedule = Schedule.read(options.get("chunk_frames", ""))
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
        """What it takes of the device's memory, measured."""

    @property
    def usable(self) -> bool:
        """Whether it is open, and has not failed again and again."""
        parts = self._parts
        return parts is not None and parts.batching.usable

    def begin(self, voice: str | Qwen3Prompt | None, language: str, instructions: str, text: str, seed: int) -> Stream:
        """Begin to make a text. `voice` is None when the instructions describe it; `language` is BCP 47, or empty to
        find out.

        Raises InvalidField when too much goes before the text, Exhausted and Unavailable as Batching.submit.
        """
        parts = self._opened()
        spoken = self._config.language(language) if language else ""
        with _memory():
            prompt = layout(parts.model, text, voice, spoken, instructions)
            state = parts.states.after(voice.codes) if isinstance(voice, Qwen3Prompt) else None
        room = LONGEST_TOKENS - len(prompt.embeds)
        if room < max(FEWEST_FRAMES, len(prompt.text)):
            field = "style.instructions" if instructions and voice else "voice"
            raise InvalidField(
                field, "The recording or the instructions leave no room for the text.", "PROMPT_TOO_LONG"
            )
        most_frames = min(runaway.most_frames(text), room)
        return parts.batching.submit(Speaking(prompt, Noise(seed, self._config.groups), state, most_frames))

    def prompt(self, reference: Reference) -> Qwen3Prompt:
        """Of a recording; InvalidField("reference") when it holds too little speech, Exhausted when there is no memory
        for it.
        """
        encoders = self._opened().encoders
        assert encoders is not None
        with _memory():
            return encoders.prompt(reference)

    def close(self) -> None:
        """Free its memory. What is open fails with Unavailable."""
        parts, self._parts = self._parts, None
        if parts:
            parts.batching.close()
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
        place, numbers = torch.device(self._device.name), getattr(torch, self._device.compute_type)
        model = LanguageModel.load(folder, self._config, place, numbers)
        encoders = Encoders.load(folder, self._config, place) if self._config.kind is Kind.BASE else None
        codec = CodecDecoder.load(folder, place)
        rows = self._rows(streams)
        frames = Frames(model, rows, LONGEST_TOKENS)
        frames.warm_up()
        sound = CodecRows(codec, rows, self._schedule.frames)
        admission = Admission(rows, time.monotonic)
        batching = Batching(
            frames, sound, admission, self._schedule, time.monotonic, memory.is_want, self._choose_device
        )
        return _Parts(model, encoders, CodecStates(partial(warm, codec)), batching)

    def _rows(self, streams: int) -> int:
        """How many streams are made at once: as many as asked for, or as the kind of device can, within a GPU's free
        memory.
        """
        wanted = streams or MOST_STREAMS[self._device.kind]
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
        """Speak a word: a device makes its kernels and buffers at the first."""
        voice: str | Qwen3Prompt | None = next(iter(self._config.speakers), None)
        if self._config.kind is Kind.BASE:
            codes, speaker = (
                np.zeros((0, self._config.groups), np.int64),
                np.zeros(self._config.talker.width, np.float32),
            )
            voice = Qwen3Prompt("", codes, speaker)
        prompt = layout(parts.model, "Hello", voice, "", "A calm voice." if voice is None else "")
        stream = parts.batching.submit(
            Speaking(prompt, Noise(0, self._config.groups), None, sum(self._schedule.frames))
        )
        deque(stream, maxlen=0)


def _row_bytes(told: Config, device: Device) -> int:
    """What a stream takes at most: its keys and values, the text that it reads, and the codec's state."""
    number_bytes: int = getattr(torch, device.compute_type).itemsize
    talker = told.talker
    per_token = 2 * talker.layers * talker.key_value_heads * talker.head_size + talker.width
    return LONGEST_TOKENS * per_token * number_bytes + CODEC_STATE_BYTES


@contextmanager
def _memory() -> Iterator[None]:
    """Says of a device without memory what a caller can do."""
    try:
        yield
    except Exception as error:
        if not memory.is_want(error):
            raise
        raise exhausted() from error
