"""What is refused as an adapter."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from voicebox_kit.errors import InvalidField, StartError
from voicebox_models import store
from voicebox_models.adapters import archive, tensors
from voicebox_models.adapters.adapter import TENSORS, find
from voicebox_models.adapters.manifest import FILE, Manifest, read_manifest

MATRIX = "model.decoder.layers.0.fc1"
VALUES = {f"{MATRIX}.lora_A": np.ones((2, 4), np.float32), f"{MATRIX}.lora_B": np.ones((3, 2), np.float32)}


def manifest(digest: str, **changes: object) -> dict[str, object]:
    """A manifest's document."""
    made = Manifest(
        "whisper/base", "r1", "0" * 64, "whisper", 2, 4.0, 16_000, {"wer": 0.1}, "1" * 64, "Yes.", "MIT", digest
    )
    return {**json.loads(made.to_json()), **changes}


def packed(content: bytes, document: Mapping[str, object], more: Mapping[str, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(FILE, json.dumps(document))
        made.writestr(TENSORS, content)
        for name, data in more.items():
            made.writestr(name, data)
    return file


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    tensors.write(tmp_path / "tensors", VALUES)
    return (tmp_path / "tensors").read_bytes()


def digest(content: bytes, tmp_path: Path) -> str:
    (tmp_path / "hashed").write_bytes(content)
    return store.sha256(tmp_path / "hashed")


def test_a_whole_archive_is_taken(content: bytes, tmp_path: Path) -> None:
    known = archive.unpack(packed(content, manifest(digest(content, tmp_path)), {}), tmp_path)
    assert known.scale == 2.0
    assert read_manifest((tmp_path / FILE).read_bytes()) == known
    assert np.array_equal(tensors.read(tmp_path / TENSORS)[f"{MATRIX}.lora_B"], VALUES[f"{MATRIX}.lora_B"])


def test_a_pickle_bomb_is_refused_and_runs_nothing(content: bytes, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
            return Path.touch, (tmp_path / "exploded",)  # type: ignore[return-value]

    bomb = pickle.dumps(Bomb())
    for file in (
        packed(bomb, manifest(digest(bomb, tmp_path)), {}),
        packed(content, manifest(digest(content, tmp_path)), {"adapter.bin": bomb}),
        packed(content, manifest(digest(content, tmp_path)), {"adapter/data.pkl": bomb}),
    ):
        with pytest.raises(InvalidField):
            archive.unpack(file, tmp_path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "other"},
        {"version": 2},
        {"rank": 0},
        {"rank": True},
        {"alpha": float("inf")},
        {"base_model": "../../etc"},
        {"base_model": "qwen3/base"},
        {"consent": " "},
        {"sha256": "x"},
        {"kind": "other"},
        {"metrics": {"wer": "low"}},
        {"speaker": "../x"},
        {"unknown": 1},
    ],
)
def test_a_manifest_with_a_wrong_value_is_refused(content: bytes, tmp_path: Path, changes: dict[str, object]) -> None:
    document = manifest(digest(content, tmp_path), **changes)
    with pytest.raises(InvalidField):
        archive.unpack(packed(content, document, {}), tmp_path)


def test_tensors_that_do_not_fit_are_refused(content: bytes, tmp_path: Path) -> None:
    def refused(values: Mapping[str, np.ndarray]) -> None:
        tensors.write(tmp_path / "other", values)
        other = (tmp_path / "other").read_bytes()
        with pytest.raises(InvalidField):
            archive.unpack(packed(other, manifest(digest(other, tmp_path)), {}), tmp_path)

    refused({f"{MATRIX}.lora_A": VALUES[f"{MATRIX}.lora_A"]})
    refused({**VALUES, f"{MATRIX}.lora_B": np.ones((3, 3), np.float32)})
    refused({**VALUES, f"{MATRIX}.lora_B": np.full((3, 2), np.nan, np.float32)})
    refused({"speaker": np.ones(3, np.float32)})
    with pytest.raises(InvalidField):
        archive.unpack(packed(content[:-4], manifest(digest(content[:-4], tmp_path)), {}), tmp_path)
    with pytest.raises(InvalidField, match="SHA-256"):
        archive.unpack(packed(content, manifest("0" * 64), {}), tmp_path)


def test_two_small_matrices_of_another_base_are_not_multiplied(tmp_path: Path) -> None:
    side = 1 << 20  # their product has 4 TiB
    wide = {f"{MATRIX}.lora_A": np.ones((1, side), np.float32), f"{MATRIX}.lora_B": np.ones((side, 1), np.float32)}
    tensors.write(tmp_path / "wide", wide)
    content = (tmp_path / "wide").read_bytes()
    archive.unpack(packed(content, manifest(digest(content, tmp_path), rank=1), {}), tmp_path)
    adapter = find(tmp_path)
    assert adapter is not None
    with pytest.raises(StartError, match="another size"):
        adapter.delta(MATRIX, (3, 4))
    assert adapter.delta("model.decoder.layers.1.fc1", (3, 4)) is None
