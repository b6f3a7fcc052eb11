"""Profiles, samples and generations, as the first version made them without Alembic."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FILTERED = ("profile", "voice", "engine", "language", "status")


def upgrade() -> None:
    _profiles()
    _samples()
    _generations()
    if op.get_context().dialect.name == "sqlite":  # there was no PostgreSQL before revision 2, and it makes the index
        op.execute(
            "CREATE VIRTUAL TABLE generation_search "
            "USING fts5(scope, words, tokenize=\"unicode61 remove_diacritics 2 categories 'L* N* Co Mc Mn'\", "
            "prefix='1 2 3')"
        )
    versions = op.create_table("schema_version", sa.Column("version", sa.Integer(), primary_key=True))
    op.bulk_insert(versions, [{"version": 1}])


def _profiles() -> None:
    op.create_table(
        "profiles",
        sa.Column("key", KEY, primary_key=True),
        *(_text(name) for name in ("owner", "id", "display_name", "language", "description")),
        sa.Column("labels", sa.JSON(), nullable=False),
        _text("consent_statement"),
        sa.Column("sample_count", sa.Integer(), nullable=False),
        sa.Column("update_time_us", sa.BigInteger(), nullable=False),
        _text("etag"),
        sa.Column("request_id", sa.String()),
        sa.Column("request_digest", sa.String()),
        sa.UniqueConstraint("owner", "id"),
        sa.UniqueConstraint("owner", "request_id"),
    )
    op.create_index("profiles_by_owner", "profiles", ["owner", "key"])


def _samples() -> None:
    op.create_table(
        "samples",
        sa.Column("key", KEY, primary_key=True),
        sa.Column("profile_key", KEY, sa.ForeignKey("profiles.key", ondelete="CASCADE"), nullable=False),
        *(_text(name) for name in ("id", "transcript")),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        _text("container"),
        sa.Column("sample_rate_hz", sa.Integer(), nullable=False),
        sa.Column("channel_count", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        _text("sha256"),
        sa.Column("level_dbfs", sa.Float(), nullable=False),
        *(_text(name) for name in ("original_blob", "normalized_blob", "normalized_sha256")),
        sa.Column("normalized_sample_count", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String()),
        sa.UniqueConstraint("profile_key", "id"),
        sa.UniqueConstraint("profile_key", "request_id"),
    )
    op.create_index("samples_by_profile", "samples", ["profile_key", "key"])
    for blob in ("original_blob", "normalized_blob"):
        op.create_index(f"ix_samples_{blob}", "samples", [blob])


def _generations() -> None:
    op.create_table(
        "generations",
        sa.Column("key", KEY, primary_key=True),
        *(_text(name) for name in ("owner", "id", "text", "profile", "voice", "engine", "model", "language")),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("speed", sa.Float(), nullable=False),
        sa.Column("pitch_semitones", sa.Float(), nullable=False),
        _text("container"),
        sa.Column("sample_rate_hz", sa.Integer(), nullable=False),
        *(_number(name) for name in ("duration_us", "size_bytes", "time_to_first_chunk_us", "synthesis_time_us")),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        _text("blob"),
        sa.UniqueConstraint("owner", "id"),
    )
    op.create_index("generations_by_owner", "generations", ["owner", "key", "duration_us"])
    for column in FILTERED:
        op.create_index(f"generations_by_{column}", "generations", ["owner", column, "key", "duration_us"])
    op.create_index("ix_generations_blob", "generations", ["blob"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)
