"""The files of a job: what was uploaded for it, and what its steps make."""

from collections.abc import AsyncIterator

from voicebox_kit.errors import Exhausted, NotFound

from voicebox_jobs.job_type import Work

from . import requests


async def uploaded(work: Work, name: str) -> AsyncIterator[bytes]:
    """The bytes of `inputs/{input}`. NotFound when it is gone."""
    row = await work.runs.input(work.job, requests.input_id(name, "input"))
    if row is None:
        raise NotFound("input", name)
    return work.blobs.read(row.blob)


async def recorded(work: Work, name: str) -> AsyncIterator[bytes]:
    """The audio of `inputs/{input}`, or of a profile's sample."""
    if name.startswith("profiles/"):
        return work.peers.catalog.audio(name, work.job.owner)
    return await uploaded(work, name)


async def keep(
    work: Work, name: str, content_type: str, blocks: AsyncIterator[bytes], max_bytes: int, *, is_result: bool = True
) -> None:
    """Store a file that people may download, or that a later step needs, in place of one of the same name."""
    job, runs = work.job, work.runs
    kind = "results" if is_result else "work"
    blob = await work.blobs.put(kind, await runs.within_limit(job, blocks), max_bytes)
    try:
        replaced = await runs.add_file(job.id, job.run, work.step, name, blob, content_type, result=is_result)
    except Exhausted:
        await work.blobs.delete(blob.name)
        raise
    if replaced:
        await work.blobs.delete(replaced)


async def kept(work: Work, name: str) -> AsyncIterator[bytes]:
    """The bytes of a file that a step before stored."""
    file = await work.runs.file(work.job, name)
    assert file is not None, "the step before stored it"
    return work.blobs.read(file.blob)
