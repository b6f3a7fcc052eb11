"""CTranslate2 opens cuBLAS by its name: it is loaded before, from the system or from NVIDIA's package."""

import shutil
from pathlib import Path

import ctranslate2
import pytest
from voicebox_asr.engines.whisper import device
from voicebox_kit.errors import StartError

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def name(monkeypatch: pytest.MonkeyPatch) -> str:
    """A library's name that no system has."""
    monkeypatch.setattr(device, "CUBLAS", "libcublas-of-a-test.so.12")
    return device.CUBLAS


def test_it_is_loaded_from_the_folder_of_the_package(tmp_path: Path, name: str) -> None:
    some = next((Path(ctranslate2.__file__).parent.parent / "ctranslate2.libs").glob("libgomp*"))
    (tmp_path / "lib").mkdir()
    shutil.copy(some, tmp_path / "lib" / name)
    device.load_cublas([tmp_path / "elsewhere", tmp_path])


def test_without_it_the_service_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"pip install 'voicebox-asr\[cuda\]'"):
        device.load_cublas([tmp_path])
