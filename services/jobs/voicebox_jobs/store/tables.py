"""The tables of jobs. Their names begin with `job_`, so that they may stand in another service's database."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from voicebox_sql.leases import LeaseRow

# SQLite's own row number must be declared INTEGER, and is 64 bits wide; elsewhere INTEGER is 32.
RowKey = BigInteger().with_variant(Integer, "sqlite")

TABLES = registry()
"""Apart from the tables of other services that run in this process."""


class Table(SQLModel, registry=TABLES):
    """What all tables of jobs inherit from."""


class Job(Table, table=True):
    """A job. `key` is its creation key; `run` counts how often it was queued, and `attempt` how often it was begun.

    `executor` is the worker that runs it, or that ended while it did; whoever writes about a running job must be it.
    `place` orders those that wait: high priorities first, then the oldest.
    """

    __tablename__ = "job_jobs"
    __table_args__ = (
        UniqueConstraint("owner", "request_id", name="job_jobs_requests"),
        Index("job_jobs_by_owner", "owner", "key"),
        Index("job_jobs_waiting", "state", "queue", "place"),
        Index("job_jobs_by_executor", "executor"),
    )

    key: int = Field(primary_key=True, sa_type=RowKey)
    id: str = Field(unique=True)
    owner: str
    request_id: str | None = None
    type: str
    request: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    labels: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    principal: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Who created it, as its calls to other services say; empty without authentication."""
    steps: list[str] = Field(sa_column=Column(JSON, nullable=False))
    priority: int = 0
    place: int = Field(sa_type=BigInteger)
    timeout_us: int = Field(sa_type=BigInteger)
    device: str = ""
    device_memory_bytes: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    """How much of a shared device it asks for; 0 where it does not say."""
    queue: str = ""
    """The device, or `light` for work that needs none."""
    run: int = 1
    is_enqueued: bool = False
    state: int
    stage: str = ""
    progress: float = 0.0
    remaining_us: int | None = Field(default=None, sa_type=BigInteger)
    attempt: int = 0
    deaths: int = 0
    executor: str = ""
    is_cancelling: bool = False
    error_code: int = 0
    error_reason: str = ""
    error_message: str = ""
    warnings: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    outputs: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    item_count: int = Field(default=0, sa_type=BigInteger)
    items_done: int = Field(default=0, sa_type=BigInteger)
    items_failed: int = Field(default=0, sa_type=BigInteger)
    start_us: int | None = Field(default=None, sa_type=BigInteger)
    end_us: int | None = Field(default=None, sa_type=BigInteger, index=True)
    sequence: int = Field(default=0, sa_type=BigInteger)


class Counter(Table, table=True):
    """The number of the newest event: whoever writes one takes the next while nobody else can, so that events become
    visible in their order.
    """

    __tablename__ = "job_counters"

    name: str = Field(primary_key=True)
    value: int = Field(sa_type=BigInteger)


class Event(Table, table=True):
    """Something that happened to a job."""

    __tablename__ = "job_events"
    __table_args__ = (Index("job_events_by_job", "job_key", "sequence"),)

    sequence: int = Field(primary_key=True, sa_type=RowKey)
    job_key: int = Field(sa_type=BigInteger)
    job_id: str
    owner: str
    time_us: int = Field(sa_type=BigInteger)
    state: int
    stage: str
    progress: float
    remaining_us: int | None = Field(default=None, sa_type=BigInteger)
    attempt: int
    error_code: int = 0
    error_reason: str = ""
    error_message: str = ""


class Step(Table, table=True):
    """A step that was completed, and what it left for those after it."""

    __tablename__ = "job_steps"

    job_key: int = Field(primary_key=True, sa_type=BigInteger)
    name: str = Field(primary_key=True)
    output: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    outputs: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Its part of the job's."""
    warnings: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The same."""
    end_us: int = Field(sa_type=BigInteger)


class Item(Table, table=True):
    """An item of a batch: what is to be done, and its outcome."""

    __tablename__ = "job_items"
    __table_args__ = (Index("job_items_by_state", "job_key", "state", "number"),)

    job_key: int = Field(primary_key=True, sa_type=BigInteger)
    number: int = Field(primary_key=True, sa_type=BigInteger)
    state: int
    fields: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    output: str
    blob: str = ""
    size_bytes: int = Field(default=0, sa_type=BigInteger)
    duration_us: int = Field(default=0, sa_type=BigInteger)
    result: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    error_code: int = 0
    error_reason: str = ""
    error_message: str = ""


class File(Table, table=True):
    """A file that a job made: a result, or something between two steps."""

    __tablename__ = "job_files"

    job_key: int = Field(primary_key=True, sa_type=BigInteger)
    name: str = Field(primary_key=True)
    is_result: bool
    blob: str = Field(index=True)
    content_type: str
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str
    step: str = ""
    """Which made it."""


class Input(Table, table=True):
    """A file that was uploaded."""

    __tablename__ = "job_inputs"
    __table_args__ = (
        UniqueConstraint("owner", "request_id", name="job_inputs_requests"),
        Index("job_inputs_by_owner", "owner", "key"),
    )

    key: int = Field(primary_key=True, sa_type=RowKey)
    id: str = Field(unique=True)
    owner: str
    request_id: str | None = None
    file_name: str
    container: str
    blob: str = Field(index=True)
    size_bytes: int = Field(sa_type=BigInteger)
    sha256: str
    duration_us: int = Field(default=0, sa_type=BigInteger)
    sample_rate_hz: int = 0
    channel_count: int = 0
    warnings: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class InputUse(Table, table=True):
    """Which inputs a job needs."""

    __tablename__ = "job_input_uses"

    job_key: int = Field(primary_key=True, sa_type=BigInteger)
    input_id: str = Field(primary_key=True, index=True)


class Usage(Table, table=True):
    """What a completed step used, until accounts has it. It outlives its job."""

    __tablename__ = "job_usage"

    work_id: str = Field(primary_key=True)
    job_id: str
    owner: str = Field(index=True)
    key: str
    kind: int
    model: str
    audio_ms: int = Field(sa_type=BigInteger)
    compute_ms: int = Field(sa_type=BigInteger)
    end_us: int = Field(sa_type=BigInteger)


class Executor(Table, table=True):
    """A worker that lives, as far as is known, until this time."""

    __tablename__ = "job_executors"

    id: str = Field(primary_key=True)
    until_us: int = Field(sa_type=BigInteger)


class Lease(Table, LeaseRow, table=True):
    """Who sweeps."""

    __tablename__ = "job_leases"
