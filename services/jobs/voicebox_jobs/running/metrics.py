"""What Prometheus reads of a worker."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from voicebox_sql.keys import time_us_of

from voicebox_jobs.state import State
from voicebox_jobs.store.tables import Job


class Metrics:
    """Jobs by their types and states."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._running = Gauge("voicebox_jobs_running", "Jobs that run in this worker.", ["type"], registry=registry)
        self._ended = Counter("voicebox_jobs_ended", "Jobs that ended here.", ["type", "state"], registry=registry)
        self._waited = Histogram(
            "voicebox_job_wait_seconds", "From the creation of a job to its first attempt.", ["type"],
            registry=registry, buckets=(0.1, 0.2, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 21_600, 86_400),
        )  # fmt: skip

    def began(self, job: Job) -> None:
        """A job begins to run."""
        self._running.labels(job.type).inc()
        if job.attempt == 1:
            self._waited.labels(job.type).observe(max(0.0, time.time() - time_us_of(job.key) / 1e6))

    def left(self, job: Job) -> None:
        """It does not run here any more."""
        self._running.labels(job.type).dec()

    def ended(self, job: Job, state: State) -> None:
        """It ended in this state."""
        self._ended.labels(job.type, state.name).inc()
