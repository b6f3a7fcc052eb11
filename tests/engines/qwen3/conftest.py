"""The tiny checkpoints as they are loaded, and what the official package makes of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from voicebox_tts.engines.qwen3.model import config
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel

from tests.support.qwen3_cases import REFERENCE_TEXT, Case


@dataclass(frozen=True)
class Cloned:
    """A voice as the layout takes it."""

    transcript: str
    codes: NDArray[np.int64]
    speaker_embedding: NDArray[np.float32]


@pytest.fixture(scope="session")
def official(official_qwen3: Path) -> Mapping[str, NDArray]:
    """What the official package makes, by the names in official_qwen3.py."""
    return load_file(official_qwen3)


@pytest.fixture(scope="session")
def language_model(tiny_qwen3: Path) -> Callable[[str], LanguageModel]:
    """A tiny checkpoint's language model, by its folder's name."""
    import torch

    @cache
    def loaded(name: str) -> LanguageModel:
        folder = tiny_qwen3 / name
        return LanguageModel.load(folder, config.read(folder), torch.device("cpu"), torch.float32)

    return loaded


@pytest.fixture(scope="session")
def voice(official: Mapping[str, NDArray]) -> Callable[[Case], str | Cloned | None]:
    """A case's voice, as the layout takes it."""
    codes, speaker = official["reference/codes"], official["reference/speaker"]
    cloned = {"in context": Cloned(REFERENCE_TEXT, codes, speaker), "vector": Cloned("", codes[:0], speaker)}
    return lambda case: cloned.get(case.voice, case.voice) or None
