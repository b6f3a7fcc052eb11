"""The configuration of conversion: every variable that it reads, with its default."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicebox_kit import variables
from voicebox_kit.audit import audit_file
from voicebox_kit.authentication import AuthenticationSettings
from voicebox_kit.server import grace_seconds
from voicebox_metering.meter import MeterSettings
from voicebox_models.choosing import AUTO, EngineSettings
from voicebox_models.device_leases.settings import Sharing
from voicebox_models.hub import Hub
from voicebox_models.residency import MemoryLimits
from voicebox_models.settings import hub, models_folder, packaged
from voicebox_sql.database import Pool

BLOB_URL = "CONVERSION_BLOB_URL"


@dataclass(frozen=True)
class Settings:
    """Read once, at start."""

    address: str
    metrics_address: str
    catalog_address: str
    grace_seconds: float
    engines: EngineSettings
    device: str
    device_bytes: int
    """What the service takes of its device's memory, where that is more than its models say."""
    sharing: Sharing
    models_folder: Path
    packaged: bool
    hub: Hub
    model_limits: MemoryLimits
    streams: int
    """0 leaves it to the engine."""
    queue: int
    idle_seconds: float
    voice_bytes: int
    requires_consent: bool
    folder: Path
    database_url: str
    pool: Pool
    blob_url: str
    s3: Mapping[str, str]
    """The variables AWS_*: who we are in S3, and where it is."""
    authentication: AuthenticationSettings
    audit: Path
    metering: MeterSettings

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        folder = Path(variables.text(env, "VOICEBOX_DATA", "var")).absolute() / "conversion"
        streams = variables.text(env, "CONVERSION_STREAMS", AUTO)
        return cls(
            address=variables.address(env, "CONVERSION_ADDRESS", "127.0.0.1:50057"),
            metrics_address=variables.address(env, "CONVERSION_METRICS_ADDRESS", "127.0.0.1:9097"),
            catalog_address=variables.peer(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
            grace_seconds=grace_seconds(env),
            engines=EngineSettings(engine=variables.text(env, "CONVERSION_ENGINE", AUTO)),
            device=variables.text(env, "CONVERSION_DEVICE", AUTO),
            device_bytes=variables.integer(env, "CONVERSION_DEVICE_BYTES", 0, 0, 1 << 50),
            sharing=Sharing.read(env),
            models_folder=models_folder(env),
            packaged=packaged(env),
            hub=hub(env),
            model_limits=MemoryLimits(
                variables.integer(env, "CONVERSION_MODEL_MEMORY_BYTES", 0, 0, 1 << 50),
                variables.seconds(env, "CONVERSION_MODEL_TTL_SECONDS", 0.0),
            ),
            streams=0 if streams == AUTO else variables.integer(env, "CONVERSION_STREAMS", 0, 0, 1024),
            queue=variables.integer(env, "CONVERSION_QUEUE", 16, 0, 100_000),
            idle_seconds=variables.seconds(env, "CONVERSION_IDLE_SECONDS", 300.0, 0.1),
            voice_bytes=variables.integer(env, "CONVERSION_VOICE_BYTES", 1 << 28, 0, 1 << 50),
            requires_consent=variables.boolean(env, "CONVERSION_REQUIRE_CONSENT", False),
            folder=folder,
            database_url=variables.text(
                env, "CONVERSION_DATABASE_URL", f"sqlite+aiosqlite:///{folder / 'conversion.sqlite'}"
            ),
            pool=Pool(connections=variables.integer(env, "CONVERSION_DATABASE_CONNECTIONS", 10, 1, 1000)),
            blob_url=variables.text(env, BLOB_URL, str(folder / "blobs")),
            s3={name: value for name, value in env.items() if name.startswith("AWS_")},
            authentication=AuthenticationSettings.read(env),
            audit=audit_file(env, "conversion"),
            metering=MeterSettings(variables.peer(env, "ACCOUNTS_ADDRESS", "127.0.0.1:50055"), folder / "usage"),
        )
