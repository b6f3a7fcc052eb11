"""The time of the last sweep; indices that have all that statistics by profile and by engine add up.

Running it also rebuilds the search index, whose tokens now include symbols, and letters without strokes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "clock_readings",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.Column("trusted_from_us", sa.BigInteger()),
    )
    for group in ("profile", "engine"):
        op.drop_index(f"generations_by_{group}", "generations")
        columns = ["owner", group, "key", "duration_us", "size_bytes", "synthesis_time_us", "status"]
        op.create_index(f"generations_by_{group}", "generations", columns)
