"""The catalog's configuration: every variable that it reads, with its default."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicebox_kit import variables
from voicebox_kit.server import grace_seconds


@dataclass(frozen=True)
class Settings:
    """Read once, at start."""

    address: str
    metrics_address: str
    grace_seconds: float
    folder: Path
    database_url: str
    decoders: int
    generation_bytes: int

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        folder = Path(variables.text(env, "VOICEBOX_DATA", "var")).absolute() / "catalog"
        return cls(
            address=variables.address(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
            metrics_address=variables.address(env, "CATALOG_METRICS_ADDRESS", "127.0.0.1:9093"),
            grace_seconds=grace_seconds(env),
            folder=folder,
            database_url=variables.text(env, "CATALOG_DATABASE_URL", f"sqlite+aiosqlite:///{folder / 'catalog.sqlite'}"),
            decoders=variables.integer(env, "CATALOG_DECODERS", 2, 1, 64),
            generation_bytes=variables.integer(env, "CATALOG_GENERATION_BYTES", 1 << 30, 1, 1 << 40),
        )
