"""One real platform, as `make run` starts it, for all tests of this folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.launch import Platform, platform


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, tiny_whisper: Path) -> Iterator[Platform]:
    """It speaks and recognises with what is installed by `make run`, and has a Whisper model that the examples call
    `tiny`.
    """
    data: Path = tmp_path_factory.mktemp("platform")
    shutil.copytree(tiny_whisper, data / "models" / "whisper" / "tiny")
    with platform(data, VOICEBOX_EMBEDDED="full") as running:
        yield running
