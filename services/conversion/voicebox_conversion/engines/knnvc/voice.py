"""A voice of kNN-VC: the frames of its recordings, as WavLM has them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from voicebox_kit.errors import InvalidField

MAX_FRAMES = 50_000
"""1000 s of speech: 100 MB in a file, and 200 MB in memory."""
MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_SIZE = 4096
_FRAMES = "features"


@dataclass(frozen=True)
class KnnVcVoice:
    """As voicebox_conversion.engine.Voice. `frames` has shape (n, size)."""

    frames: torch.Tensor

    @property
    def size_bytes(self) -> int:
        return self.frames.numel() * self.frames.element_size()

    def write(self, file: Path) -> None:
        """The same voice gives the same bytes."""
        save_file({_FRAMES: self.frames.half().cpu().contiguous()}, file)


def read(file: Path, device: str) -> KnnVcVoice:
    """InvalidField("archive") for tensors that are not those of a voice of this engine."""
    if file.stat().st_size > MAX_FILE_BYTES:
        raise _refused(f"the file has more than {MAX_FILE_BYTES} bytes")
    try:
        tensors = load_file(file)
    except SafetensorError as error:
        raise _refused(str(error)[:300]) from error
    frames = tensors.get(_FRAMES)
    if frames is None or len(tensors) != 1 or frames.dtype != torch.float16 or frames.dim() != 2:
        raise _refused(f"it has not one tensor {_FRAMES} of float16")
    if not (0 < frames.shape[0] <= MAX_FRAMES and 0 < frames.shape[1] <= MAX_SIZE and torch.isfinite(frames).all()):
        raise _refused("a value is out of range")
    return KnnVcVoice(frames.float().to(device))


def _refused(why: str) -> InvalidField:
    return InvalidField("archive", f"The tensors are not a voice of the engine knnvc: {why}.", "VOICE_REFUSED")
