"""Jobs, their events, steps, items and files; inputs; workers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

RowKey = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _jobs()
    op.create_table(
        "job_counters",
        _text("name", primary_key=True),
        _big("value"),
    )
    op.execute("INSERT INTO job_counters (name, value) VALUES ('events', 0)")
    op.create_table(
        "job_events",
        sa.Column("sequence", RowKey, primary_key=True),
        *(_big(name) for name in ("job_key", "time_us")),
        *(_text(name) for name in ("job_id", "owner", "stage", "error_reason", "error_message")),
        *(_whole(name) for name in ("state", "attempt", "error_code")),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("remaining_us", sa.BigInteger()),
    )
    op.create_index("job_events_by_job", "job_events", ["job_key", "sequence"])
    op.create_table(
        "job_steps", _big("job_key", primary_key=True), _text("name", primary_key=True), _json("output"), _big("end_us")
    )
    op.create_table(
        "job_items",
        _big("job_key", primary_key=True),
        _big("number", primary_key=True),
        *(_whole(name) for name in ("state", "error_code")),
        *(_json(name) for name in ("fields", "result")),
        *(_text(name) for name in ("output", "blob", "error_reason", "error_message")),
        *(_big(name) for name in ("size_bytes", "duration_us")),
    )
    op.create_index("job_items_by_state", "job_items", ["job_key", "state", "number"])
    _files()


def _jobs() -> None:
    op.create_table(
        "job_jobs",
        sa.Column("key", RowKey, primary_key=True),
        *(_text(name) for name in ("id", "owner", "type", "device", "queue", "stage", "executor")),
        sa.Column("request_id", sa.String()),
        *(_text(name) for name in ("error_reason", "error_message")),
        *(_json(name) for name in ("request", "labels", "principal", "steps", "warnings", "outputs")),
        *(_whole(name) for name in ("priority", "run", "state", "attempt", "deaths", "error_code")),
        *(_big(name) for name in ("place", "timeout_us", "item_count", "items_done", "items_failed", "sequence")),
        *(sa.Column(name, sa.BigInteger()) for name in ("remaining_us", "start_us", "end_us")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("is_enqueued", "is_cancelling")),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("owner", "request_id", name="job_jobs_requests"),
    )
    op.create_index("job_jobs_by_owner", "job_jobs", ["owner", "key"])
    op.create_index("job_jobs_waiting", "job_jobs", ["state", "queue", "place"])
    op.create_index("job_jobs_by_executor", "job_jobs", ["executor"])
    op.create_index("ix_job_jobs_end_us", "job_jobs", ["end_us"])


def _files() -> None:
    op.create_table(
        "job_files",
        _big("job_key", primary_key=True),
        _text("name", primary_key=True),
        sa.Column("is_result", sa.Boolean(), nullable=False),
        *(_text(name) for name in ("blob", "content_type", "sha256")),
        _big("size_bytes"),
    )
    op.create_index("ix_job_files_blob", "job_files", ["blob"])
    op.create_table(
        "job_inputs",
        sa.Column("key", RowKey, primary_key=True),
        *(_text(name) for name in ("id", "owner", "file_name", "container", "blob", "sha256")),
        sa.Column("request_id", sa.String()),
        *(_big(name) for name in ("size_bytes", "duration_us")),
        *(_whole(name) for name in ("sample_rate_hz", "channel_count")),
        _json("warnings"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("owner", "request_id", name="job_inputs_requests"),
    )
    op.create_index("job_inputs_by_owner", "job_inputs", ["owner", "key"])
    op.create_index("ix_job_inputs_blob", "job_inputs", ["blob"])
    op.create_table("job_input_uses", _big("job_key", primary_key=True), _text("input_id", primary_key=True))
    op.create_index("ix_job_input_uses_input_id", "job_input_uses", ["input_id"])
    op.create_table("job_executors", _text("id", primary_key=True), _big("until_us"))
    op.create_table("job_leases", _text("name", primary_key=True), _text("holder"), _big("until_us"))


def _text(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), primary_key=primary_key, nullable=False)


def _big(name: str, *, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), primary_key=primary_key, nullable=False, autoincrement=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False)
