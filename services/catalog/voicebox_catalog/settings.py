"""The catalog's configuration: every variable that it reads, with its default."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from voicebox_audio.recordings.quality import QualityLimit, QualityLimits
from voicebox_kit import variables
from voicebox_kit.audit import audit_file
from voicebox_kit.authentication import AuthenticationSettings
from voicebox_kit.errors import StartError
from voicebox_kit.server import grace_seconds
from voicebox_sql.database import Pool

BLOB_URL = "CATALOG_BLOB_URL"


@dataclass(frozen=True)
class Settings:
    """Read once, at start."""

    address: str
    metrics_address: str
    grace_seconds: float
    folder: Path
    database_url: str
    pool: Pool
    blob_url: str
    s3: Mapping[str, str]
    """The variables AWS_*: who we are in S3, and where it is."""
    decoders: int
    generation_bytes: int
    sweep_seconds: float
    undelete_days: int
    requires_consent: bool
    sample_limits: QualityLimits
    authentication: AuthenticationSettings
    audit: Path
    accounts_address: str

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        folder = Path(variables.text(env, "VOICEBOX_DATA", "var")).absolute() / "catalog"
        return cls(
            address=variables.address(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
            metrics_address=variables.address(env, "CATALOG_METRICS_ADDRESS", "127.0.0.1:9093"),
            grace_seconds=grace_seconds(env),
            folder=folder,
            database_url=variables.text(
                env, "CATALOG_DATABASE_URL", f"sqlite+aiosqlite:///{folder / 'catalog.sqlite'}"
            ),
            pool=Pool(
                connections=variables.integer(env, "CATALOG_DATABASE_CONNECTIONS", 10, 1, 1000),
                statement_seconds=variables.seconds(env, "CATALOG_DATABASE_STATEMENT_SECONDS", 30.0, 0.1),
                connect_seconds=variables.seconds(env, "CATALOG_DATABASE_CONNECT_SECONDS", 30.0),
            ),
            blob_url=variables.text(env, BLOB_URL, str(folder / "blobs")),
            s3={name: value for name, value in env.items() if name.startswith("AWS_")},
            decoders=variables.integer(env, "CATALOG_DECODERS", 2, 1, 64),
            generation_bytes=variables.integer(env, "CATALOG_GENERATION_BYTES", 1 << 30, 1, 1 << 40),
            sweep_seconds=variables.seconds(env, "CATALOG_SWEEP_SECONDS", 3600.0, 1.0),
            undelete_days=variables.integer(env, "CATALOG_UNDELETE_DAYS", 30, 0, 36_500),
            requires_consent=variables.boolean(env, "CATALOG_REQUIRE_CONSENT", False),
            sample_limits=QualityLimits(
                **{name: _limit(env, f"CATALOG_SAMPLE_{name.upper()}", default) for name, default in _limits()}
            ),
            authentication=AuthenticationSettings.read(env),
            audit=audit_file(env, "catalog"),
            accounts_address=variables.peer(env, "ACCOUNTS_ADDRESS", "127.0.0.1:50055"),
        )


def _limits() -> list[tuple[str, QualityLimit]]:
    return [(field.name, getattr(QualityLimits(), field.name)) for field in fields(QualityLimits)]


def _limit(env: Mapping[str, str], name: str, default: QualityLimit) -> QualityLimit:
    """Two numbers with a comma between them: beyond the first a recording is judged WARN, beyond the second REJECT."""
    value = variables.text(env, name, f"{default.warn},{default.reject}")
    try:
        warn, reject = map(float, value.split(","))
    except ValueError:
        warn = reject = math.nan
    if not (math.isfinite(warn) and math.isfinite(reject)):
        raise StartError(f"{name} must be two numbers such as {default.warn:g},{default.reject:g}, not {value!r}.")
    return QualityLimit(warn, reject)
