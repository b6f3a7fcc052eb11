"""One warm fork server of the decoder for all services that a test process opens: each start takes 0.7 s of a core."""

import socket
import subprocess
from typing import Any

import pytest
from voicebox_audio.decoding import fork_server


class _Shared:
    """Stands for the process in each user of it, and is not ended with them."""

    def kill(self) -> None:
        """It serves others, too."""

    def wait(self) -> int:
        return 0


class SharedForkServer:
    """Gives each user a control socket of its own to one process, which ends with the last of them."""

    def __init__(self) -> None:
        self._start = fork_server._start
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def use(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(fork_server, "_start", self._started)

    async def _started(self) -> tuple[Any, socket.socket]:
        if self._running is None:
            self._running = await self._start()
        return _Shared(), self._running[1].dup()

    def close(self) -> None:
        """End it; the next user starts another."""
        if self._running is not None:
            fork_server._end(*self._running)
        self._running = None
