"""Re-encodes profile pictures, each in its own process (picture_process.py)."""

import asyncio
import os
import sys

from voicebox_kit.errors import InvalidField, Unavailable

FIELD = "image"
MAX_BYTES = 5 * 1024 * 1024
WALL_SECONDS = 30.0
AT_ONCE = 2
"""Each may take 768 MB."""
REFUSED = 3
COMMAND = (sys.executable, "-m", "voicebox_catalog.profiles.picture_process")


class Pictures:
    """Draws at most AT_ONCE pictures at a time."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def draw(self, data: bytes) -> bytes:
        """A PNG, JPEG or WebP file as a square WebP. InvalidField("image") says what is wrong with it."""
        if not data:
            raise InvalidField(FIELD, "The picture is empty.", reason="IMAGE_EMPTY")
        if len(data) > MAX_BYTES:
            raise InvalidField(FIELD, f"The picture must have at most {MAX_BYTES} bytes.", reason="IMAGE_TOO_LARGE")
        async with self._slots:
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
