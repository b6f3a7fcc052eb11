"""AudioSeal with few channels: tensors under the names of its checkpoints, filled by a rule that another program can
follow.
"""

import zlib
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

FILTERS, DIMENSION, BITS, OUTPUTS = 4, 16, 16, 8
RATIOS = (8, 5, 4, 2)
Shapes = dict[str, tuple[int, ...]]


def write_tiny_audioseal(folder: Path) -> Path:
    """A folder that the watermark `audioseal` loads."""
    folder.mkdir(parents=True)
    save_file(generator(), folder / "generator.safetensors")
    save_file(detector(), folder / "detector.safetensors")
    return folder


def generator() -> dict[str, Tensor]:
    shapes = _encoder("encoder.model") | _decoder("decoder.model")
    return _filled({**shapes, "msg_processor.msg_processor.weight": (2 * BITS, DIMENSION)})


def detector() -> dict[str, Tensor]:
    return _filled(
        {
            **_encoder("detector.0.model"),
            "detector.0.reverse_convolution.weight": (DIMENSION, OUTPUTS, 320),
            "detector.0.reverse_convolution.bias": (OUTPUTS,),
            "detector.1.weight": (2 + BITS, OUTPUTS, 1),
            "detector.1.bias": (2 + BITS,),
        }
    )


def _filled(shapes: Shapes) -> dict[str, Tensor]:
    return {name: filled(name, shape) for name, shape in shapes.items()}


def filled(name: str, shape: tuple[int, ...]) -> Tensor:
    numbers = torch.arange(torch.Size(shape).numel(), dtype=torch.float64) + zlib.crc32(name.encode()) % 1000
    return (0.2 * torch.sin(numbers * 1.7)).reshape(shape).float()


def _encoder(model: str) -> Shapes:
    shapes, width, index = _conv(f"{model}.0", FILTERS, 1, 7), FILTERS, 1
    for ratio in reversed(RATIOS):
        shapes |= _block(f"{model}.{index}", width) | _conv(f"{model}.{index + 2}", 2 * width, width, 2 * ratio)
        width, index = 2 * width, index + 3
    return shapes | _lstm(f"{model}.{index}", width) | _conv(f"{model}.{index + 2}", DIMENSION, width, 7)


def _decoder(model: str) -> Shapes:
    width, index = FILTERS * 2 ** len(RATIOS), 2
    shapes = _conv(f"{model}.0", width, DIMENSION, 7) | _lstm(f"{model}.1", width)
    for ratio in RATIOS:
        name = f"{model}.{index + 1}.convtr.convtr"
        shapes |= {f"{name}.weight": (width, width // 2, 2 * ratio), f"{name}.bias": (width // 2,)}
        width, index = width // 2, index + 3
        shapes |= _block(f"{model}.{index - 1}", width)
    return shapes | _conv(f"{model}.{index + 1}", 1, FILTERS, 7)


def _block(name: str, width: int) -> Shapes:
    return _conv(f"{name}.block.1", width // 2, width, 3) | _conv(f"{name}.block.3", width, width // 2, 1)


def _conv(name: str, outputs: int, inputs: int, kernel: int) -> Shapes:
    return {f"{name}.conv.conv.weight": (outputs, inputs, kernel), f"{name}.conv.conv.bias": (outputs,)}


def _lstm(name: str, width: int) -> Shapes:
    shapes: Shapes = {}
    for layer in (0, 1):
        for kind in ("ih", "hh"):
            shapes[f"{name}.lstm.weight_{kind}_l{layer}"] = (4 * width, width)
            shapes[f"{name}.lstm.bias_{kind}_l{layer}"] = (4 * width,)
    return shapes
