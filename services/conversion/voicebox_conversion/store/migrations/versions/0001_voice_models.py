"""Voice models, and deletions of them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    texts = ("owner", "id", "display_name", "engine", "consent", "licence", "recordings_sha256", "sha256", "blob")
    op.create_table(
        "conversion_voice_models",
        sa.Column("key", key, primary_key=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in texts),
        sa.Column("sample_rate_hz", sa.Integer(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("conversions", sa.BigInteger(), nullable=False),
        sa.Column("converted_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_use_us", sa.BigInteger()),
        sa.Column("request_id", sa.String()),
        sa.UniqueConstraint("owner", "id"),
        sa.UniqueConstraint("owner", "request_id"),
    )
    op.create_index("conversion_voice_models_by_owner", "conversion_voice_models", ["owner", "key"])
    op.create_index("ix_conversion_voice_models_blob", "conversion_voice_models", ["blob"])
    op.create_table(
        "conversion_deletions",
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("request_id", sa.String(), primary_key=True),
        sa.Column("voice_model", sa.String(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_conversion_deletions_time_us", "conversion_deletions", ["time_us"])
