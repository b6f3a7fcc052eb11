"""How much of a shared device's memory a job asks for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("job_jobs", sa.Column("device_memory_bytes", sa.BigInteger(), nullable=False, server_default="0"))
