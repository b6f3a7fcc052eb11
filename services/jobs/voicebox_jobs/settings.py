"""The configuration of jobs: every variable that the service and its workers read, with its default."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicebox_kit import variables
from voicebox_kit.audit import audit_file
from voicebox_kit.authentication import AuthenticationSettings
from voicebox_kit.errors import StartError
from voicebox_kit.server import grace_seconds
from voicebox_models.device_leases.settings import Sharing
from voicebox_sql.database import Pool

from .cluster import Cluster
from .devices.devices import DeviceSettings

BLOB_URL = "JOBS_BLOB_URL"
MAX_DEVICES = 64
MAX_BYTES = 1 << 50


@dataclass(frozen=True)
class Peers:
    """Where the other services are."""

    tts: str
    asr: str
    catalog: str
    conversion: str
    accounts: str


@dataclass(frozen=True)
class Settings:
    """Read once, at start."""

    address: str
    metrics_address: str
    worker_metrics_address: str
    grace_seconds: float
    folder: Path
    database_url: str
    pool: Pool
    queue_url: str
    """Of the tables by which DBOS queues; empty for those beside our own."""
    blob_url: str
    s3: Mapping[str, str]
    """The variables AWS_*: who we are in S3, and where it is."""
    max_input_bytes: int
    retention_days: int
    sweep_seconds: float
    starts_worker: bool
    devices: tuple[str, ...]
    device_settings: DeviceSettings
    cluster: Cluster | None
    """Where work that needs a device runs in pods."""
    only: str
    """The run that this worker takes, as in a pod; empty for all."""
    concurrency: int
    lease_seconds: float
    peers: Peers
    authentication: AuthenticationSettings
    audit: Path

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        """Raises StartError when a variable does not fit."""
        folder = Path(variables.text(env, "VOICEBOX_DATA", "var")).absolute() / "jobs"
        database_url = variables.text(env, "JOBS_DATABASE_URL", f"sqlite+aiosqlite:///{folder / 'jobs.sqlite'}")
        return cls(
            address=variables.address(env, "JOBS_ADDRESS", "127.0.0.1:50056"),
            metrics_address=variables.address(env, "JOBS_METRICS_ADDRESS", "127.0.0.1:9096"),
            worker_metrics_address=variables.address(env, "JOBS_WORKER_METRICS_ADDRESS", "127.0.0.1:9098"),
            grace_seconds=grace_seconds(env),
            folder=folder,
            database_url=database_url,
            pool=Pool(connections=variables.integer(env, "JOBS_DATABASE_CONNECTIONS", 10, 2, 1000)),
            queue_url=variables.text(env, "JOBS_QUEUE_URL", ""),
            blob_url=variables.text(env, BLOB_URL, str(folder / "blobs")),
            s3={name: value for name, value in env.items() if name.startswith("AWS_")},
            max_input_bytes=variables.integer(env, "JOBS_MAX_INPUT_BYTES", 100_000_000, 1, 1 << 40),
            retention_days=variables.integer(env, "JOBS_RETENTION_DAYS", 30, 1, 36_500),
            sweep_seconds=variables.seconds(env, "JOBS_SWEEP_SECONDS", 3600.0, 0.1),
            starts_worker=variables.boolean(env, "JOBS_WORKER", True),
            devices=_devices(env),
            device_settings=DeviceSettings(
                sharing=Sharing.read(env),
                total_bytes=variables.integer(env, "JOBS_DEVICE_MEMORY_BYTES", 0, 0, MAX_BYTES),
                job_bytes=variables.integer(env, "JOBS_DEVICE_JOB_BYTES", 0, 0, MAX_BYTES),
                yield_seconds=variables.seconds(env, "JOBS_YIELD_SECONDS", 300.0, 0.1),
            ),
            cluster=_cluster(env, database_url),
            only=variables.text(env, "JOBS_ONLY", ""),
            concurrency=variables.integer(env, "JOBS_CONCURRENCY", 2, 1, 256),
            lease_seconds=variables.seconds(env, "JOBS_LEASE_SECONDS", 10.0, 1.0, 3600.0),
            peers=Peers(
                tts=variables.peer(env, "TTS_ADDRESS", "127.0.0.1:50051"),
                asr=variables.peer(env, "ASR_ADDRESS", "127.0.0.1:50052"),
                catalog=variables.peer(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
                conversion=variables.peer(env, "CONVERSION_ADDRESS", "127.0.0.1:50057"),
                accounts=variables.peer(env, "ACCOUNTS_ADDRESS", "127.0.0.1:50055"),
            ),
            authentication=AuthenticationSettings.read(env),
            audit=audit_file(env, "jobs"),
        )


def _devices(env: Mapping[str, str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in variables.text(env, "JOBS_DEVICES", "cpu").split(","))
    if not all(names) or len(set(names)) != len(names) or len(names) > MAX_DEVICES:
        raise StartError("JOBS_DEVICES must be different names of devices with commas between them: cuda:0,cuda:1.")
    return names


def _cluster(env: Mapping[str, str], database_url: str) -> Cluster | None:
    runner = variables.choice(env, "JOBS_RUNNER", ("process", "kubernetes"))
    cluster = Cluster(
        variables.text(env, "JOBS_KUBERNETES_URL", "https://kubernetes.default.svc"),
        Path(variables.text(env, "JOBS_KUBERNETES_ACCOUNT", "/var/run/secrets/kubernetes.io/serviceaccount")),
        variables.text(env, "JOBS_KUBERNETES_TEMPLATE", "jobs-training"),
    )
    if runner == "process":
        return None
    if not cluster.url.startswith(("http://", "https://")):
        raise StartError(f"JOBS_KUBERNETES_URL must be like https://kubernetes.default.svc, not {cluster.url!r}.")
    if database_url.startswith("sqlite"):
        raise StartError("JOBS_RUNNER=kubernetes needs JOBS_DATABASE_URL of PostgreSQL: pods share no SQLite.")
    return cluster
