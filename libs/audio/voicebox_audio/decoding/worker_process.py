"""The decoder's side of one worker: what is sent to it, what it says, and its end."""

import asyncio
import contextlib
import os
import socket

from . import messages

_READY_SECONDS = 20.0
"""How long a worker may take to be forked: a thousand times what it takes on an idle machine."""


class WorkerDied(Exception):
    """The process ended, or sent what no correct worker sends, before its work was done."""


class Worker:
    """A process that decodes one file: our ends of its socket and of its lifeline, a pipe whose closing ends it."""

    def __init__(self, channel: socket.socket, lifeline: int) -> None:
        self._channel = channel
        self._lifeline: int | None = lifeline

    async def is_ready(self) -> bool:
        """Whether it lives. It does not where the fork server died, or could not fork."""
        with contextlib.suppress(WorkerDied, TimeoutError):
            async with asyncio.timeout(_READY_SECONDS):
                return await self._exactly(messages.HEADER.size) == messages.frame(messages.READY)
        return False

    async def send(self, data: bytes) -> bool:
        """Sends bytes as fast as it takes them; False when it takes no more, since it has ended or knows enough."""
        try:
            await asyncio.get_running_loop().sock_sendall(self._channel, data)
        except ConnectionError:
            return False
        return True

    def send_end(self) -> None:
        """Signals that no more bytes come."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)

    async def frame(self) -> tuple[bytes, bytearray]:
        """The next thing that it says, kind and payload. WorkerDied when it says nothing more, which only END and ERROR
        may precede.
        """
        kind, length = messages.HEADER.unpack(await self._exactly(messages.HEADER.size))
        if length > messages.MAX_PAYLOAD_BYTES:
            raise WorkerDied
        return kind, await self._exactly(length)

    async def _exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        rest = memoryview(data)
        while rest:
            try:
                received = await asyncio.get_running_loop().sock_recv_into(self._channel, rest)
            except ConnectionError as error:
                raise WorkerDied from error
            if not received:
                raise WorkerDied
            rest = rest[received:]
        return data

    def kill(self) -> None:
        """Ends the process at once, if it still runs. May be called twice."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def close(self) -> None:
        """Ends the process, and closes our end of its socket, which nobody may be waiting for."""
        self.kill()
        self._channel.close()
