"""Re-encodes profile pictures, each in its own process (picture_process.py)."""

import asyncio
import os
import sys
from contextlib import AbstractAsyncContextManager

from prometheus_client import CollectorRegistry
from voicebox_kit.errors import InvalidField, Unavailable
from voicebox_kit.permits import Permit, Permits

FIELD = "image"
MAX_BYTES = 5 * 1024 * 1024
WALL_SECONDS = 30.0
AT_ONCE, WAITING = 2, 8
"""Each that is drawn may take 320 MB, each that waits MAX_BYTES."""
PATIENCE_SECONDS = 30.0
REFUSED = 3
COMMAND = (sys.executable, "-m", "voicebox_catalog.profiles.picture_process")


class Pictures:
    """Draws pictures for those that are admitted: at most AT_ONCE at a time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._permits = Permits(AT_ONCE, WAITING, registry, PATIENCE_SECONDS)

    def admitted(self) -> AbstractAsyncContextManager[Permit]:
        """Held while a picture is received and drawn, idle while it is received. Exhausted where too many wait."""
        return self._permits.acquire()

    async def draw(self, data: bytes) -> bytes:
        """A PNG, JPEG or WebP file as a square WebP, of who is admitted. InvalidField("image") says what is wrong with
        it.
        """
        if not data:
            raise InvalidField(FIELD, "The picture is empty.", reason="IMAGE_EMPTY")
        if len(data) > MAX_BYTES:
            raise InvalidField(FIELD, f"The picture must have at most {MAX_BYTES} bytes.", reason="IMAGE_TOO_LARGE")
        status, answer = await _run(data)
        if status == REFUSED:
            raise InvalidField(FIELD, answer.decode(), reason="IMAGE_REFUSED")
        if status:
            raise InvalidField(
                FIELD,
                "Drawing the picture broke off: it is damaged, or takes too much memory or time.",
                "IMAGE_REFUSED",
            )
        return answer


async def _run(data: bytes) -> tuple[int, bytes]:
    # No secret of the service's environment comes near an untrusted file.
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable("PICTURES_UNAVAILABLE", "The process that draws pictures cannot be started.") from error
    try:
        answer, _ = await asyncio.wait_for(process.communicate(data), WALL_SECONDS)
    except TimeoutError as error:
        raise InvalidField(
            FIELD, f"Drawing the picture takes longer than {WALL_SECONDS:g} s.", "IMAGE_REFUSED"
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, answer
