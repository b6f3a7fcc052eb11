"""The history: each generation is in the catalog or on this disk before the answer says that it was recorded."""

import asyncio
from concurrent.futures import Executor

from voicebox.catalog.v1 import catalog_pb2
from voicebox_audio.encoding.marks import UNMARKED, Mark
from voicebox_outbox.outbox import Delivery, Outbox

from .draft import Draft


class History:
    """Records named by the request id. Blocking work is done in `executor`."""

    def __init__(self, outbox: Outbox[catalog_pb2.Generation], executor: Executor) -> None:
        self._outbox, self._executor = outbox, executor

    def draft(self, sample_rate_hz: int, mark: Mark = UNMARKED) -> Draft:
        """Begin a record's audio; Exhausted or OSError when the disk cannot take it."""
        return Draft(self._outbox.reserve(), sample_rate_hz, mark)

    async def complete(self, draft: Draft) -> None:
        """Complete the draft's file. OSError when any of it could not be written."""
        await asyncio.get_running_loop().run_in_executor(self._executor, draft.close)

    async def record(self, draft: Draft, generation: catalog_pb2.Generation, *, promptly: bool) -> Delivery:
        """Make a record durable; with `promptly`, in the catalog at once where it answers.

        Raises OSError when neither the catalog nor the disk takes it.
        """
        await self.complete(draft)
        return await self._outbox.keep(draft.path, generation, promptly=promptly)
