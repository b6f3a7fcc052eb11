"""The worker that the service starts, a process of its own: started anew when it ends, and told of new jobs at once."""

import asyncio
import logging
import os
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress

from voicebox_kit.errors import VoiceboxError

from .store.executors import ExecutorStore
from .worker_app import EXECUTOR

log = logging.getLogger(__name__)

COMMAND = "from voicebox_kit.command import serve; serve()"
STOP_SECONDS = 30.0


class WorkerProcess:
    """At most one process at a time."""

    def __init__(self, env: Mapping[str, str], executors: ExecutorStore) -> None:
        self._env, self._executors = env, executors
        self._pipe: asyncio.StreamWriter | None = None

    def nudge(self) -> None:
        """There is a new job: the worker looks now, and not only twice a second."""
        if self._pipe and not self._pipe.is_closing() and not self._pipe.transport.get_write_buffer_size():
            self._pipe.write(b"\n")

    async def run(self) -> None:
        """Until the process ends: then its lease does, too, and its jobs wait again at once."""
        executor = str(uuid.uuid4())
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", COMMAND, "jobs-worker"),
            env={**os.environ, **self._env, EXECUTOR: executor},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        self._pipe = process.stdin
        try:
            log.error("the worker ended with code %d", await process.wait())
        finally:
            self._pipe = None
            await _stopped(process)
            with suppress(VoiceboxError):
                await self._executors.expire(executor)


async def _stopped(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
