"""The time of the last sweep. Running it also rebuilds the search index, whose tokens now include symbols and letters without strokes."""

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
