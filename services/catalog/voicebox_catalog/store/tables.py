"""The catalog's tables."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel
from voicebox_sql.leases import LeaseRow

# SQLite's own row number must be declared INTEGER, and is 64 bits wide; elsewhere INTEGER is 32.
Key = BigInteger().with_variant(Integer, "sqlite")


class Profile(SQLModel, table=True):
    """A voice that somebody stored. `key` is a creation key (keys.py); ids are unique for one owner.

    `former_id` is the id that a deleted profile had before another profile took it.
    """

    __tablename__ = "profiles"
    __table_args__ = (
        UniqueConstraint("owner", "id"),
        UniqueConstraint("owner", "request_id"),
        Index("profiles_by_owner", "owner", "key"),
    )

    key: int = Field(primary_key=True, sa_type=Key)
    owner: str
    id: str
    display_name: str
    language: str
    description: str
    labels: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    consent_statement: str
    consent_speaker: str = ""
    consent_time_us: int | None = Field(default=None, sa_type=BigInteger)
    consent_scope: str = ""
    voice_settings: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    avatar_blob: str = Field(default="", index=True)
    sample_count: int = 0
    update_time_us: int = Field(sa_type=BigInteger)
    etag: str
    delete_time_us: int | None = Field(default=None, sa_type=BigInteger)
    purge_time_us: int | None = Field(default=None, sa_type=BigInteger, index=True)
    request_id: str | None = None
    request_digest: str | None = None
    former_id: str | None = None


class Sample(SQLModel, table=True):
    """A recording of a profile's voice: facts of the original, and the names of its two blobs."""

    __tablename__ = "samples"
    __table_args__ = (
        UniqueConstraint("profile_key", "id"),
        UniqueConstraint("profile_key", "request_id"),
        Index("samples_by_profile", "profile_key", "key"),
    )

    key: int = Field(primary_key=True, sa_type=Key)
    profile_key: int = Field(sa_column=Column(Key, ForeignKey("profiles.key", ondelete="CASCADE"), nullable=False))
    id: str
    transcript: str
    duration_us: int = Field(sa_type=BigInteger)
    container: str
    sample_rate_hz: int
    channel_count: int
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str
    level_dbfs: float
    original_blob: str = Field(index=True)
    normalized_blob: str = Field(index=True)
    normalized_sha256: str
    normalized_sample_count: int
    quality: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    trim_start_us: int = Field(default=0, sa_type=BigInteger)
    trim_end_us: int | None = Field(default=None, sa_type=BigInteger)
    transcript_word_error_rate: float | None = None
    excluded: bool = False
    source: str = ""
    etag: str = ""
    request_id: str | None = None


_STATISTICS = ("size_bytes", "synthesis_time_us", "status")


class Generation(SQLModel, table=True):
    """One text that was spoken. `blob` is empty when no audio is stored."""

    __tablename__ = "generations"
    __table_args__ = (
        UniqueConstraint("owner", "id"),
        # Each has its rows in time order, so that a filtered page is read in order and stops early. `duration_us` rides
        # along:
        # a rare duration is then looked for in a narrow index, not in 100,000 rows with their texts.
        # The first one carries what statistics add up, too: a million rows of it are read in 0.3 s, the table's own in
        # 2.
        Index("generations_by_owner", "owner", "key", "duration_us", *_STATISTICS, "engine", "profile"),
        Index("generations_by_duration", "owner", "duration_us", "key"),
        # So that statistics by profile and by engine are added up in their order: SQLite would sort a million rows.
        Index("generations_by_profile", "owner", "profile", "key", "duration_us", *_STATISTICS),
        Index("generations_by_voice", "owner", "voice", "key", "duration_us"),
        Index("generations_by_engine", "owner", "engine", "key", "duration_us", *_STATISTICS),
        Index("generations_by_language", "owner", "language", "key", "duration_us"),
        Index("generations_by_status", "owner", "status", "key", "duration_us"),
    )

    key: int = Field(primary_key=True, sa_type=Key)
    owner: str
    id: str
    text: str
    profile: str
    voice: str
    engine: str
    model: str
    language: str
    seed: int = Field(sa_type=BigInteger)
    speed: float
    pitch_semitones: float
    container: str
    sample_rate_hz: int
    duration_us: int = Field(sa_type=BigInteger)
    size_bytes: int = Field(sa_type=BigInteger)
    time_to_first_chunk_us: int = Field(sa_type=BigInteger)
    synthesis_time_us: int = Field(sa_type=BigInteger)
    status: int
    warnings: list[str] = Field(sa_column=Column(JSON, nullable=False))
    blob: str = Field(index=True)
    model_revision: str = ""
    parameters: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    favorite: bool = False
    labels: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    word_error_rate: float | None = None
    etag: str = ""


class Transcription(SQLModel, table=True):
    """One recognition that was stored. `utterances` is a serialised Transcription of these alone; without audio
    `blob` is empty.
    """

    __tablename__ = "transcriptions"
    __table_args__ = (
        UniqueConstraint("owner", "id"),
        Index("transcriptions_by_owner", "owner", "key", "duration_us", "size_bytes"),
        Index("transcriptions_by_duration", "owner", "duration_us", "key"),
    )

    key: int = Field(primary_key=True, sa_type=Key)
    owner: str
    id: str
    text: str
    utterances: bytes
    engine: str
    model: str
    model_revision: str
    language: str
    parameters: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    container: str
    duration_us: int = Field(sa_type=BigInteger)
    size_bytes: int = Field(sa_type=BigInteger)
    recognition_time_us: int = Field(sa_type=BigInteger)
    speaker_count: int
    warnings: list[str] = Field(sa_column=Column(JSON, nullable=False))
    blob: str = Field(index=True)
    favorite: bool = False
    labels: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    etag: str = ""


class Lexicon(SQLModel, table=True):
    """How an owner's words are said in one language. `entries` are lists of a written form, its alias and its phonemes;
    whoever does not need them must not load them: they may be megabytes.
    """

    __tablename__ = "lexicons"
    __table_args__ = (
        UniqueConstraint("owner", "id"),
        UniqueConstraint("owner", "request_id"),
        Index("lexicons_by_owner", "owner", "key"),
    )

    key: int = Field(primary_key=True, sa_type=Key)
    owner: str
    id: str
    display_name: str
    language: str
    case_sensitive: bool
    entries: list[list[str]] = Field(sa_column=Column(JSON, nullable=False))
    entry_count: int
    warnings: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    update_time_us: int = Field(sa_type=BigInteger)
    etag: str
    request_id: str | None = None
    request_digest: str | None = None


class RetentionRule(SQLModel, table=True):
    """How long an owner's history is kept; None keeps everything."""

    __tablename__ = "retention_rules"

    owner: str = Field(primary_key=True)
    keep_days: int | None = None
    keep_bytes: int | None = Field(default=None, sa_type=BigInteger)
    update_time_us: int = Field(sa_type=BigInteger)


class Lease(LeaseRow, table=True):
    """Who may do what only one replica may do, and until when."""

    __tablename__ = "leases"


class ClockReading(SQLModel, table=True):
    """When a periodic task last ran, and from when on it believes a clock that jumped ahead; None while there is no
    doubt.
    """

    __tablename__ = "clock_readings"

    name: str = Field(primary_key=True)
    seen_us: int = Field(sa_type=BigInteger)
    trusted_from_us: int | None = Field(default=None, sa_type=BigInteger)
