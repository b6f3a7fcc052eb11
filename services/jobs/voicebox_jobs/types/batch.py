"""What batches share: items are done some at a time, each durable; then packed into one zip file with a manifest."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

from voicebox_blobs.archives.zip_writer import Entry, zipped
from voicebox_kit.errors import Exhausted, Precondition

from voicebox_jobs.job_type import Work
from voicebox_jobs.state import ItemState, Outcome, failure_of, may_pass
from voicebox_jobs.store.runs import DoneItem
from voicebox_jobs.store.tables import Item

from . import files

AT_ONCE = 2
ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 1.0
MAX_RESULT_BYTES = 1 << 40
ARCHIVE, MANIFEST = "results.zip", "manifest.jsonl"

DoItem = Callable[[Work, Item], Awaitable[DoneItem]]


async def do_items(work: Work, do: DoItem, *, all_may_fail: bool = False) -> Outcome:
    """Do all items that wait. One that cannot be done is written down as failed, and the others go on; what may pass
    is tried again, and ends the step when it does not pass. Precondition when all failed, unless they may.
    """
    await work.runs.forget_failed_items(work.job.id, work.job.run)
    total, done, _ = await work.runs.counts(work.job)
    finished = done
    after = -1
    while page := await work.runs.items(work.job, after, ItemState.WAITING):
        await work.runs.refuse_beyond_limit(work.job)  # not for each item: adding up thousands takes milliseconds
        for start in range(0, len(page), AT_ONCE):
            together = page[start : start + AT_ONCE]
            await _all_of([_finish(work, item, do) for item in together])
            finished += len(together)
            await work.report(finished / max(1, total), f"{finished} of {total}")
        after = page[-1].number
    _, done, failed = await work.runs.counts(work.job)
    if failed and not done and not all_may_fail:
        raise Precondition("ALL_ITEMS_FAILED", f"jobs/{work.job.id}", "Every item failed: ListJobItems says why.")
    return Outcome(warnings=(f"{failed} of {total} items failed.",) if failed else ())


async def pack(work: Work) -> Outcome:
    """Store the archive and the manifest as results."""
    await files.keep(work, ARCHIVE, "application/zip", zipped(_entries(work)), MAX_RESULT_BYTES)
    await files.keep(work, MANIFEST, "application/jsonl", _manifest(work), MAX_RESULT_BYTES)
    return Outcome()


async def _all_of(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Await them all; the first error ends the others, and is raised by itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in works:
                group.create_task(each)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _finish(work: Work, item: Item, do: DoItem) -> None:
    done = await _attempts(work, item, do)
    try:
        await work.runs.finish_item(work.job.id, work.job.run, item.number, done)
    except BaseException:
        if done.blob:
            await work.blobs.delete(done.blob.name)
        raise


async def _attempts(work: Work, item: Item, do: DoItem) -> DoneItem:
    for attempt in range(ATTEMPTS):
        try:
            return await do(work, item)
        except Exception as error:
            if may_pass(error) and attempt < ATTEMPTS - 1:
                await asyncio.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
                continue
            if may_pass(error) or isinstance(error, Exhausted | OSError):
                raise
            return DoneItem(failure=failure_of(error))
    raise AssertionError("unreachable")


async def every_item(work: Work) -> AsyncIterator[Item]:
    """All items, in order."""
    after = -1
    while page := await work.runs.items(work.job, after):
        for item in page:
            yield item
        after = page[-1].number


async def _entries(work: Work) -> AsyncIterator[Entry]:
    now = datetime.now(UTC)
    async for item in every_item(work):
        if item.blob:
            yield Entry(item.output, work.blobs.read(item.blob), now)
    yield Entry(MANIFEST, _manifest(work), now, compress=True)


async def _manifest(work: Work) -> AsyncIterator[bytes]:
    async for item in every_item(work):
        yield json.dumps(_line(item), ensure_ascii=False).encode() + b"\n"


def _line(item: Item) -> dict[str, Any]:
    line = {"index": item.number, **item.fields, "output": item.output, "state": ItemState(item.state).name.lower()}
    if item.state == ItemState.FAILED:
        error = {"code": item.error_code, "reason": item.error_reason, "message": item.error_message}
        return {**line, "error": error}
    return {**line, "duration_seconds": item.duration_us / 1e6, **item.result}
