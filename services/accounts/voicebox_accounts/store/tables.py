"""The tables of accounts. Their names begin with `account_`, so that they may stand in the catalog's database."""

from sqlalchemy import BigInteger, Index, Integer
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

# SQLite's own row number must be declared INTEGER, and is 64 bits wide; elsewhere INTEGER is 32.
RowKey = BigInteger().with_variant(Integer, "sqlite")

TABLES = registry()
"""Apart from the tables of other services that run in this process."""


class Table(SQLModel, registry=TABLES):
    """What all tables of accounts inherit from."""


class Key(Table, table=True):
    """A key by which clients authenticate. `digest` is the SHA-256 of its secret, in hexadecimal digits; `row` is its
    creation key.
    """

    __tablename__ = "account_keys"
    __table_args__ = (Index("account_keys_by_owner", "owner", "row"),)

    row: int = Field(primary_key=True, sa_type=RowKey)
    id: str = Field(unique=True)
    digest: str = Field(unique=True)
    prefix: str
    owner: str
    display_name: str
    scopes: str
    """Names, separated by spaces."""
    expire_us: int | None = Field(default=None, sa_type=BigInteger)
    revoke_us: int | None = Field(default=None, sa_type=BigInteger)


class Limits(Table, table=True):
    """The limits of a subject, `owners/{owner}` or `keys/{key}`; None is no limit."""

    __tablename__ = "account_limits"

    subject: str = Field(primary_key=True)
    requests_per_minute: int | None = Field(default=None, sa_type=BigInteger)
    concurrent_streams: int | None = Field(default=None, sa_type=BigInteger)
    characters_per_day: int | None = Field(default=None, sa_type=BigInteger)
    audio_seconds_per_day: int | None = Field(default=None, sa_type=BigInteger)
    stored_bytes: int | None = Field(default=None, sa_type=BigInteger)
    model_downloads_per_day: int | None = Field(default=None, sa_type=BigInteger)
    concurrent_jobs: int | None = Field(default=None, sa_type=BigInteger)


class DayCount(Table, table=True):
    """What a subject has reserved or used on a day of UTC, counted in days since 1970."""

    __tablename__ = "account_days"

    subject: str = Field(primary_key=True)
    day: int = Field(primary_key=True)
    characters: int = Field(default=0, sa_type=BigInteger)
    audio_ms: int = Field(default=0, sa_type=BigInteger)
    downloads: int = Field(default=0, sa_type=BigInteger)


class MinuteCount(Table, table=True):
    """How many requests of a minute, counted in minutes since 1970, the replicas have taken for a subject."""

    __tablename__ = "account_minutes"

    subject: str = Field(primary_key=True)
    minute: int = Field(primary_key=True)
    taken: int = Field(default=0, sa_type=BigInteger)


class Reservation(Table, table=True):
    """A piece of work that has begun, what is reserved for it, and what it reported as used so far."""

    __tablename__ = "account_reservations"
    __table_args__ = (Index("account_reservations_by_owner", "owner", "until_us"),)

    work_id: str = Field(primary_key=True)
    owner: str
    key: str
    kind: int
    day: int
    characters: int = Field(sa_type=BigInteger)
    audio_ms: int = Field(sa_type=BigInteger)
    used_characters: int = Field(default=0, sa_type=BigInteger)
    used_audio_ms: int = Field(default=0, sa_type=BigInteger)
    request_id: str
    until_us: int = Field(sa_type=BigInteger, index=True)


class Usage(Table, table=True):
    """One piece of work that ended. It is not final where its process went away, and what it last reported is here."""

    __tablename__ = "account_usage"
    __table_args__ = (Index("account_usage_by_owner", "owner", "day"),)

    work_id: str = Field(primary_key=True)
    request_id: str
    owner: str
    key: str
    kind: int
    model: str
    day: int = Field(index=True)
    characters: int = Field(sa_type=BigInteger)
    audio_ms: int = Field(sa_type=BigInteger)
    compute_ms: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    end_us: int = Field(sa_type=BigInteger)
    is_final: bool = True
