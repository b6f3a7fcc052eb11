"""Prometheus metrics of this machine's GPUs, by NVML, where its library and `nvidia-ml-py` are: the extra `nvml`."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

MODULE = "pynvml"


def measure_gpus(registry: CollectorRegistry) -> None:
    """Metrics of each GPU; none where NVML is not installed, or finds no driver."""
    if find_spec(MODULE) is None:
        return
    nvml = import_module(MODULE)
    with suppress(nvml.NVMLError):
        nvml.nvmlInit()
        devices = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        registry.register(GpuCollector(nvml, devices))


class GpuCollector(Collector):
    """Asks NVML at each scrape, from the thread that answers Prometheus."""

    def __init__(self, nvml: Any, devices: Sequence[Any]) -> None:
        self._nvml, self._devices = nvml, devices

    def collect(self) -> Iterator[GaugeMetricFamily]:
        labels = ["gpu"]
        used = GaugeMetricFamily("voicebox_gpu_memory_used_bytes", "Memory of a GPU in use, by anybody.", labels=labels)
        total = GaugeMetricFamily("voicebox_gpu_memory_bytes", "Memory of a GPU.", labels=labels)
        busy = GaugeMetricFamily("voicebox_gpu_busy_ratio", "Share of the time in which a GPU worked.", labels=labels)
        for index, device in enumerate(self._devices):
            with suppress(self._nvml.NVMLError):  # such as a device that fell off the bus
                memory = self._nvml.nvmlDeviceGetMemoryInfo(device)
                used.add_metric([str(index)], memory.used)
                total.add_metric([str(index)], memory.total)
            with suppress(self._nvml.NVMLError):  # parts of a GPU (MIG) tell no rates
                busy.add_metric([str(index)], self._nvml.nvmlDeviceGetUtilizationRates(device).gpu / 100)
        yield from (used, total, busy)
