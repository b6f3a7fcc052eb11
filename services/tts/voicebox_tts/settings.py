"""The tts service's configuration: every variable that it reads, with its default."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicebox_kit import variables
from voicebox_kit.audit import audit_file
from voicebox_kit.authentication import AuthenticationSettings
from voicebox_kit.errors import StartError
from voicebox_kit.server import grace_seconds
from voicebox_metering.meter import MeterSettings
from voicebox_models.choosing import AUTO, EngineSettings
from voicebox_models.device_leases.settings import Sharing
from voicebox_models.hub import Hub
from voicebox_models.residency import MemoryLimits
from voicebox_models.settings import accepted_licences, hub, models_folder, packaged

from voicebox_tts.consent import ConsentRule

PROMPT_STORE = "TTS_PROMPT_STORE"
VOICE_ALIASES = "TTS_VOICE_ALIASES"


@dataclass(frozen=True)
class Settings:
    """Read once, at start."""

    address: str
    metrics_address: str
    catalog_address: str
    asr_address: str
    grace_seconds: float
    engines: EngineSettings
    device: str
    device_bytes: int
    """What the service takes of its device's memory, where that is more than its models say."""
    sharing: Sharing
    compute_type: str
    models_folder: Path
    packaged: bool
    voice_aliases: str
    """Names that stand for voices, as `name=engine/voice,*=default`."""
    hub: Hub
    accepted_licences: frozenset[str]
    model_limits: MemoryLimits
    chunk_frames: str
    streams: int
    """0 leaves it to the engine."""
    queue: int
    patience_seconds: float
    """How long a call waits for its first audio."""
    idle_seconds: float
    ahead_seconds: float
    prompt_cache_bytes: int
    prompt_folder: Path
    prompt_disk_bytes: int
    prompt_store: str
    """The store of voice prompts that replicas share: a folder or s3://; empty for none."""
    s3: Mapping[str, str]
    """The variables AWS_*: credentials and location of S3."""
    spool: Path
    spool_bytes: int
    consent: ConsentRule
    """Of whom a recording in a request needs a consent."""
    watermark: str
    """The entry point of the watermark that all speech gets; empty for none."""
    c2pa: tuple[Path, Path] | None
    """The certificate and the key that whole files are signed with."""
    authentication: AuthenticationSettings
    audit: Path
    metering: MeterSettings

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            address=variables.address(env, "TTS_ADDRESS", "127.0.0.1:50051"),
            metrics_address=variables.address(env, "TTS_METRICS_ADDRESS", "127.0.0.1:9091"),
            catalog_address=variables.peer(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
            asr_address=variables.peer(env, "ASR_ADDRESS", "127.0.0.1:50052"),
            grace_seconds=grace_seconds(env),
            engines=EngineSettings(
                engine=variables.text(env, "TTS_ENGINE", AUTO),
                more=_names(variables.text(env, "TTS_MORE_ENGINES", "espeak")),
                model=variables.text(env, "TTS_MODEL", ""),
            ),
            device=variables.text(env, "TTS_DEVICE", AUTO),
            device_bytes=variables.integer(env, "TTS_DEVICE_BYTES", 0, 0, 1 << 50),
            sharing=Sharing.read(env),
            compute_type=variables.text(env, "TTS_COMPUTE_TYPE", AUTO),
            models_folder=models_folder(env),
            packaged=packaged(env),
            voice_aliases=variables.text(env, VOICE_ALIASES, ""),
            hub=hub(env),
            accepted_licences=accepted_licences(env),
            model_limits=MemoryLimits(
                variables.integer(env, "TTS_MODEL_MEMORY_BYTES", 0, 0, 1 << 50),
                variables.seconds(env, "TTS_MODEL_TTL_SECONDS", 0.0),
            ),
            chunk_frames=variables.text(env, "TTS_CHUNK_FRAMES", "1,2,4,8"),
            streams=0
            if variables.text(env, "TTS_STREAMS", AUTO) == AUTO
            else variables.integer(env, "TTS_STREAMS", 0, 0, 1024),
            queue=variables.integer(env, "TTS_QUEUE", 64, 0, 100_000),
            patience_seconds=variables.seconds(env, "TTS_PATIENCE_SECONDS", 2.0, 0.0),
            idle_seconds=variables.seconds(env, "TTS_IDLE_SECONDS", 300.0, 0.1),
            ahead_seconds=variables.seconds(env, "TTS_AHEAD_SECONDS", 15.0, 1.0),
            prompt_cache_bytes=variables.integer(env, "TTS_PROMPT_CACHE_BYTES", 256 * 1024 * 1024, 0, 1 << 40),
            prompt_folder=Path(variables.text(env, "VOICEBOX_DATA", "var")) / "tts" / "prompts",
            prompt_disk_bytes=variables.integer(env, "TTS_PROMPT_DISK_BYTES", 1 << 30, 0, 1 << 50),
            prompt_store=variables.text(env, PROMPT_STORE, ""),
            s3={name: value for name, value in env.items() if name.startswith("AWS_")},
            spool=Path(variables.text(env, "VOICEBOX_DATA", "var")) / "tts" / "spool",
            spool_bytes=variables.integer(env, "TTS_SPOOL_BYTES", 1 << 30, 0, 1 << 50),
            c2pa=_c2pa(env),
            consent=ConsentRule(variables.choice(env, "TTS_REFERENCE_CONSENT", tuple(ConsentRule))),
            watermark=variables.text(env, "TTS_WATERMARK", "none").replace("none", ""),
            authentication=AuthenticationSettings.read(env),
            audit=audit_file(env, "tts"),
            metering=MeterSettings(
                variables.peer(env, "ACCOUNTS_ADDRESS", "127.0.0.1:50055"),
                Path(variables.text(env, "VOICEBOX_DATA", "var")) / "tts" / "usage",
            ),
        )


def _c2pa(env: Mapping[str, str]) -> tuple[Path, Path] | None:
    certificate, key = (variables.text(env, name, "") for name in ("TTS_C2PA_CERTIFICATE", "TTS_C2PA_KEY"))
    if bool(certificate) != bool(key):
        raise StartError("TTS_C2PA_CERTIFICATE and TTS_C2PA_KEY go together: set both, or none.")
    return (Path(certificate), Path(key)) if certificate else None


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name for name in map(str.strip, listed.split(",")) if name not in ("", "none"))
