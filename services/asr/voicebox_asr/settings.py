"""The asr service's configuration: every variable that it reads, with its default."""

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


@dataclass(frozen=True)
class Settings:
    """Read once, at start."""

    address: str
    metrics_address: str
    replicas: str
    """Where all replicas of asr are, this one among them; empty where it is alone."""
    catalog_address: str
    grace_seconds: float
    engines: EngineSettings
    device: str
    device_bytes: int
    """What the service takes of its device's memory, where that is more than its models say."""
    sharing: Sharing
    compute_type: str
    threads: int
    """0 leaves it to the engine and the machine."""
    models_folder: Path
    packaged: bool
    hub: Hub
    model_limits: MemoryLimits
    streams: int
    """0 leaves it to the engine."""
    queue: int
    idle_seconds: float
    speaker_engine: str
    spool: Path
    spool_bytes: int
    authentication: AuthenticationSettings
    audit: Path
    metering: MeterSettings

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            address=variables.address(env, "ASR_ADDRESS", "127.0.0.1:50052"),
            metrics_address=variables.address(env, "ASR_METRICS_ADDRESS", "127.0.0.1:9092"),
            replicas=variables.peer(env, "ASR_REPLICAS", "127.0.0.1:50052") if env.get("ASR_REPLICAS") else "",
            catalog_address=variables.peer(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
            grace_seconds=grace_seconds(env),
            engines=EngineSettings(
                engine=variables.text(env, "ASR_ENGINE", AUTO),
                more=_names(variables.text(env, "ASR_MORE_ENGINES", "")),
                model=variables.text(env, "ASR_MODEL", ""),
            ),
            device=variables.text(env, "ASR_DEVICE", AUTO),
            device_bytes=variables.integer(env, "ASR_DEVICE_BYTES", 0, 0, 1 << 50),
            sharing=Sharing.read(env),
            compute_type=variables.text(env, "ASR_COMPUTE_TYPE", AUTO),
            threads=0
            if variables.text(env, "ASR_THREADS", AUTO) == AUTO
            else variables.integer(env, "ASR_THREADS", 0, 0, 1024),
            models_folder=models_folder(env),
            packaged=packaged(env),
            hub=hub(env),
            model_limits=MemoryLimits(
                variables.integer(env, "ASR_MODEL_MEMORY_BYTES", 0, 0, 1 << 50),
                variables.seconds(env, "ASR_MODEL_TTL_SECONDS", 0.0),
            ),
            streams=0
            if variables.text(env, "ASR_STREAMS", AUTO) == AUTO
            else variables.integer(env, "ASR_STREAMS", 0, 0, 1024),
            queue=variables.integer(env, "ASR_QUEUE", 16, 0, 100_000),
            idle_seconds=variables.seconds(env, "ASR_IDLE_SECONDS", 300.0, 0.1),
            speaker_engine=variables.text(env, "ASR_SPEAKER_ENGINE", "ge2e"),
            spool=Path(variables.text(env, "VOICEBOX_DATA", "var")) / "asr" / "spool",
            spool_bytes=variables.integer(env, "ASR_SPOOL_BYTES", 1 << 30, 0, 1 << 50),
            authentication=AuthenticationSettings.read(env),
            audit=audit_file(env, "asr"),
            metering=MeterSettings(
                variables.peer(env, "ACCOUNTS_ADDRESS", "127.0.0.1:50055"),
                Path(variables.text(env, "VOICEBOX_DATA", "var")) / "asr" / "usage",
            ),
        )


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name for name in map(str.strip, listed.split(",")) if name)
