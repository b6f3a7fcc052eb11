"""Prometheus metrics of the loaded models."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class MemoryCollector(Collector):
    """`held` gives the bytes of each loaded model; it is called from the thread that answers Prometheus."""

    def __init__(self, held: Callable[[], Mapping[str, int]]) -> None:
        self._held = held

    def collect(self) -> Iterator[GaugeMetricFamily]:
        held = self._held()
        yield GaugeMetricFamily("voicebox_models_loaded", "Models that are loaded.", len(held))
        memory = GaugeMetricFamily("voicebox_model_memory_bytes", "Memory that a loaded model holds.", labels=["model"])
        for model, count in held.items():
            memory.add_metric([model], count)
        yield memory
