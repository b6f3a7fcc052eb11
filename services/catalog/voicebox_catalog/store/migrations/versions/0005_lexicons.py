"""Pronunciation lexicons."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "lexicons",
        sa.Column("key", key, primary_key=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("owner", "id", "display_name", "language")),
        sa.Column("case_sensitive", sa.Boolean(), nullable=False),
        sa.Column("entries", sa.JSON(), nullable=False),
        sa.Column("entry_count", sa.Integer(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("update_time_us", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(), nullable=False),
        sa.Column("request_id", sa.String()),
        sa.Column("request_digest", sa.String()),
        sa.UniqueConstraint("owner", "id"),
        sa.UniqueConstraint("owner", "request_id"),
    )
    op.create_index("lexicons_by_owner", "lexicons", ["owner", "key"])
