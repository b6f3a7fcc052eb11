"""Notices that the database or the files were removed while the catalog runs."""

import asyncio
from collections.abc import Awaitable, Callable

from voicebox_blobs.blobs import Blobs
from voicebox_sql.database import Database

SECONDS = 5.0


async def watch_storage(
    database: Database, blobs: Blobs, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Looks every SECONDS, without end. Raises what is wrong, and then the catalog is NOT_SERVING: a file in a folder
    that was deleted would be acknowledged, and found by nobody.
    """
    while True:
        await database.check()
        await blobs.check()
        await sleep(SECONDS)
