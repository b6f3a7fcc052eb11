"""CTranslate2 opens cuBLAS by its name: it is loaded before, from the system or from NVIDIA's package. And which CPUs
count in bytes.
"""

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


@pytest.mark.parametrize(
    ("cpuinfo", "is_exact"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_vnni\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx2 avx_vnni fma\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512bw\n", False),
        ("processor\t: 0\nflags\t\t: fpu avx2\nbugs\t\t: avx_vnni\n", False),
        ("processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd asimddp\n", True),
    ],
)
def test_bytes_are_multiplied_where_their_sums_are_exact(tmp_path: Path, cpuinfo: str, is_exact: bool) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert device.has_exact_int8(tmp_path / "cpuinfo") is is_exact


def test_a_system_that_does_not_tell_is_taken_for_exact(tmp_path: Path) -> None:
    assert device.has_exact_int8(tmp_path / "cpuinfo")


@pytest.mark.parametrize(("is_exact", "compute_type"), [(True, "int8"), (False, "float32")])
def test_auto_is_exact(monkeypatch: pytest.MonkeyPatch, is_exact: bool, compute_type: str) -> None:
    monkeypatch.setattr(device, "has_exact_int8", lambda: is_exact)
    assert device.resolved("cpu", "auto").compute_type == compute_type
