"""What each step said and made, so that it can be forgotten when the step is run again."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("job_steps", sa.Column("outputs", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("job_steps", sa.Column("warnings", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("job_files", sa.Column("step", sa.String(), nullable=False, server_default=""))
