"""Inputs in the database, and everything that is there of one owner or too old."""

from collections.abc import Sequence

from sqlalchemy import CursorResult, Exists, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, Session
from sqlmodel import col
from voicebox_kit.errors import NotFound, Precondition
from voicebox_sql.clock import Clock
from voicebox_sql.database import Database
from voicebox_sql.keys import draw_key, first_key
from voicebox_sql.stored_bytes import refuse_beyond

from voicebox_jobs.state import ENDED, State

from .jobs import Deleted, delete_jobs
from .stored_bytes import stored_bytes
from .tables import Event, File, Input, InputUse, Item, Job, Usage

BATCH = 200


class InputStore:
    """The inputs of all owners."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def add(self, row: Input, limit: int | None = None) -> Input:
        """Store a new input, or return the one with its request id. Exhausted("STORED_BYTES_EXHAUSTED") when it does
        not fit into what the owner may store.
        """
        now = self._clock()

        async def work(session: AsyncSession) -> Input:
            if row.request_id:
                same = col(Input.owner) == row.owner, col(Input.request_id) == row.request_id
                if stored := await session.scalar(select(Input).where(*same)):
                    return stored
            await refuse_beyond(session, stored_bytes, row.owner, row.size_bytes, limit)
            row.key = draw_key(now)
            session.add(row)
            await session.flush()
            return row

        return await self._database.write(work)

    async def stored_bytes(self, owner: str) -> int:
        """How much the owner stores: inputs, and what jobs made."""
        return await self._database.read(lambda session: stored_bytes(session, owner))

    async def find_request(self, owner: str, request_id: str) -> Input | None:
        """The input with this request id; None when there is none."""
        query = select(Input).where(col(Input.owner) == owner, col(Input.request_id) == request_id)
        return await self._database.read(lambda session: session.scalar(query))

    async def get(self, owner: str, input_id: str) -> Input:
        """NotFound."""
        query = select(Input).where(col(Input.owner) == owner, col(Input.id) == input_id)
        found = await self._database.read(lambda session: session.scalar(query))
        if found is None:
            raise NotFound("input", f"inputs/{input_id}")
        return found

    async def page(self, owner: str, before: int | None, size: int) -> Sequence[Input]:
        """An owner's inputs, newest first: those before a key."""
        query = select(Input).where(col(Input.owner) == owner).order_by(col(Input.key).desc()).limit(size)
        if before is not None:
            query = query.where(col(Input.key) < before)

        def found(session: Session) -> Sequence[Input]:
            return session.scalars(query).all()

        return await self._database.read(found)

    async def delete(self, owner: str, input_id: str) -> str:
        """Delete it, and return its blob's name. NotFound, Precondition."""

        async def work(session: AsyncSession) -> str:
            same = col(Input.owner) == owner, col(Input.id) == input_id
            row = await session.scalar(select(Input).where(*same).with_for_update())
            if row is None:
                raise NotFound("input", f"inputs/{input_id}")
            if await session.scalar(select(_is_needed(input_id))):
                raise Precondition("INPUT_IN_USE", f"inputs/{input_id}", "A job that has not ended needs the input.")
            await session.delete(row)
            return row.blob

        return await self._database.write_deletion(work)


class Upkeep:
    """What is too old, what no row holds, and everything of an owner."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def delete_old(self, age_us: int) -> Deleted:
        """Delete some of the jobs that ended, and of the inputs that were uploaded, before so long; none when nothing
        is left.
        """
        before = self._clock() - age_us

        async def work(session: AsyncSession) -> Deleted:
            ended = select(col(Job.key)).where(col(Job.end_us) < before, col(Job.state).in_(ENDED)).limit(BATCH)
            deleted = await session.run_sync(delete_jobs, (await session.scalars(ended)).all())
            old = select(Input).where(col(Input.key) < first_key(before), ~_is_needed(col(Input.id))).limit(BATCH)
            for row in (await session.scalars(old)).all():
                deleted.blobs.append(row.blob)
                deleted.inputs += 1
                await session.delete(row)
            return deleted

        return await self._database.write_deletion(work)

    async def held(self, names: Sequence[str]) -> set[str]:
        """Those of the blobs that a row holds."""

        def work(session: Session) -> set[str]:
            tables: Sequence[type[File] | type[Item] | type[Input]] = (File, Item, Input)
            queries = [select(col(table.blob)).where(col(table.blob).in_(names)) for table in tables]
            return {name for query in queries for name in session.scalars(query).all()}

        return await self._database.read(work)

    async def contents(self, owner: str) -> Deleted:
        """How much there is of an owner."""

        def count(session: Session, table: type[Job] | type[Input]) -> int:
            return session.scalar(select(func.count()).select_from(table).where(col(table.owner) == owner)) or 0

        return await self._database.read(
            lambda session: Deleted(jobs=count(session, Job), inputs=count(session, Input))
        )

    async def move(self, owner: str, new_owner: str) -> Deleted:
        """Give everything to another owner, in one transaction."""

        async def work(session: AsyncSession) -> Deleted:
            counts = []
            for table in (Job, Input, Event, Usage):
                changed = await session.execute(update(table).where(col(table.owner) == owner).values(owner=new_owner))
                assert isinstance(changed, CursorResult)
                counts.append(changed.rowcount)
            return Deleted(jobs=counts[0], inputs=counts[1])

        return await self._database.write(work)

    async def delete_owner(self, owner: str) -> Deleted:
        """Delete everything of an owner; a job that runs finds itself gone, and stops."""

        async def work(session: AsyncSession) -> Deleted:
            keys = (await session.scalars(select(col(Job.key)).where(col(Job.owner) == owner).limit(BATCH))).all()
            deleted = await session.run_sync(delete_jobs, keys)
            rows = (await session.scalars(select(Input).where(col(Input.owner) == owner).limit(BATCH))).all()
            deleted.blobs += [row.blob for row in rows]
            deleted.inputs = len(rows)
            await session.execute(delete(Input).where(col(Input.key).in_([row.key for row in rows])))
            await session.execute(delete(Usage).where(col(Usage.owner) == owner))
            return deleted

        return await self._database.write_deletion(work)


def _is_needed(input_id: str | Mapped[str]) -> Exists:
    query = select(col(InputUse.job_key)).join(Job, col(Job.key) == col(InputUse.job_key))
    return exists(query.where(col(InputUse.input_id) == input_id, col(Job.state) < State.SUCCEEDED))
