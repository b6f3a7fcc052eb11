"""Keys, limits, counts, reservations and usage."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Big = sa.BigInteger
RowKey = sa.BigInteger().with_variant(sa.Integer, "sqlite")
LIMITS = (
    "requests_per_minute",
    "concurrent_streams",
    "characters_per_day",
    "audio_seconds_per_day",
    "stored_bytes",
    "model_downloads_per_day",
    "concurrent_jobs",
)


def upgrade() -> None:
    op.create_table(
        "account_keys",
        sa.Column("row", RowKey, primary_key=True),
        *_texts("id", "digest", "prefix", "owner", "display_name", "scopes"),
        sa.Column("expire_us", Big()),
        sa.Column("revoke_us", Big()),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("account_keys_by_owner", "account_keys", ["owner", "row"])
    op.create_table(
        "account_limits",
        sa.Column("subject", sa.String(), primary_key=True),
        *(sa.Column(name, Big()) for name in LIMITS),
    )
    op.create_table("account_days", *_counted("day"), *_numbers("characters", "audio_ms", "downloads"))
    op.create_table("account_minutes", *_counted("minute"), *_numbers("taken"))
    op.create_table(
        "account_reservations",
        sa.Column("work_id", sa.String(), primary_key=True),
        *_texts("owner", "key", "request_id"),
        *_integers("kind", "day"),
        *_numbers("characters", "audio_ms", "used_characters", "used_audio_ms", "until_us"),
    )
    op.create_index("account_reservations_by_owner", "account_reservations", ["owner", "until_us"])
    op.create_index("ix_account_reservations_until_us", "account_reservations", ["until_us"])
    op.create_table(
        "account_usage",
        sa.Column("work_id", sa.String(), primary_key=True),
        *_texts("request_id", "owner", "key", "model"),
        *_integers("kind", "day"),
        *_numbers("characters", "audio_ms", "end_us"),
        sa.Column("is_final", sa.Boolean(), nullable=False),
    )
    op.create_index("account_usage_by_owner", "account_usage", ["owner", "day"])
    op.create_index("ix_account_usage_day", "account_usage", ["day"])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _integers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, Big(), nullable=False) for name in names]


def _counted(unit: str) -> list[sa.Column[str] | sa.Column[int]]:
    return [sa.Column("subject", sa.String(), primary_key=True), sa.Column(unit, sa.Integer(), primary_key=True)]
