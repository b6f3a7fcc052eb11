"""What steps used, until accounts has it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "job_usage",
        sa.Column("work_id", sa.String(), primary_key=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("job_id", "owner", "key", "model")),
        sa.Column("kind", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("audio_ms", "compute_ms", "end_us")),
    )
    op.create_index("ix_job_usage_owner", "job_usage", ["owner"])
