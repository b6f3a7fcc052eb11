"""Voice models in the database."""

from collections.abc import Sequence

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlmodel import col
from voicebox_kit.errors import AlreadyExists, NotFound, Precondition
from voicebox_sql.database import Database
from voicebox_sql.keys import draw_key
from voicebox_sql.stored_bytes import refuse_beyond

from .tables import Deletion, VoiceModel

KIND = "voice_model"
COLLECTION = "voiceModels"
MAX_VOICE_MODELS = 1000
"""Of one owner."""
REMEMBERED_US = 24 * 3600 * 1_000_000
"""How long a deletion can be retried."""


class VoiceModelStore:
    """Every method but `held` and `forget` sees the voice models of one owner only; another's are NotFound."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_request(self, owner: str, request_id: str | None) -> VoiceModel | None:
        """The voice model that a request made before."""
        if request_id is None:
            return None
        asked = select(VoiceModel).where(col(VoiceModel.owner) == owner, col(VoiceModel.request_id) == request_id)
        async with self._database.reading() as session:
            return await session.scalar(asked)

    async def create(self, row: VoiceModel, time_us: int, *, rename: bool, limit: int | None = None) -> VoiceModel:
        """Keep a new voice model, and answer it; or answer the one that the same request made. With `rename` a number
        is added to an id in use, else that raises AlreadyExists. Raises Precondition("TOO_MANY_VOICE_MODELS"),
        Exhausted("STORED_BYTES_EXHAUSTED") beyond the bytes that the owner may store.
        """
        wanted = row.id

        async def work(session: AsyncSession) -> VoiceModel:
            if row.request_id is not None:
                asked = select(VoiceModel).where(
                    col(VoiceModel.owner) == row.owner, col(VoiceModel.request_id) == row.request_id
                )
                if stored := await session.scalar(asked):
                    return stored
            taken = set(
                (await session.scalars(select(col(VoiceModel.id)).where(col(VoiceModel.owner) == row.owner))).all()
            )
            if len(taken) >= MAX_VOICE_MODELS:
                sentence = f"There are {MAX_VOICE_MODELS} voice models already, which is the maximum: delete one."
                raise Precondition("TOO_MANY_VOICE_MODELS", COLLECTION, sentence)
            row.id = _free(wanted, taken) if rename else wanted
            if row.id in taken:
                raise AlreadyExists(KIND, f"{COLLECTION}/{row.id}")
            await refuse_beyond(session, _stored_bytes, row.owner, row.size_bytes, limit)
            row.key = await _free_key(session, time_us)
            session.add(row)
            await session.flush()
            return row

        return await self._database.write(work)

    async def get(self, owner: str, identity: str) -> VoiceModel:
        """NotFound."""
        async with self._database.reading() as session:
            return _found(await session.scalar(_named(owner, identity)), identity)

    async def page(self, owner: str, before: int | None, limit: int) -> Sequence[VoiceModel]:
        """At most `limit` voice models, newest first, older than the key `before`."""
        statement = select(VoiceModel).where(col(VoiceModel.owner) == owner)
        if before is not None:
            statement = statement.where(col(VoiceModel.key) < before)
        async with self._database.reading() as session:
            return (await session.scalars(statement.order_by(col(VoiceModel.key).desc()).limit(limit))).all()

    async def delete(self, owner: str, identity: str, request_id: str | None, time_us: int) -> str | None:
        """Delete it, and answer its blob's name; None where the same request did so before. NotFound."""

        async def work(session: AsyncSession) -> str | None:
            if request_id is not None:
                done = await session.get(Deletion, (owner, request_id))
                if done and done.voice_model == identity:
                    return None
            row = _found(await session.scalar(_named(owner, identity).with_for_update()), identity)
            await session.delete(row)
            if request_id is not None:
                session.add(Deletion(owner=owner, request_id=request_id, voice_model=identity, time_us=time_us))
            return row.blob

        return await self._database.write_deletion(work)

    async def count(self, owner: str) -> int:
        """How many there are."""
        statement = select(func.count()).select_from(VoiceModel).where(col(VoiceModel.owner) == owner)
        async with self._database.reading() as session:
            return int(await session.scalar(statement) or 0)

    async def stored_bytes(self, owner: str) -> int:
        """How large they are together."""
        return await self._database.read(lambda session: _stored_bytes(session, owner))

    async def move(self, owner: str, new_owner: str) -> int:
        """Give all to another owner, and answer how many; an id that both have gets a number."""

        async def work(session: AsyncSession) -> int:
            taken = set((await session.scalars(_ids(new_owner))).all())
            rows = (await session.scalars(select(VoiceModel).where(col(VoiceModel.owner) == owner))).all()
            for row in rows:
                row.id, row.owner, row.request_id = _free(row.id, taken), new_owner, None
                taken.add(row.id)
                session.add(row)
            return len(rows)

        return await self._database.write(work)

    async def delete_all(self, owner: str) -> Sequence[str]:
        """Delete all of an owner, and what is remembered of deletions; answer the names of their blobs."""

        async def work(session: AsyncSession) -> Sequence[str]:
            rows = (await session.scalars(select(VoiceModel).where(col(VoiceModel.owner) == owner))).all()
            for row in rows:
                await session.delete(row)
            await session.execute(delete(Deletion).where(col(Deletion.owner) == owner))
            return [row.blob for row in rows]

        return await self._database.write_deletion(work)

    async def used(self, owner: str, identity: str, converted_ms: int, time_us: int) -> None:
        """Count a conversion. A voice model that is gone meanwhile is no error."""

        async def work(session: AsyncSession) -> None:
            await session.execute(
                update(VoiceModel)
                .where(col(VoiceModel.owner) == owner, col(VoiceModel.id) == identity)
                .values(
                    conversions=col(VoiceModel.conversions) + 1,
                    converted_ms=col(VoiceModel.converted_ms) + converted_ms,
                    last_use_us=time_us,
                )
            )

        await self._database.write(work)

    async def held(self, names: Sequence[str]) -> set[str]:
        """Those of the blobs that a voice model of anybody has."""
        async with self._database.reading() as session:
            return set(
                (await session.scalars(select(col(VoiceModel.blob)).where(col(VoiceModel.blob).in_(names)))).all()
            )

    async def forget(self, time_us: int) -> None:
        """Forget deletions that are too old to be retried."""

        async def work(session: AsyncSession) -> None:
            await session.execute(delete(Deletion).where(col(Deletion.time_us) < time_us - REMEMBERED_US))

        await self._database.write_deletion(work)


async def _free_key(session: AsyncSession, time_us: int) -> int:
    """A creation key of `time_us` that no row has."""
    attempt = 0
    while await session.get(VoiceModel, key := draw_key(time_us, attempt)):
        attempt += 1
    return key


def _stored_bytes(session: Session, owner: str) -> int:
    return int(session.scalar(select(func.sum(col(VoiceModel.size_bytes))).where(col(VoiceModel.owner) == owner)) or 0)


def _named(owner: str, identity: str) -> Select[VoiceModel]:
    return select(VoiceModel).where(col(VoiceModel.owner) == owner, col(VoiceModel.id) == identity)


def _ids(owner: str) -> Select[str]:
    return select(col(VoiceModel.id)).where(col(VoiceModel.owner) == owner)


def _found(row: VoiceModel | None, identity: str) -> VoiceModel:
    if row is None:
        raise NotFound(KIND, f"{COLLECTION}/{identity}")
    return row


def _free(wanted: str, taken: set[str]) -> str:
    names = (wanted, *(f"{wanted[:58]}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
