"""Prometheus metrics of the database: how long works take, and how many connections of the pool are in use."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Gauge, Histogram

BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class DatabaseMetrics:
    """Of one database."""

    def __init__(self, registry: CollectorRegistry, connections: Callable[[], int]) -> None:
        """`connections` gives how many are in use now."""
        self._seconds = Histogram(
            "voicebox_database_seconds",
            "Time of a work in the database, its waits among it; `connect` is the wait for a connection of the pool.",
            ["work"],
            registry=registry,
            buckets=BUCKETS_SECONDS,
        )
        in_use = Gauge("voicebox_database_connections", "Connections of the pool that are in use.", registry=registry)
        in_use.set_function(connections)

    def timed(self, work: str) -> AbstractContextManager[object]:
        """Surrounds a work: `read`, `write` or `connect`."""
        return self._seconds.labels(work).time()
