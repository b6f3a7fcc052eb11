"""Copies the files of one store into another: `python -m voicebox_blobs.mirror s3://bucket/prefix /backup/blobs`.

A file never changes under its name, so what the target has already is not copied again. The variables AWS_* say who we
are in S3.
"""

import asyncio
import hashlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from voicebox_kit.errors import StartError, VoiceboxError

from .blobs import Blobs, sha256_of
from .stores import open_blobs


def main(arguments: Sequence[str], env: Mapping[str, str], out: TextIO) -> int:
    """The exit code. Messages go to `out`."""
    prune = "--prune" in arguments
    urls = [each for each in arguments if each != "--prune"]
    if len(urls) != 2:
        print("Usage: python -m voicebox_blobs.mirror [--prune] SOURCE TARGET", file=out)
        return 2
    s3 = {name: value for name, value in env.items() if name.startswith("AWS_")}
    try:
        with (
            tempfile.TemporaryDirectory() as scratch,
            open_blobs(urls[0], s3, Path(scratch), "SOURCE", alone=False) as source,
            open_blobs(urls[1], s3, Path(scratch), "TARGET", alone=False) as target,
        ):
            copied, removed = asyncio.run(mirror(source, target, prune=prune))
    except (StartError, VoiceboxError) as error:
        print(f"Error: {error}", file=out)
        return 1
    print(f"{copied} files copied, {removed} removed.", file=out)
    return 0


async def mirror(source: Blobs, target: Blobs, *, prune: bool = False) -> tuple[int, int]:
    """Copy what the target has not; with `prune`, remove there what the source has no more. How many of each.

    StartError for a file whose bytes are not those of its name: the target does not get it.
    """
    there, here = await _names(source), await _names(target)
    for name in sorted(there - here):
        try:
            await target.put_as(name, _verified(name, source.read(name)))
        except FileNotFoundError:
            there.discard(name)  # deleted meanwhile
    gone = sorted(here - there) if prune else []
    await target.delete(*gone)
    return len(there - here), len(gone)


async def _names(blobs: Blobs) -> set[str]:
    return {each.name async for some in blobs.stored() for each in some}


async def _verified(name: str, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The blocks; StartError at their end when they are not what the name says."""
    digest = hashlib.sha256()
    async for block in blocks:
        digest.update(block)
        yield block
    if sha256_of(name) not in (None, digest.hexdigest()):
        raise StartError(f"{name} is damaged: its bytes are not those of its name.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, sys.stderr))
