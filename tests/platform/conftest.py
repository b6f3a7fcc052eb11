"""One real platform, as `make run` starts it, for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.launch import Platform, platform


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    data: Path = tmp_path_factory.mktemp("platform")
    with platform(data) as running:
        yield running
