"""A voice of RVC: its synthesizer, what it sounds like, and its pitch, in one file of tensors."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from voicebox_kit.errors import InvalidField

from .config import SynthesizerConfig, from_json
from .index import MAX_VECTORS
from .pitch import HIGHEST_HZ, LOWEST_HZ
from .synthesizer import Synthesizer, loaded

MAX_FILE_BYTES = 512 * 1024 * 1024
INDEX = "index.vectors"
_WORDS = "rvc"
"""The one word of the file's metadata: safetensors writes several in any order."""
_KINDS = (torch.float16, torch.bfloat16, torch.float32)


@dataclass(frozen=True)
class RvcVoice:
    """As voicebox_conversion.engine.Voice. `vectors` has shape (n, features); `pitch_hz` is the mean of the target's
    pitch, 0 when it is not known, as of models that people own.
    """

    synthesizer: Synthesizer
    vectors: torch.Tensor | None = None
    pitch_hz: float = 0.0

    @property
    def config(self) -> SynthesizerConfig:
        return self.synthesizer.config

    @property
    def size_bytes(self) -> int:
        tensors = (*self.synthesizer.parameters(), *(() if self.vectors is None else (self.vectors,)))
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def write(
    file: Path,
    config: SynthesizerConfig,
    tensors: Mapping[str, torch.Tensor],
    vectors: torch.Tensor | None = None,
    pitch_hz: float = 0.0,
) -> None:
    """A file of a voice, by the keys of RVC: the same voice gives the same bytes."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    if vectors is not None:
        whole[INDEX] = vectors.detach().cpu().contiguous()
    save_file(whole, file, metadata(config, pitch_hz))


def metadata(config: SynthesizerConfig, pitch_hz: float) -> dict[str, str]:
    """What a voice's file says beside its tensors."""
    return {_WORDS: json.dumps({"config": config.to_json(), "pitch_hz": pitch_hz})}


def read(file: Path, device: str) -> RvcVoice:
    """InvalidField("archive") for tensors that are not those of a voice of this engine."""
    if file.stat().st_size > MAX_FILE_BYTES:
        raise refused(f"the file has more than {MAX_FILE_BYTES} bytes")
    try:
        with safe_open(file, framework="pt") as content:
            words = json.loads((content.metadata() or {})[_WORDS])
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - it is no mapping
        config, pitch_hz = from_json(words["config"]), float(words["pitch_hz"])
        _check(tensors, pitch_hz, config.features)
        vectors = tensors.pop(INDEX, None)
        synthesizer = loaded(config, tensors).to(device)
    except (SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise refused(str(error)[:500]) from error
    return RvcVoice(synthesizer, None if vectors is None else vectors.float().to(device), pitch_hz)


def _check(tensors: Mapping[str, torch.Tensor], pitch_hz: float, features: int) -> None:
    if not (pitch_hz == 0 or (math.isfinite(pitch_hz) and LOWEST_HZ <= pitch_hz <= HIGHEST_HZ)):
        raise ValueError("the pitch is out of range")
    for name, tensor in tensors.items():
        if tensor.dtype not in _KINDS or not torch.isfinite(tensor).all():
            raise ValueError(f"{name} has values that are no numbers")
    shape = tuple(tensors[INDEX].shape) if INDEX in tensors else (1, features)
    if len(shape) != 2 or not 0 < shape[0] <= MAX_VECTORS or shape[1] != features:
        raise ValueError(f"{INDEX} has the shape {shape}")


def refused(why: str) -> InvalidField:
    """The error of a file that is no voice of this engine."""
    return InvalidField("archive", f"The tensors are not a voice of the engine rvc: {why}.", "VOICE_REFUSED")
