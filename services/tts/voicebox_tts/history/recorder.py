"""Keeps every generation: in the catalog or on this disk before it is acknowledged, and in the catalog exactly once."""

import asyncio
from concurrent.futures import Executor

from voicebox.catalog.v1 import catalog_pb2
from voicebox_outbox.outbox import Outbox, Outcome

from .draft import Draft


class History:
    """Records named by the request id."""

    def __init__(self, outbox: Outbox[catalog_pb2.Generation], executor: Executor) -> None:
        self._outbox, self._executor = outbox, executor

    def draft(self, sample_rate_hz: int) -> Draft:
        """Begin a record's audio; Exhausted or OSError when the disk cannot take it."""
        return Draft(self._outbox.reserve(), sample_rate_hz)

    async def keep(self, draft: Draft, generation: catalog_pb2.Generation, *, promptly: bool) -> Outcome:
        """Make a record durable, in the catalog at once when `promptly` and it answers.

        Raises OSError when neither the catalog nor the disk takes it.
        """
        await asyncio.get_running_loop().run_in_executor(self._executor, draft.close)
        return await self._outbox.keep(draft.path, generation, promptly=promptly)
