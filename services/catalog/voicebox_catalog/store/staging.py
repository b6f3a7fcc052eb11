"""Blobs that no row holds yet: what fails on the way to the row takes them with it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from voicebox_blobs.blobs import Blobs
from voicebox_kit.errors import Precondition, ResourceError

Names = list[str]
"""Of blobs, in the order in which they were made."""


@asynccontextmanager
async def staged(blobs: Blobs) -> AsyncIterator[Names]:
    """Put names into the list while the block makes blobs: when it fails, they are deleted."""
    names: Names = []
    try:
        yield names
    except BaseException:
        await blobs.delete(*names)
        raise


@asynccontextmanager
async def claimed(blobs: Blobs, names: Sequence[str]) -> AsyncIterator[None]:
    """Around the write of the row that holds them: they are deleted when it was refused.

    Where it is unknown whether the row was written, they stay: the sweep finds out (orphans.py).
    """
    try:
        yield
    except (ResourceError, Precondition):
        await blobs.delete(*names)
        raise
