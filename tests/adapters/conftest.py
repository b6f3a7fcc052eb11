"""A service of models with adapters, in this process."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from voicebox_asr.engines.whisper.engine import WhisperFamily, family
from voicebox_models.adapters.registry import Adapters
from voicebox_models.engine import Setup
from voicebox_models.hub import Hub
from voicebox_models.models import Default, Models

STEP = "000150"


@dataclass(frozen=True)
class Recogniser:
    """The models of asr in a folder: `whisper/random` is the base of the adapters."""

    family: WhisperFamily
    models: Models[Any]
    adapters: Adapters
    folder: Path


@pytest.fixture
def recogniser(trained_whisper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recogniser]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "models"
    shutil.copytree(trained_whisper / "model", folder / "whisper" / "random")
    made = family(Setup("cpu", "auto", folder, hub=Hub(offline=True), packaged=False))
    base = made.engine("whisper/random")
    assert base is not None
    with ThreadPoolExecutor(2) as executor:
        models = Models("asr", [made], Default(base), executor, CollectorRegistry())
        adapters = Adapters(folder, {"whisper": made}, models, lambda: datetime(2026, 1, 1, tzinfo=UTC))
        yield Recogniser(made, models, adapters, folder)
        for engine in made.engines():
            engine.unload()


@pytest.fixture(scope="session")
def checkpoint(trained_whisper: Path) -> Path:
    """The last checkpoint of the trained adapter."""
    return trained_whisper / "trained" / "checkpoints" / STEP
