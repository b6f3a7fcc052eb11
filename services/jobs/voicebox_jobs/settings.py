"""The configuration of jobs: every variable that the service and its workers read, with its default."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicebox_kit import variables
from voicebox_kit.audit import audit_file
from voicebox_kit.authentication import AuthenticationSettings
from voicebox_kit.errors import StartError
from voicebox_kit.server import grace_seconds
from voicebox_sql.database import Pool

BLOB_URL = "JOBS_BLOB_URL"
MAX_DEVICES = 64


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
    concurrency: int
    lease_seconds: float
    peers: Peers
    authentication: AuthenticationSettings
    audit: Path

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        """Raises StartError when a variable does not fit."""
        folder = Path(variables.text(env, "VOICEBOX_DATA", "var")).absolute() / "jobs"
        return cls(
            address=variables.address(env, "JOBS_ADDRESS", "127.0.0.1:50056"),
            metrics_address=variables.address(env, "JOBS_METRICS_ADDRESS", "127.0.0.1:9096"),
            worker_metrics_address=variables.address(env, "JOBS_WORKER_METRICS_ADDRESS", "127.0.0.1:9098"),
            grace_seconds=grace_seconds(env),
            folder=folder,
            database_url=variables.text(env, "JOBS_DATABASE_URL", f"sqlite+aiosqlite:///{folder / 'jobs.sqlite'}"),
            pool=Pool(connections=variables.integer(env, "JOBS_DATABASE_CONNECTIONS", 10, 2, 1000)),
            queue_url=variables.text(env, "JOBS_QUEUE_URL", ""),
            blob_url=variables.text(env, BLOB_URL, str(folder / "blobs")),
            s3={name: value for name, value in env.items() if name.startswith("AWS_")},
            max_input_bytes=variables.integer(env, "JOBS_MAX_INPUT_BYTES", 100_000_000, 1, 1 << 40),
            retention_days=variables.integer(env, "JOBS_RETENTION_DAYS", 30, 1, 36_500),
            sweep_seconds=variables.seconds(env, "JOBS_SWEEP_SECONDS", 3600.0, 0.1),
            starts_worker=variables.boolean(env, "JOBS_WORKER", True),
            devices=_devices(env),
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
