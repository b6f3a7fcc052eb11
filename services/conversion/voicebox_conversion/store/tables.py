"""The tables of conversion. Their names begin with `conversion_`, so that they may stand in the catalog's database."""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

# SQLite's own row number must be declared INTEGER, and is 64 bits wide; elsewhere INTEGER is 32.
Key = BigInteger().with_variant(Integer, "sqlite")

TABLES = registry()
"""Apart from the tables of other services that run in this process."""


class Table(SQLModel, registry=TABLES):
    """What all tables of conversion inherit from."""


class VoiceModel(Table, table=True):
    """A voice that an engine was trained for. `key` is a creation key; ids are unique for one owner; `blob` holds the
    tensors.
    """

    __tablename__ = "conversion_voice_models"
    __table_args__ = (
        UniqueConstraint("owner", "id"),
        UniqueConstraint("owner", "request_id"),
        Index("conversion_voice_models_by_owner", "owner", "key"),
    )

    key: int = Field(primary_key=True, sa_type=Key)
    owner: str
    id: str
    display_name: str
    engine: str
    sample_rate_hz: int
    metrics: dict[str, float] = Field(sa_column=Column(JSON, nullable=False))
    consent: str
    licence: str
    recordings_sha256: str
    sha256: str
    size_bytes: int = Field(sa_type=BigInteger)
    blob: str = Field(index=True)
    conversions: int = Field(default=0, sa_type=BigInteger)
    converted_ms: int = Field(default=0, sa_type=BigInteger)
    last_use_us: int | None = Field(default=None, sa_type=BigInteger)
    request_id: str | None = None


class Deletion(Table, table=True):
    """A deletion that was done, so that a retry of it succeeds."""

    __tablename__ = "conversion_deletions"

    owner: str = Field(primary_key=True)
    request_id: str = Field(primary_key=True)
    voice_model: str
    time_us: int = Field(sa_type=BigInteger, index=True)
