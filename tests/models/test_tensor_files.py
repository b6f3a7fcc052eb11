"""safetensors files are judged by their headers."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from voicebox_models import tensor_files

pytestmark = pytest.mark.unit

WHOLE = save({"a": np.zeros((2, 3), np.float32), "b": np.ones(4, np.int64)}, metadata={"format": "np"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def test_a_whole_file_reports_its_tensors(path: Path) -> None:
    path.write_bytes(WHOLE)
    assert tensor_files.damage(path) is None
    assert {name: tensor["shape"] for name, tensor in tensor_files.header(path).items()} == {"a": [2, 3], "b": [4]}


def text(document: object) -> bytes:
    header = json.dumps(document).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95pickle",
        b"\xff" * 100,
        b"\x08\0\0\0\0\0\0\0[[[[[[[[",
        text([1, 2]),
        text({"a": 1}),
        text({"a": {"data_offsets": []}}),
        text({"a": {"data_offsets": [0, 4]}, "b": {"data_offsets": [0, 4]}}) + bytes(4),
        text({"a": {"data_offsets": [0, 4]}, "b": {"data_offsets": [2, 6]}}) + bytes(6),
        text({"a": {"data_offsets": [4, 8]}}) + bytes(8),
        text({"a": {"data_offsets": [0.0, 4.0]}}) + bytes(4),
        text({"a": {"data_offsets": [False, 4]}}) + bytes(4),
        text({"a": {"data_offsets": [4, 0]}}),
    ],
)
def test_what_is_no_safetensors_file_is_a_sentence(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert tensor_files.damage(path) == f"{path} is not a safetensors file."


def test_a_header_nested_without_end_is_a_sentence(path: Path) -> None:
    path.write_bytes((200_000).to_bytes(8, "little") + b"[" * 200_000)
    assert tensor_files.damage(path) == f"{path} is not a safetensors file."


@pytest.mark.parametrize("content", [WHOLE[:-1], WHOLE + b"more"])
def test_a_file_that_is_cut_off_or_too_long_is_a_sentence(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert tensor_files.damage(path) == f"{path} has {len(content)} of its {len(WHOLE)} bytes: fetch it again."


def test_a_missing_file_is_a_sentence(path: Path) -> None:
    assert tensor_files.damage(path) == f"{path.parent} has no {path.name}."
