"""What Prometheus reads of shared devices."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class DeviceMetrics:
    """Of the jobs of one worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leases = Gauge(
            "voicebox_job_device_leases", "Leases of shared devices that jobs hold.", ["device"], registry=registry
        )
        self.waited = Counter(
            "voicebox_job_device_wait_seconds", "Time that jobs waited for a shared device.", ["device"],
            registry=registry,
        )  # fmt: skip
        self.yielded = Counter(
            "voicebox_job_yielded_seconds", "Time for which jobs gave way to calls.", ["device"], registry=registry
        )
