"""Checkpoints of a training, so that it goes on where its process was ended: tensors alone, and nothing is pickled."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from .training import Training

FILE = "training.safetensors"
_STEP, _PLAN = "step", "plan"
_MODULES = ("synthesizer", "judges")
_OPTIMIZERS = ("optimizer", "judges_optimizer")


def save(training: Training, folder: Path) -> None:
    """All that is needed in order to go on, in one file that replaces the one before as a whole."""
    tensors: dict[str, torch.Tensor] = {}
    for name in _MODULES:
        if module := getattr(training, name):
            tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
    for name in _OPTIMIZERS:
        if optimizer := getattr(training, name):
            for number, state in optimizer.state_dict()["state"].items():
                tensors |= {f"{name}/{number}/{key}": value for key, value in state.items()}
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(whole, folder / f".{FILE}", {_STEP: json.dumps(training.step), _PLAN: _described(training)})
    (folder / f".{FILE}").replace(folder / FILE)


def resume(training: Training, folder: Path) -> bool:
    """Whether there was a checkpoint of the same plan, from which the training now goes on."""
    file = folder / FILE
    if not file.is_file():
        return False
    try:
        tensors, words = load_file(file), _words(file)
        if words.get(_PLAN) != _described(training):
            return False
        _restore(training, tensors)
    except (SafetensorError, RuntimeError, KeyError, ValueError):
        return False
    training.step = int(words[_STEP])
    return True


def _restore(training: Training, tensors: dict[str, torch.Tensor]) -> None:
    for name in _MODULES:
        if module := getattr(training, name):
            module.load_state_dict(_below(tensors, name))
    for name in _OPTIMIZERS:
        if optimizer := getattr(training, name):
            states: dict[int, dict[str, torch.Tensor]] = {}
            for key, value in _below(tensors, name).items():
                number, _, part = key.partition("/")
                states.setdefault(int(number), {})[part] = value
            optimizer.load_state_dict(optimizer.state_dict() | {"state": states})


def _below(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    start = f"{name}/"
    return {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}


def _described(training: Training) -> str:
    return f"{training.plan} {training.config}"


def _words(file: Path) -> dict[str, str]:
    with safe_open(file, framework="pt") as content:
        return content.metadata() or {}
