"""All that is stored about one owner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, aliased
from sqlmodel import col
from voicebox_kit.errors import AlreadyExists
from voicebox_sql.database import Database

from .search_index import index_of, tokens_of_row
from .stored_bytes import stored_bytes
from .tables import Generation, Lexicon, Profile, RetentionRule, Sample, Transcription

ROWS = 500
"""Whose search words are written at once."""

History = type[Generation] | type[Transcription]
Named = type[Profile] | type[Lexicon] | History

NAMED: Mapping[Named, str] = {
    Profile: "profile",
    Lexicon: "lexicon",
    Generation: "generation",
    Transcription: "transcription",
}
"""What has a name that is unique for one owner, by its table."""


@dataclass(frozen=True)
class Contents:
    """How much an owner has; `files` are recordings, pictures and audio."""

    profiles: int
    samples: int
    generations: int
    transcriptions: int
    files: int
    retention_rules: int
    lexicons: int


class OwnerStore:
    """The data of all owners."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def contents(self, owner: str) -> Contents:
        """How much an owner has."""
        return await self._database.read(lambda session: _contents(session, owner))

    async def stored_bytes(self, owner: str) -> int:
        """The size of an owner's recordings, as they were uploaded, and of the audio of its history."""
        return await self._database.read(lambda session: stored_bytes(session, owner))

    async def move(self, owner: str, new_owner: str) -> Contents:
        """Give everything to another owner, in one transaction; what was moved. AlreadyExists for a name that both
        have.
        """

        async def work(session: AsyncSession) -> Contents:
            return await session.run_sync(_move, owner, new_owner)

        return await self._database.write(work)

    async def delete_settings(self, owner: str) -> None:
        """Delete an owner's lexicons and retention rule."""

        async def work(session: AsyncSession) -> None:
            for table in (Lexicon, RetentionRule):
                await session.execute(delete(table).where(col(table.owner) == owner))

        await self._database.write_deletion(work)


def _contents(session: Session, owner: str) -> Contents:
    def count(table: Named | type[RetentionRule], having: str = "") -> int:
        statement = select(func.count()).select_from(table).where(col(table.owner) == owner)
        return session.scalar(statement.where(getattr(table, having) != "") if having else statement) or 0

    samples = session.scalar(
        select(func.count()).select_from(Sample).join(Profile).where(col(Profile.owner) == owner)
    ) or 0  # fmt: skip
    return Contents(
        profiles=count(Profile),
        samples=samples,
        generations=count(Generation),
        transcriptions=count(Transcription),
        files=2 * samples + count(Profile, "avatar_blob") + count(Generation, "blob") + count(Transcription, "blob"),
        retention_rules=count(RetentionRule),
        lexicons=count(Lexicon),
    )


def _move(session: Session, owner: str, new_owner: str) -> Contents:
    found = _contents(session, owner)
    for table, kind in NAMED.items():
        _refuse_same_name(session, table, kind, owner, new_owner)
    for history in (Generation, Transcription):
        _move_words(session, history, owner, new_owner)
    for table in NAMED:
        session.execute(update(table).where(col(table.owner) == owner).values(owner=new_owner))
    if session.get(RetentionRule, new_owner):
        session.execute(delete(RetentionRule).where(col(RetentionRule.owner) == owner))
    session.execute(update(RetentionRule).where(col(RetentionRule.owner) == owner).values(owner=new_owner))
    return found


def _refuse_same_name(session: Session, table: Named, kind: str, owner: str, new_owner: str) -> None:
    other = aliased(table)
    both = (
        select(col(table.id))
        .join(other, col(other.id) == col(table.id))
        .where(col(table.owner) == owner, col(other.owner) == new_owner)
    )
    if (taken := session.scalar(both.limit(1))) is not None:
        raise AlreadyExists(kind, f"{kind}s/{taken}")


def _rows(session: Session, statement: Select[Any]) -> Sequence[Any]:
    return session.scalars(statement).all()


def _move_words(session: Session, table: History, owner: str, new_owner: str) -> None:
    """The search index finds rows by their owner, too."""
    index, after = index_of(table, session.get_bind().dialect.name), -1
    statement = select(table).where(col(table.owner) == owner).order_by(col(table.key)).limit(ROWS)
    while rows := _rows(session, statement.where(col(table.key) > after)):
        after = rows[-1].key
        session.execute(index.delete([row.key for row in rows]))
        words = {row.key: tokens_of_row(table, row.model_copy(update={"owner": new_owner})) for row in rows}
        for insertion, parameters in index.insertions(words):
            session.execute(insertion, parameters)
        session.expunge_all()
