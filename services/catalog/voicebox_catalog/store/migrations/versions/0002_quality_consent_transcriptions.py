"""Consent, avatars and undelete for profiles; quality for samples; favourites and labels; transcriptions, retention,
leases.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.drop_table("schema_version")  # `alembic_version` says it now
    _profiles()
    _samples()
    _generations()
    _transcriptions()
    op.create_table(
        "retention_rules",
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("keep_days", sa.Integer()),
        sa.Column("keep_bytes", sa.BigInteger()),
        sa.Column("update_time_us", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
    )


def _profiles() -> None:
    _add(
        "profiles",
        _text("consent_speaker"),
        sa.Column("consent_time_us", sa.BigInteger()),
        _text("consent_scope"),
        _json("voice_settings", "{}"),
        _text("avatar_blob"),
        sa.Column("delete_time_us", sa.BigInteger()),
        sa.Column("purge_time_us", sa.BigInteger()),
    )
    op.create_index("ix_profiles_avatar_blob", "profiles", ["avatar_blob"])
    op.create_index("ix_profiles_purge_time_us", "profiles", ["purge_time_us"])


def _samples() -> None:
    _add(
        "samples",
        _json("quality", "{}"),
        sa.Column("trim_start_us", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("trim_end_us", sa.BigInteger()),
        sa.Column("transcript_word_error_rate", sa.Float()),
        _flag("excluded"),
        _text("source"),
        _text("etag"),
    )


def _generations() -> None:
    _add(
        "generations",
        _text("model_revision"),
        _json("parameters", "{}"),
        _flag("favorite"),
        _json("labels", "{}"),
        sa.Column("word_error_rate", sa.Float()),
        _text("etag"),
    )
    op.drop_index("generations_by_owner", "generations")
    statistics = ["size_bytes", "synthesis_time_us", "status", "engine", "profile"]
    op.create_index("generations_by_owner", "generations", ["owner", "key", "duration_us", *statistics])
    op.create_index("generations_by_duration", "generations", ["owner", "duration_us", "key"])


def _transcriptions() -> None:
    op.create_table(
        "transcriptions",
        sa.Column("key", KEY, primary_key=True),
        *(_text(name) for name in ("owner", "id", "text")),
        sa.Column("utterances", sa.LargeBinary(), nullable=False),
        *(_text(name) for name in ("engine", "model", "model_revision", "language")),
        _json("parameters", "{}"),
        _text("container"),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("duration_us", "size_bytes", "recognition_time_us")
        ),
        sa.Column("speaker_count", sa.Integer(), nullable=False),
        _json("warnings", "[]"),
        _text("blob"),
        _flag("favorite"),
        _json("labels", "{}"),
        _text("etag"),
        sa.UniqueConstraint("owner", "id"),
    )
    op.create_index("transcriptions_by_owner", "transcriptions", ["owner", "key", "duration_us", "size_bytes"])
    op.create_index("transcriptions_by_duration", "transcriptions", ["owner", "duration_us", "key"])
    op.create_index("ix_transcriptions_blob", "transcriptions", ["blob"])


def _add(table: str, *columns: sa.Column[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False, server_default="")


def _json(name: str, empty: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(), nullable=False, server_default=empty)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
