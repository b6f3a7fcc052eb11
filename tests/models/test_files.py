"""A model's files: in the models folder, in the hub's cache, at the hub, or gone."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from voicebox_kit.errors import Precondition
from voicebox_models.engine import Setup
from voicebox_models.files import Downloadable, DownloadedFiles
from voicebox_models.hub import Hub
from voicebox_models.progress import Report

pytestmark = pytest.mark.unit


@dataclass
class FakeSource:
    """Where a model is published; `cache` is its folder in the hub library's cache."""

    revision: str = "abc"
    size_bytes: int = 70
    cache: Path | None = None
    fetched: list[Path] = field(default_factory=list)

    def cached(self, hub: Hub) -> Path | None:
        return self.cache

    def fetch(self, hub: Hub, target: Path, report: Report) -> None:
        self.fetched.append(target)
        target.mkdir(parents=True)
        (target / "model.bin").write_bytes(b"weights")


def weights_bytes(folder: Path) -> int:
    return (folder / "model.bin").stat().st_size


def files(tmp_path: Path, source: FakeSource | None) -> DownloadedFiles:
    return DownloadedFiles("fake/one", Setup("cpu", "auto", tmp_path), source, weights_bytes)


def test_what_is_at_the_hub_is_known_before_it_is_downloaded_and_downloaded_once(tmp_path: Path) -> None:
    source = FakeSource()
    model = files(tmp_path, source)
    assert isinstance(model, Downloadable)
    assert (model.present, model.folder, model.revision, model.size_bytes) == (False, None, "abc", 70)
    model.download(lambda progress: None)
    model.download(lambda progress: None)
    assert source.fetched == [tmp_path / "fake" / "one"]
    assert (model.present, model.folder, model.size_bytes) == (True, tmp_path / "fake" / "one", 7)
    assert model.revision.startswith("local-")


def test_the_hub_s_cache_is_used_and_not_copied(tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "snapshots" / "abc"
    source = FakeSource(cache=cache)
    source.fetch(Hub(), cache, lambda progress: None)
    model = files(tmp_path / "models", source)
    assert (model.present, model.folder, model.revision, model.size_bytes) == (True, cache, "abc", 7)


def test_a_folder_of_a_person_that_was_removed_cannot_be_downloaded(tmp_path: Path) -> None:
    model = files(tmp_path, None)
    assert (model.present, model.revision, model.size_bytes) == (False, "", 0)
    with pytest.raises(Precondition, match="was removed") as refused:
        model.download(lambda progress: None)
    assert refused.value.reason == "MODEL_NOT_ON_HUB"
