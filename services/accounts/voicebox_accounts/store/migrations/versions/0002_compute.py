"""How long jobs worked."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("account_usage", sa.Column("compute_ms", sa.BigInteger(), nullable=False, server_default="0"))
