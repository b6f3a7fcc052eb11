"""GPUs are in the metrics where NVML finds them, and nowhere else."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from voicebox_models import gpu_metrics
from voicebox_models.gpu_metrics import measure_gpus

pytestmark = pytest.mark.unit


class NvmlError(Exception):
    """What NVML raises."""


class Nvml(ModuleType):
    """Two GPUs, the second of which is part of one."""

    NVMLError = NvmlError
    has_driver = True

    def nvmlInit(self) -> None:
        if not self.has_driver:
            raise NvmlError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetMemoryInfo(self, device: int) -> Any:
        return SimpleNamespace(used=1000 * (device + 1), total=4000)

    def nvmlDeviceGetUtilizationRates(self, device: int) -> Any:
        if device:
            raise NvmlError("Not Supported")
        return SimpleNamespace(gpu=50)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    """NVML, as if it were installed."""
    module = Nvml("pynvml")
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.setattr(gpu_metrics, "find_spec", lambda name: name == "pynvml")
    return module


def measured() -> str:
    registry = CollectorRegistry()
    measure_gpus(registry)
    return generate_latest(registry).decode()


def test_memory_and_work_of_each_gpu(nvml: Nvml) -> None:
    text = measured()
    assert 'voicebox_gpu_memory_used_bytes{gpu="1"} 2000.0' in text
    assert 'voicebox_gpu_memory_bytes{gpu="0"} 4000.0' in text
    assert 'voicebox_gpu_busy_ratio{gpu="0"} 0.5' in text
    assert 'voicebox_gpu_busy_ratio{gpu="1"}' not in text


def test_nothing_without_a_driver(nvml: Nvml) -> None:
    nvml.has_driver = False
    assert "gpu" not in measured()


def test_nothing_without_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_metrics, "find_spec", lambda name: None)
    assert "gpu" not in measured()
