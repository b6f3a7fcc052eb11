"""The cluster of Kubernetes in which work that needs a device may run."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cluster:
    """Where the API is, the folder of the service account that may use it, and the CronJob from which Jobs are made."""

    url: str
    account: Path
    template: str
