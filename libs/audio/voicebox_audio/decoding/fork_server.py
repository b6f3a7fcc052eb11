"""The decoder's side of the fork server: starts it, gets workers from it, and restarts it when it has died."""

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys

from voicebox_audio.errors import DecoderUnavailable

from . import system_calls
from .worker_process import Worker

log = logging.getLogger(__name__)

_WARM_SECONDS = 20.0
"""How long the fork server may take to start: a hundred times what it takes on an idle machine."""
_RETRY_SECONDS = 0.005
"""How long to wait before asking again when hundreds of requests for workers are waiting already."""


class ForkServer:
    """Runs one fork server and gets workers from it."""

    def __init__(self) -> None:
        self._fork_server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Returns when there is a warm fork server. DecoderUnavailable when it cannot be started."""
        if not system_calls.can_restrict():
            log.warning("this kernel has no seccomp: what decodes files is confined by limits alone")
        await self._warm()

    async def worker(self) -> Worker:
        """A new worker that is ready. DecoderUnavailable when none can be started."""
        for _ in range(2):
            worker = await _ask(await self._warm())
            try:
                if await worker.is_ready():
                    return worker
            except BaseException:
                worker.close()
                raise
            worker.close()
        raise DecoderUnavailable("The audio decoder cannot start a process.")

    def close(self) -> None:
        """Ends the fork server. Workers end when their own lifelines are closed."""
        if self._control is not None and self._fork_server is not None:
            _end(self._fork_server, self._control)
        self._fork_server, self._control = None, None

    async def _warm(self) -> socket.socket:
        """The control socket of a living fork server."""
        async with self._starting:
            if self._control is not None and _has_ended(self._control):
                self.close()
            if self._control is None:
                self._fork_server, self._control = await _start()
            return self._control


async def _start() -> tuple[subprocess.Popen[bytes], socket.socket]:
    fork_server, control = _spawn()
    warm = b""
    try:
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_WARM_SECONDS):
                warm = await asyncio.get_running_loop().sock_recv(control, 1)
    finally:
        if not warm:
            _end(fork_server, control)
    if not warm:
        raise DecoderUnavailable("The audio decoder's process does not start.")
    return fork_server, control


def _spawn() -> tuple[subprocess.Popen[bytes], socket.socket]:
    control, theirs = socket.socketpair()
    control.setblocking(False)
    with theirs:
        fork_server = subprocess.Popen(
            [sys.executable, "-m", "voicebox_audio.decoding.fork_server_process", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # No secret of the service's environment comes near an untrusted file. One thread: a process that has more
            # must not fork.
            env={
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "OPENBLAS_NUM_THREADS": "1",
                "OMP_NUM_THREADS": "1",
            },
            start_new_session=True,  # Ctrl-C is for the service, which then lets its running streams finish
        )
    return fork_server, control


def _has_ended(control: socket.socket) -> bool:
    """Whether the fork server has closed its end. A dying process does that before its exit is reported."""
    try:
        return not control.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _end(fork_server: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    fork_server.kill()
    fork_server.wait()


async def _ask(control: socket.socket) -> Worker:
    """Requests a worker, which may never become ready."""
    channel, theirs = socket.socketpair()
    lifeline_end, lifeline = os.pipe()
    channel.setblocking(False)
    worker = Worker(channel, lifeline)
    try:
        while True:
            try:
                socket.send_fds(control, [b"c"], [theirs.fileno(), lifeline_end])
            except BlockingIOError:
                await asyncio.sleep(_RETRY_SECONDS)
            except ConnectionError:
                return worker
            else:
                return worker
    except BaseException:
        worker.close()
        raise
    finally:
        theirs.close()
        os.close(lifeline_end)
