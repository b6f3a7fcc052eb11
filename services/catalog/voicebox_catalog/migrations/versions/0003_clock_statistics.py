"""The time of the last sweep; an index that has all that statistics by profile add up.

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
    op.drop_index("generations_by_profile", "generations")
    columns = ["owner", "profile", "key", "duration_us", "size_bytes", "synthesis_time_us", "status"]
    op.create_index("generations_by_profile", "generations", columns)
